package host

import (
	"context"

	"cfubench/meter"
	"cfubench/meter/amdgpu"
	"cfubench/meter/hwmon"
	"cfubench/meter/nvml"
)

// The families of this host's own boards.

func openNVML(_ context.Context, o Options, _ string) ([]meter.Source, []meter.Refusal, error) {
	sources, left := nvml.Open(o.Clock, o.NVMLLibrary)
	return sources, left, nil
}

func openAMDGPU(_ context.Context, o Options, _ string) ([]meter.Source, []meter.Refusal, error) {
	sources, left := amdgpu.Open(o.Clock, o.Sysfs)
	return sources, left, nil
}

func openHwmon(_ context.Context, o Options, _ string) ([]meter.Source, []meter.Refusal, error) {
	sources, left := hwmon.Open(o.Clock, o.Sysfs)
	return sources, left, nil
}
