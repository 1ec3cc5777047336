package host

import (
	"context"
	"fmt"

	"cfubench/meter"
	"cfubench/meter/cputime"
)

// openCPUTime models the engine's process tree: the process that it is told,
// or the one that listens at the endpoint if that is on this host.
func openCPUTime(_ context.Context, o Options, _ string) ([]meter.Source, []meter.Refusal, error) {
	pid := o.PID
	if pid == 0 && o.EndpointURL != "" {
		found, err := Listener("/proc", o.EndpointURL)
		if err != nil {
			return nil, []meter.Refusal{{
				Source: "cputime", Reason: fmt.Sprintf("the engine's process is not known: %v", err),
				Remedy: "run cfu on the engine's host as its user or as root, or launch it with --engine-cmd",
			}}, nil
		}
		pid = found
	}
	if pid == 0 {
		return nil, []meter.Refusal{{
			Source: "cputime", Reason: "the engine's process is not known",
			Remedy: "launch the engine with --engine-cmd, or give the --endpoint of one on this host",
		}}, nil
	}
	src, err := cputime.Open(o.Clock, pid, o.CPUWatts)
	if err != nil {
		return nil, nil, err
	}
	return []meter.Source{src}, nil, nil
}
