package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/pflag"

	"cfubench/internal/version"
	"cfubench/meter/nvml"
)

const versionHelp = `Prints which build of cfu this is, and whether it can read NVIDIA GPUs.

usage: cfu version [flags]

examples:
  cfu version
  cfu version --json

flags:
`

// build is what cfu version prints.
type build struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	NVML     bool   `json:"nvml"` // NVIDIA GPUs can be read: built with cgo
}

// bindVersion is `cfu version`.
func bindVersion(fs *pflag.FlagSet) action {
	asJSON := fs.Bool("json", false, "Print one JSON object.")
	return func(_ context.Context, env environment, _ []string) error {
		b := build{version.String(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, nvml.Built}
		if *asJSON {
			return json.NewEncoder(env.stdout).Encode(b)
		}
		gpus := "NVIDIA GPUs can be read (NVML)"
		if !b.NVML {
			gpus = "NVIDIA GPUs cannot be read: built without cgo"
		}
		_, err := fmt.Fprintf(env.stdout, "cfu %s\n%s, %s\n%s\n", b.Version, b.Go, b.Platform, gpus)
		return err
	}
}
