package host

import (
	"context"

	"cfubench/meter"
	"cfubench/meter/rapl"
)

func openRAPL(ctx context.Context, o Options, _ string) ([]meter.Source, []meter.Refusal, error) {
	sources, left := rapl.Open(ctx, rapl.Options{Sysfs: o.Sysfs, Clock: o.Clock})
	return sources, left, nil
}
