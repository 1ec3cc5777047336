//go:build linux && cgo && (amd64 || arm64)

package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cfubench/meter"
	"cfubench/meter/nvml/fakenvml"
	"cfubench/results/runfolder"
)

// startAgent starts cfu agent on the loopback and returns its address.
func startAgent(t *testing.T, listen string, args ...string) (p *process, address string) {
	t.Helper()
	return startAgentEnv(t, nil, listen, args...)
}

// startAgentEnv starts it with variables of its environment.
func startAgentEnv(t *testing.T, env []string, listen string, args ...string) (p *process, address string) {
	t.Helper()
	p = start(t, env, append([]string{"agent", "--listen", listen}, args...)...)
	return p, p.listening(t)
}

// listening waits for the address that an agent prints.
func (p *process) listening(t *testing.T) (address string) {
	t.Helper()
	eventually(t, "agent that listens: "+p.stderr.String(), func() bool {
		select {
		case <-p.ended:
			t.Fatalf("the agent ended:\n%s", &p.stderr)
		default:
		}
		address = strings.TrimSpace(p.stdout.String())
		return address != ""
	})
	return address
}

// Two agents with a GPU each are metered as two GPUs, and the counters close.
func TestRunWithTwoAgents(t *testing.T) {
	t.Parallel()
	library := fakenvml.Build(t, "PERIOD_MS=20")
	_, a := startAgent(t, "127.0.0.1:0", "--meter", "nvml", "--nvml-library", library)
	_, b := startAgent(t, "127.0.0.1:0", "--meter", "nvml", "--nvml-library", library)
	out := filepath.Join(t.TempDir(), "out")
	e := newEndpoint(t, healthy)
	p := start(t, nil, quick(e, out, "--meter", "agent:"+a, "--meter", "agent:"+b,
		"--rate", "10", "--arrival", "constant", "--convention", "equal,token")...)
	// A busy machine makes the run invalid (client_late), which is another
	// matter: its tables must be there and right.
	if code := p.wait(t); code != 0 && code != 1 {
		t.Fatalf("exit %d:\n%s", code, &p.stderr)
	}
	t.Logf("%s", &p.stderr)
	run := closed(t, out)
	for _, c := range run.Cells {
		if !c.Complete {
			t.Errorf("%s is not complete:\n%s", c.ID, &p.stderr)
		}
	}
	var from []string
	for _, d := range run.Domains {
		if d.Kind == meter.KindCounter {
			from = append(from, d.Source)
		}
	}
	slices.Sort(from)
	want := []string{"nvml@" + a, "nvml@" + b}
	slices.Sort(want)
	if !slices.Equal(from, want) {
		t.Errorf("counters come from %v, want %v", from, want)
	}
	for _, c := range run.Cells {
		readings, err := runfolder.ReadReadings(filepath.Join(runfolder.CellDir(out, c.ID), runfolder.ReadingsFile))
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range readings.Domains {
			r := readings.ByDomain[i]
			if len(r) == 0 {
				t.Errorf("%s: no reading of %s", c.ID, d.Name)
				continue
			}
			if d.Kind == meter.KindCounter && (r[0].Before > c.Window.Start || r[len(r)-1].After < c.Window.End) {
				t.Errorf("%s: readings of %s are from %v to %v, want the window from %v to %v covered", c.ID, d.Name, r[0].Before, r[len(r)-1].After, c.Window.Start, c.Window.End)
			}
		}
	}
}

// An agent that is killed and started again in mid-run costs a flagged gap.
func TestRunOutlivesItsAgent(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	t.Parallel()
	library := fakenvml.Build(t, "PERIOD_MS=20")
	flags := []string{"--meter", "nvml", "--nvml-library", library}
	first, address := startAgent(t, "127.0.0.1:0", flags...)
	out := filepath.Join(t.TempDir(), "out")
	e := newEndpoint(t, slow)
	p := start(t, nil, quick(e, out, "--meter", "agent:"+address, "--idle", "1s", "--num-requests", "12", "--max-tokens", "8",
		"--concurrency", "1", "--convention", "equal")...)
	eventually(t, "request", func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return len(e.bodies) > 2
	})
	first.cmd.Process.Kill()
	<-first.ended
	startAgent(t, address, flags...)
	if code := p.wait(t); code != 0 && code != 1 {
		t.Fatalf("exit %d:\n%s", code, &p.stderr)
	}
	t.Logf("%s", &p.stderr)
	run := closed(t, out)
	readings, err := runfolder.ReadReadings(filepath.Join(runfolder.CellDir(out, run.Cells[0].ID), runfolder.ReadingsFile))
	if err != nil {
		t.Fatal(err)
	}
	flagged := false
	for _, r := range readings.ByDomain[0] {
		flagged = flagged || r.Status == meter.StatusGap
	}
	if !flagged {
		t.Errorf("no reading says that there is a gap:\n%s", &p.stderr)
	}
	if len(rowsOf(t, out, run.Cells[0].ID)) != 12 {
		t.Error("the run lost requests with its agent")
	}
}

func TestAgentUsage(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"other hosts are served only with credentials", []string{"--listen", ":0"}, "set CFU_AGENT_TOKEN"},
		{"a meter that does not exist", []string{"--meter", "wattmeter"}, "wattmeter"},
		{"a period that makes no sense", []string{"--poll", "-1s"}, "--poll"},
		{"arguments", []string{"now"}, `unexpected argument "now"`},
		{"an address without a port", []string{"--listen", "localhost"}, "HOST:PORT"},
	} {
		p := start(t, nil, append([]string{"agent"}, row.args...)...)
		if code := p.wait(t); code != 2 || !strings.Contains(p.stderr.String(), row.want) {
			t.Errorf("%s: got exit %d and %q, want 2 and %q", row.name, code, p.stderr.String(), row.want)
		}
	}
}
