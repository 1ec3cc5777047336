//go:build linux && cgo && (amd64 || arm64)

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cfubench/meter"
	"cfubench/meter/agent"
	"cfubench/meter/agent/agenttest"
	"cfubench/meter/host"
	"cfubench/meter/nvml/fakenvml"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// devices is what a cell's record says of GPUs and agents.
func devices(t *testing.T, c runfolder.Cell) (seen host.Seen) {
	t.Helper()
	if err := json.Unmarshal(c.Devices, &seen); err != nil {
		t.Fatalf("%s: devices %s: %v", c.ID, c.Devices, err)
	}
	return seen
}

// Whoever has not the agent's token or certificate measures nothing, and is told
// so before a request is sent; the token is in nothing that a run leaves, and in
// no argument that ps shows.
func TestAgentLetsInWhoIsKnown(t *testing.T) {
	t.Parallel()
	const token = "tok-9f81c2"
	library := fakenvml.Build(t, "PERIOD_MS=20")
	ca, certificate, key := agenttest.Certificates(t)
	otherCA, otherCertificate, otherKey := agenttest.Certificates(t)
	tls := func(ca, certificate, key string) []string {
		return []string{"CFU_AGENT_CA=" + ca, "CFU_AGENT_CERT=" + certificate, "CFU_AGENT_KEY=" + key}
	}
	agents := map[string]string{}
	for name, env := range map[string][]string{"token": {"CFU_AGENT_TOKEN=" + token}, "tls": append(tls(ca, certificate, key), "CFU_AGENT_TOKEN="+token)} {
		p, address := startAgentEnv(t, env, "127.0.0.1:0", "--meter", "nvml", "--nvml-library", library)
		agents[name] = address
		noToken(t, fmt.Sprintf("the arguments of the agent (%s)", name), token, filepath.Join("/proc", fmt.Sprint(p.cmd.Process.Pid), "cmdline"))
	}
	for _, row := range []struct {
		why   string
		meter string
		env   []string
		want  string // in the one line of the refusal, "" if it is let in
	}{
		{"no token", "agent:" + agents["token"], nil, "the agent rejected the token: set CFU_AGENT_TOKEN"},
		{"another token", "agent:" + agents["token"], []string{"CFU_AGENT_TOKEN=tok-guess"}, "the agent rejected the token: set CFU_AGENT_TOKEN"},
		{"the token", "agent:" + agents["token"], []string{"CFU_AGENT_TOKEN=" + token}, ""},
		{"the token, and no certificate", "agent:https://" + agents["tls"], []string{"CFU_AGENT_TOKEN=" + token, "CFU_AGENT_CA=" + ca}, "certificate"},
		{"the token, and a certificate of another authority", "agent:https://" + agents["tls"], append([]string{"CFU_AGENT_TOKEN=" + token}, tls(ca, otherCertificate, otherKey)...), "certificate"},
		{"an agent of another authority", "agent:https://" + agents["tls"], append([]string{"CFU_AGENT_TOKEN=" + token}, tls(otherCA, certificate, key)...), "certificate"},
		{"a certificate, and no token", "agent:https://" + agents["tls"], tls(ca, certificate, key), "the agent rejected the token"},
		{"the token in the clear to an agent with TLS", "agent:" + agents["tls"], []string{"CFU_AGENT_TOKEN=" + token}, "400"},
		{"the token and a certificate", "agent:https://" + agents["tls"], append([]string{"CFU_AGENT_TOKEN=" + token}, tls(ca, certificate, key)...), ""},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, paced)
			out := filepath.Join(t.TempDir(), "out")
			p := start(t, row.env, quick(e, out, "--meter", row.meter)...)
			noToken(t, "the arguments of the run", token, filepath.Join("/proc", fmt.Sprint(p.cmd.Process.Pid), "cmdline"))
			code := p.wait(t)
			if strings.Contains(p.stderr.String()+p.stdout.String(), token) {
				t.Errorf("what it prints has the token:\n%s%s", &p.stdout, &p.stderr)
			}
			if row.want != "" {
				if line := errorLine(t, p.stderr.String()); code != 1 || !strings.Contains(line, row.want) {
					t.Errorf("got exit %d and %q, want 1 and %q", code, line, row.want)
				}
				if n := len(e.sent()); n != 0 {
					t.Errorf("got %d requests sent, want none", n)
				}
				return
			}
			mustFinish(t, code, p.stderr.String())
			closed(t, out)
			var files []string
			err := filepath.WalkDir(out, func(path string, d os.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					files = append(files, path)
				}
				return err
			})
			if err != nil || len(files) < 4 {
				t.Fatalf("walk %s: %v, %d files", out, err, len(files))
			}
			for _, f := range files {
				noToken(t, f, token, f)
			}
		})
	}
}

// noToken checks that a file does not hold the token.
func noToken(t *testing.T, what, token, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if strings.Contains(string(b), token) {
		t.Errorf("%s has the token", what)
	}
}

// Over a network that is slow, or loses connections, to an agent whose clock is an
// hour wrong, a run is complete and its energy bracket holds what was drawn. These are
// tests of their own, not of one, so that the half minute of each begins early.

func TestRunOverASlowNetwork(t *testing.T) {
	library := badNetwork(t)
	_, address := startAgent(t, "127.0.0.1:0", "--meter", "nvml", "--nvml-library", library)
	run, seen := overNetwork(t, address, 200*time.Millisecond, 0) // added each way
	if u := seen.Uncertainty; u < 100*time.Millisecond {
		t.Errorf("the clock is said to be known to ± %v, want at least half of the delay", u)
	}
	if !strings.Contains(strings.Join(run.Warnings, "\n"), "its clock is known to ±") {
		t.Errorf("got warnings %q, want one of the vague clock", run.Warnings)
	}
}

// Connections break all at once, and then at one chunk in ten.
func TestRunOverBreakingConnections(t *testing.T) {
	library := badNetwork(t)
	_, address := startAgent(t, "127.0.0.1:0", "--meter", "nvml", "--nvml-library", library)
	if _, l := overNetwork(t, address, 0, 0.1); l.Reconnects == 0 || l.Lost != 0 || l.Restarts != 0 {
		t.Errorf("link: got %+v, want connections made again and nothing lost", l)
	}
}

func TestRunWithAClockAnHourAhead(t *testing.T) {
	library := badNetwork(t)
	address := wrongClock(t, library)
	if address == "" {
		t.Skip("no time namespace can be made here (unshare --time)")
	}
	if _, l := overNetwork(t, address, 0, 0); l.ClockSteps != 0 || l.Restarts != 0 || l.Exchanges == 0 {
		t.Errorf("link: got %+v, want exchanges that agree", l)
	}
}

// badNetwork begins such a test, and returns the library of its GPU, which draws 300 W.
func badNetwork(t *testing.T) (library string) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	t.Parallel()
	return fakenvml.Build(t, "PERIOD_MS=20", "POWER_MW=300000")
}

// overNetwork runs against an agent through a proxy that delays, and that cuts a share
// of the chunks once the meters are calibrated; it holds the energy of the window's
// bracket against the 300 W that are drawn.
func overNetwork(t *testing.T, address string, delay time.Duration, cut float64) (runfolder.Run, agent.Link) {
	t.Helper()
	proxy := agenttest.NewProxy(t, address, delay, 0)
	e := newEndpoint(t, slow)
	out := filepath.Join(t.TempDir(), "out")
	p := start(t, nil, quick(e, out, "--meter", "agent:"+proxy.Address(), "--idle", "2s", "--num-requests", "8",
		"--concurrency", "1", "--convention", "equal")...)
	// The clocks are compared and the meters calibrated before it gets bad.
	eventually(t, "meter", func() bool { return strings.Contains(p.stderr.String(), "meter: gpu0") })
	if cut > 0 { // all at once, for the stream of readings has few chunks, and then by chance
		proxy.SetDown(true)
		proxy.SetDown(false)
	}
	proxy.SetCut(cut)
	mustFinish(t, p.wait(t), p.stderr.String())
	run := closed(t, out)
	c := run.Cells[0]
	seen := devices(t, c)
	if len(seen.Agents) != 1 {
		t.Fatalf("got agents %+v, want one", seen.Agents)
	}
	lo, hi := bracket(t, out, c)
	if drawn := 300 * (c.Window.End - c.Window.Start).Seconds(); lo > drawn || drawn > hi {
		t.Errorf("the window's bracket is [%.2f, %.2f] J, want the %.2f J that were drawn in it", lo, hi, drawn)
	}
	return run, seen.Agents[0]
}

// bracket sums the bounds of the window's energy in joules.
func bracket(t *testing.T, out string, c runfolder.Cell) (lo, hi float64) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(out, runfolder.SummaryFile))
	if err != nil {
		t.Fatal(err)
	}
	var summary summary.Summary
	if err := json.Unmarshal(b, &summary); err != nil {
		t.Fatal(err)
	}
	for _, s := range summary.Cells {
		if s.Cell == c.ID && s.Whole.Energy != nil {
			return float64(s.Whole.Energy.Lo), float64(s.Whole.Energy.Hi)
		}
	}
	t.Fatalf("%s has no energy in the summary", c.ID)
	return 0, 0
}

// wrongClock starts an agent in a time namespace whose monotonic clock is an hour
// ahead, and returns its address, "" where there can be none.
func wrongClock(t *testing.T, library string) string {
	t.Helper()
	ahead := []string{"--time", "--monotonic", "3600", "--boottime", "3600", "--"}
	if err := exec.Command("unshare", append(ahead, "true")...).Run(); err != nil {
		return ""
	}
	program, err := exec.LookPath("cfu")
	if err != nil {
		t.Fatal(err)
	}
	p := startCommand(t, nil, "unshare", append(ahead, program, "agent", "--listen", "127.0.0.1:0", "--meter", "nvml", "--nvml-library", library)...)
	return p.listening(t)
}

// GPUs are watched where they are: other users of theirs are seen by the agent,
// and make the cell doubtful.
func TestForeignProcessesAreSeen(t *testing.T) {
	t.Parallel()
	shared := fakenvml.Build(t, "GPUS=2", "PERIOD_MS=20", "FOREIGN_PID=1")
	for _, row := range []struct {
		why     string
		flags   func(t *testing.T, e *endpoint) []string
		unknown bool // whose the processes are
	}{
		{"by the run, of an endpoint on its host", func(*testing.T, *endpoint) []string {
			return []string{"--meter", "nvml", "--nvml-library", shared}
		}, false},
		{"by the agent, which is told the endpoint", func(t *testing.T, e *endpoint) []string {
			_, a := startAgent(t, "127.0.0.1:0", "--meter", "nvml", "--nvml-library", shared, "--endpoint", e.URL)
			return []string{"--meter", "agent:" + a}
		}, false},
		{"an agent that does not know the engine says so", func(t *testing.T, e *endpoint) []string {
			_, a := startAgent(t, "127.0.0.1:0", "--meter", "nvml", "--nvml-library", shared)
			return []string{"--meter", "agent:" + a}
		}, true},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, slow)
			out := filepath.Join(t.TempDir(), "out")
			p := start(t, nil, quick(e, out, append(row.flags(t, e), "--expect-devices", "2", "--idle", "500ms")...)...)
			mustFinish(t, p.wait(t), p.stderr.String())
			run := closed(t, out)
			seen := devices(t, run.Cells[0])
			if len(seen.GPUs) != 2 {
				t.Fatalf("got GPUs %+v, want two", seen.GPUs)
			}
			for _, g := range seen.GPUs {
				if g.Looks == 0 || (len(g.ForeignProcesses) == 0) != row.unknown {
					t.Errorf("%s: got %d looks and foreign processes %v, want some: %v", g.Device, g.Looks, g.ForeignProcesses, !row.unknown)
				}
				if said := strings.Contains(strings.Join(g.Unknown, "\n"), "foreign processes"); said != row.unknown {
					t.Errorf("%s: unknown is %q, want foreign processes among it: %v", g.Device, g.Unknown, row.unknown)
				}
			}
			doubtful := false
			for _, r := range run.Cells[0].Reasons {
				doubtful = doubtful || r == runfolder.ReasonForeign
			}
			if doubtful == row.unknown {
				t.Errorf("got reasons %q, want %s among them: %v", run.Cells[0].Reasons, runfolder.ReasonForeign, !row.unknown)
			}
		})
	}
}

// Eight GPUs behind two agents are metered one by one, the idle ones too, and
// summed; a count that is not the expected one ends the run before a request.
func TestReplicaOverTwoHosts(t *testing.T) {
	t.Parallel()
	var meters []string
	for _, first := range []string{"FIRST=0", "FIRST=4"} {
		library := fakenvml.Build(t, "GPUS=4", first, "PERIOD_MS=20", "POWER_MW=100000")
		_, a := startAgent(t, "127.0.0.1:0", "--meter", "nvml", "--nvml-library", library)
		meters = append(meters, "--meter", "agent:"+a)
	}
	e := newEndpoint(t, slow)
	out := filepath.Join(t.TempDir(), "out")
	p := start(t, nil, quick(e, out, append(meters, "--expect-devices", "7")...)...)
	if code, line := p.wait(t), errorLine(t, p.stderr.String()); code != 1 || !strings.Contains(line, "--expect-devices 7: 8 GPUs are metered") {
		t.Errorf("got exit %d and %q, want 1 and the number of GPUs", code, line)
	}
	if n := len(e.sent()); n != 0 {
		t.Fatalf("got %d requests sent, want none before the devices are right", n)
	}

	p = start(t, nil, quick(e, out, append(meters, "--expect-devices", "8", "--idle", "300ms", "--convention", "token", "--weights", "1:1")...)...)
	mustFinish(t, p.wait(t), p.stderr.String())
	run := closed(t, out)
	c := run.Cells[0]
	counters := map[string]bool{}
	for _, d := range run.Domains {
		if d.Kind == meter.KindCounter && d.Scope == meter.ScopeGPU {
			counters[d.Name] = true
		}
	}
	if len(counters) != 8 {
		t.Fatalf("got counters %v, want eight", counters)
	}
	// Each has its own rows, and the summary their sum.
	shares, _, err := runfolder.Energies().Read(filepath.Join(runfolder.CellDir(out, c.ID), runfolder.EnergyFile))
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]float64{}
	for _, s := range shares {
		of[s.Domain] += float64(s.Energy) / 1e6
	}
	seconds := (c.Window.End - c.Window.Start).Seconds()
	for name := range counters {
		if watts := of[name] / seconds; watts < 80 || watts > 120 {
			t.Errorf("%s: got %.1f W over the window, want about the 100 W that each draws", name, watts)
		}
	}
	if lo, hi := bracket(t, out, c); lo > 800*seconds || hi < 800*seconds {
		t.Errorf("got [%.1f, %.1f] J, want a bracket around %.1f J of eight GPUs", lo, hi, 800*seconds)
	}
	if gpus := devices(t, c).GPUs; len(gpus) != 8 {
		t.Errorf("got the state of %d GPUs, want eight", len(gpus))
	}
}
