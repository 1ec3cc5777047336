//go:build !linux || !cgo || !(amd64 || arm64)

package nvml

import (
	"runtime"

	"cfubench/meter"
)

func open(meter.Clock, string) ([]meter.Source, []meter.Refusal) {
	return nil, []meter.Refusal{{
		Source: source,
		Reason: "this cfu cannot load the NVIDIA management library: it was built for " + runtime.GOOS + "/" + runtime.GOARCH + ", without cgo",
		Remedy: "build it with CGO_ENABLED=1 and a C compiler on linux/amd64 or linux/arm64",
	}}
}
