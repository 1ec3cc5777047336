package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"cfubench/internal/subcommand"
	"cfubench/internal/version"
	"cfubench/meter/nvml"
)

const versionHelp = `Prints which build of cfu this is, and whether it can read NVIDIA GPUs.

usage: cfu version [flags]

examples:
  cfu version
  cfu version --format json

flags:
`

// build is what cfu version prints.
type build struct {
	version.Build
	NVML bool `json:"nvml"` // NVIDIA GPUs can be read
}

// sayBuild begins a measurement with what this build cannot measure.
func sayBuild(env subcommand.Environment, command string) {
	if note := nvml.Unreadable(); note != "" {
		fmt.Fprintf(env.Stderr, "cfu %s: warning: %s\n", command, note)
	}
}

// bindVersion is `cfu version`.
func bindVersion(fs *pflag.FlagSet) subcommand.Action {
	as := subcommand.BindFormat(fs, "Print", "text", "json")
	return func(_ context.Context, env subcommand.Environment, _ []string) error {
		b := build{version.Read(), nvml.Built}
		if as.Is("json") {
			return json.NewEncoder(env.Stdout).Encode(b)
		}
		first, commit := "cfu "+b.Version, "commit not recorded in this build"
		if note := nvml.Unreadable(); note != "" {
			first += " (" + note + ")"
		}
		if b.Commit != "" {
			commit = "commit " + b.Commit
		}
		if b.Modified {
			commit += ", with changes that no commit has"
		}
		lines := []string{first, commit, fmt.Sprintf("%s, %s", b.Go, b.Platform)}
		if b.NVML {
			lines = append(lines, "NVIDIA GPUs can be read (NVML)")
		}
		_, err := io.WriteString(env.Stdout, strings.Join(lines, "\n")+"\n")
		return err
	}
}
