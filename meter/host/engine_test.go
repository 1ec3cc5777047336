package host

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"cfubench/meter"
)

// card is a GPU that still counts, and on which processes compute.
type card struct {
	still
	n    int
	pids []int
}

func (c card) Domains() []meter.Domain {
	d := c.still.Domains()[0]
	d.Name, d.Device = fmt.Sprintf("gpu%d", c.n), fmt.Sprintf("GPU-%08d-2222-3333-4444-555555555555", c.n)
	return []meter.Domain{d}
}

func (c card) State() meter.DeviceState {
	return meter.DeviceState{Device: c.Domains()[0].Device, Throttled: []string{}}
}

func (c card) Processes() (listed []meter.Process, err error) {
	for _, pid := range c.pids {
		listed = append(listed, meter.Process{PID: pid})
	}
	return listed, nil
}

func (c card) PowerSamples(dst []meter.PowerSample) ([]meter.PowerSample, error) { return dst, nil }

// Of three GPUs the engine (this process) computes on one: it alone is summed, what
// computes beside it is foreign, and each look names its GPU's domain.
func TestChoiceByTheEnginesProcesses(t *testing.T) {
	clock := meter.NewClock(time.Now())
	set := Set{Sources: []meter.Source{card{still{clock}, 0, nil}, wrapped{card{still{clock}, 1, []int{os.Getpid()}}}, card{still{clock}, 2, []int{1}}}}
	engine, err := FindEngine(os.Getpid(), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := engine.String(); !strings.HasPrefix(got, fmt.Sprintf("process %d (", os.Getpid())) {
		t.Errorf("the engine is %q, want its process and its command", got)
	}
	got, err := set.Choose(t.Context(), meter.Choice{}, engine)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("summing 1 of 3 GPUs: gpu1 (engine pid %d)", os.Getpid()); got.Line != want || len(got.Warnings) != 0 {
		t.Errorf("said %q with warnings %q, want %q and none", got.Line, got.Warnings, want)
	}
	if len(got.Excluded) != 2 || got.Excluded[0].Domain != "gpu0" || got.Excluded[1].Domain != "gpu2" {
		t.Errorf("excluded %v, want gpu0 and gpu2", got.Excluded)
	}

	w := NewWatch(set, engine.Owns())
	looked := map[string]meter.DeviceState{}
	w.Each(func(s meter.DeviceState) { looked[s.Domain] = s })
	ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer stop()
	if err := w.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if len(looked) != 3 || len(looked["gpu1"].Processes) != 1 || !*looked["gpu1"].Processes[0].Engine || *looked["gpu2"].Processes[0].Engine {
		t.Errorf("looked at %+v, want three GPUs, the engine's process on gpu1 and another on gpu2", looked)
	}
	if strays := w.Strays(set.Sources[0].Domains()); len(strays) != 1 || !strings.HasPrefix(strays[0], "gpu1: ") {
		t.Errorf("with gpu0 alone in the sum: strays %q, want gpu1", strays)
	}
	if strays := w.Strays(set.Sources[1].Domains()); len(strays) != 0 {
		t.Errorf("with gpu1 in the sum: strays %q, want none", strays)
	}
}
