package agent

import (
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"cfubench/meter"
	"cfubench/meter/agent/agenttest"
	"cfubench/meter/devices"
)

// card is a register that tells what GPUs tell besides.
type card struct{ register }

func (card) State() meter.DeviceState {
	clock, limit := 1400, 700*meter.Watt
	return meter.DeviceState{Device: "GPU-x", SMClock: &clock, Limit: &limit, Throttled: []string{"sw_power_cap"}}
}
func (card) Processes() ([]meter.Process, error) { return []meter.Process{{PID: 7}, {PID: 8}}, nil }
func (card) PowerSamples(dst []meter.PowerSample) ([]meter.PowerSample, error) {
	return dst, nil
}

// What an agent sees of its GPUs reaches the client, also over a connection that
// broke: what was seen before it is kept.
func TestDevices(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	own := func() func(int) bool { return func(pid int) bool { return pid == 7 } }
	server := NewServer(truth, []meter.Source{card{register{truth}}}, nil, poll, own, Credentials{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	proxy := agenttest.NewProxy(t, l.Addr().String(), 0, 0)
	d := dial(t, proxy.Address()).Devices()
	watching, stop := context.WithCancel(ctx)
	watched := make(chan error, 1)
	go func() { watched <- d.Run(watching) }()
	looks := func(enough int) devices.Summary {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			if all := d.Summaries(); len(all) == 1 && all[0].Looks >= enough {
				return all[0]
			}
		}
		t.Fatalf("after a minute: got %+v, want %d looks", d.Summaries(), enough)
		return devices.Summary{}
	}
	first := looks(1)
	proxy.SetDown(true)
	for d.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	if got := d.Summaries(); len(got) != 1 || got[0].Looks < first.Looks {
		t.Errorf("while the connection is broken: got %+v, want what was seen before", got)
	}
	proxy.SetDown(false)
	s := looks(first.Looks + 2)
	if s.Device != "GPU-x@"+proxy.Address() || s.Throttled["sw_power_cap"] != s.Looks || !slices.Equal(s.ForeignProcesses, []int{8}) {
		t.Errorf("got %+v, want the agent's GPU, held back in every look, with process 8 foreign", s)
	}
	if err := d.Err(); err != nil {
		t.Errorf("got %v, want no failure once the connection is there again", err)
	}
	stop()
	if err := <-watched; err != nil {
		t.Error(err)
	}
}

// An agent without GPUs shows none, and that is no failure.
func TestDevicesOfAnAgentWithoutGPUs(t *testing.T) {
	t.Parallel()
	_, address := serve(t, truth, Credentials{})
	d := dial(t, address).Devices()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if err := d.Run(ctx); err != nil || len(d.Summaries()) != 0 || d.Err() != nil {
		t.Errorf("got %v, %+v and %v, want nothing and no failure", err, d.Summaries(), d.Err())
	}
}
