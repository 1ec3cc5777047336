package host

import (
	"context"
	"errors"
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
				Remedy: remedyEngine(err),
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
	src, err := cputime.Open(o.Clock, cputime.Options{PID: pid, Watts: o.CPUWatts, IdleWatts: o.CPUIdleWatts})
	if err != nil {
		return nil, nil, err
	}
	return []meter.Source{src}, nil, nil
}

// remedyEngine says how to have the engine's process known.
func remedyEngine(err error) string {
	if forwarder := (*ForwarderError)(nil); errors.As(err, &forwarder) {
		return "give the engine's own address on its own host as the --endpoint, or run cfu agent --pid there"
	}
	return "run cfu on the engine's host as its user or as root, or launch it with --engine-cmd"
}
