package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cfubench/meter"
	"cfubench/meter/rapl/powercaptest"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// stepEngine is an engine that tells the address in its first argument what it
// is about: "loaded" once it serves, "busy" while it answers, "loaded" again.
// It listens at the port in its last argument.
func stepEngine() {
	tell := func(state string) {
		resp, err := http.Post(os.Args[1]+"/"+state, "", nil)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		resp.Body.Close()
	}
	var turn sync.Mutex
	http.HandleFunc("GET /v1/models", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"object":"list","data":[{"id":"step","object":"model"}]}`)
	})
	http.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		turn.Lock()
		defer turn.Unlock()
		tell("busy")
		defer tell("loaded")
		w.Header().Set("Content-Type", "text/event-stream")
		for range 4 {
			time.Sleep(40 * time.Millisecond)
			fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a \"}}]}\n\n")
			w.(http.Flusher).Flush()
		}
		fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n")
		fmt.Fprint(w, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":4,\"total_tokens\":8}}\n\ndata: [DONE]\n\n")
	})
	tell("loaded")
	fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:"+os.Args[len(os.Args)-1], nil))
	os.Exit(1)
}

// steps are the powers that the engine of a test made its host draw, and since
// when.
type steps struct {
	mu    sync.Mutex
	at    []time.Time
	power []meter.Power
}

func (s *steps) note(p meter.Power) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.power = append(s.at, time.Now()), append(s.power, p)
}

// energy is what was drawn from one moment to another.
func (s *steps) energy(from, to time.Time) (e meter.Energy) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, begun := range s.at {
		ended := to
		if i+1 < len(s.at) && s.at[i+1].Before(to) {
			ended = s.at[i+1]
		}
		if begun.Before(from) {
			begun = from
		}
		e += meter.EnergyOf(s.power[i], ended.Sub(begun))
	}
	return e
}

// TestThreeFiguresOfAKnownHost launches an engine on a host whose socket draws
// 40 W without it, 100 W with it and 180 W while it answers: the run must find
// the three, and set the energy of its window beside what of it is above each.
func TestThreeFiguresOfAKnownHost(t *testing.T) {
	t.Parallel()
	const zone, bare, loaded, busy = "intel-rapl:0", 40 * meter.Watt, 100 * meter.Watt, 180 * meter.Watt
	tree := powercaptest.New(t, powercaptest.Zone{Dir: zone, Name: "package-0", Power: bare, Range: 262_143_328_850 * meter.Microjoule, Limit: 250 * meter.Watt})
	var drawn steps
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := loaded
		if strings.HasSuffix(r.URL.Path, "busy") {
			p = busy
		}
		tree.SetPower(zone, p)
		drawn.note(p)
	}))
	defer host.Close()
	out := filepath.Join(t.TempDir(), "out")
	p := start(t, nil, "run", "--engine-cmd", "step-engine "+host.URL+" {batch} {port}", "--out", out, "--meter", "rapl", "--sysfs", tree.Root,
		"--num-requests", "4", "--concurrency", "1", "--tokenizer", "words", "--idle", "400ms", "--warmup", "1", "--certify=false", "--convention", "residency")
	mustFinish(t, p.wait(t), p.stderr.String())
	run := closed(t, out)

	window := run.BareIdle.Window
	if got := window.Length(); got < 400*time.Millisecond || run.Cells[0].IdleBefore.Start < window.End {
		t.Fatalf("got bare idle window %+v, want one of 400 ms before the cells", run.BareIdle)
	}
	// The tree's own writer comes late now and then, by a part of a window.
	near := func(what string, got, want meter.Power, over time.Duration) {
		t.Helper()
		slack := 2 * busy.Watts() * (tree.Late() + 2*time.Millisecond).Seconds() // J
		if off := (got - want).Watts() * over.Seconds(); off > slack || off < -slack {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	_, meta, err := runfolder.Energies().Read(filepath.Join(runfolder.CellDir(out, "b1-c1-r1"), runfolder.EnergyFile))
	if err != nil {
		t.Fatal(err)
	}
	power := func(key string) meter.Power {
		t.Helper()
		n, err := strconv.ParseInt(meta[key], 10, 64)
		if err != nil {
			t.Fatalf("metadata %s of energy.arrow: %v", key, err)
		}
		return meter.Power(n)
	}
	near("bare idle", power("bare_idle_uw.package-0"), bare, window.Length())
	near("loaded idle", power("idle_uw.package-0"), loaded, run.Cells[0].IdleBefore.Length())

	cell := run.Cells[0]
	at := func(d time.Duration) time.Time { return time.Unix(0, cell.OriginUnix).Add(d) }
	length := cell.Window.Length()
	total := drawn.energy(at(cell.Window.Start), at(cell.Window.End))
	sum, err := readSummary(out)
	if err != nil {
		t.Fatal(err)
	}
	e := sum.Cells[0].Whole.Energy
	each := func(perRequest summary.Figure) meter.Power { // mean over the window
		return meter.Power(float64(perRequest) * 4 / length.Seconds() * float64(meter.Watt))
	}
	mean := func(e meter.Energy) meter.Power {
		return meter.Power(e.Joules() / length.Seconds() * float64(meter.Watt))
	}
	near("mean power of the window", each(e.PerRequest), mean(total), length)
	near("above loaded idle", each(e.AboveLoadedIdle), mean(total)-loaded, min(length, cell.IdleBefore.Length()))
	near("above bare idle", each(e.AboveBareIdle), mean(total)-bare, min(length, window.Length()))

	// The table of the run, its report and a later attribution have all three.
	page, err := os.ReadFile(filepath.Join(out, runfolder.ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"table": p.stdout.String(), "report": string(page)} {
		if !strings.Contains(text, "above loaded idle") || !strings.Contains(text, "above bare idle") || strings.Contains(text, "bare idle was not measured") {
			t.Errorf("the %s lacks the figures above idle:\n%s", name, p.stdout.String())
		}
	}
	code, stdout, stderr := cfuCommand(t, "attribute", out)
	if code != 0 || !strings.Contains(stdout, "J above loaded idle, ") || !strings.Contains(stdout, "J above bare idle") {
		t.Errorf("attribute: got exit %d and no three figures:\n%s%s", code, stdout, stderr)
	}

	// A resumed run keeps its window.
	p = start(t, nil, append(p.cmd.Args[1:], "--resume")...)
	mustFinish(t, p.wait(t), p.stderr.String())
	if again, err := runfolder.ReadRun(out); err != nil || again.BareIdle.Window != window {
		t.Errorf("got bare idle window %+v (%v) after --resume, want %+v", again.BareIdle, err, window)
	}

	// Without the raw window there is no figure, and the reason.
	if err := os.Remove(filepath.Join(out, runfolder.BareDir, runfolder.ReadingsFile)); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr = cfuCommand(t, "attribute", out)
	if want := "bare idle not measured (" + filepath.Join(out, runfolder.BareDir, runfolder.ReadingsFile) + " is missing)"; code != 0 || !strings.Contains(stdout, want) {
		t.Errorf("attribute without the raw window: got exit %d, want it to say %q:\n%s%s", code, want, stdout, stderr)
	}
}

// TestBareIdleIsNotInvented runs where there is no bare idle to measure: the run
// says why, and the total and what is above loaded idle are there all the same.
func TestBareIdleIsNotInvented(t *testing.T) {
	t.Parallel()
	tree := powercaptest.New(t, powercaptest.Zone{Dir: "intel-rapl:0", Name: "package-0", Power: 80 * meter.Watt, Range: 262_143_328_850 * meter.Microjoule, Limit: 250 * meter.Watt})
	e := newEndpoint(t, slow)
	host := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(host.Close)
	launched := func(more ...string) []string {
		return append([]string{"run", "--engine-cmd", "step-engine " + host.URL + " {batch} {port}", "--num-requests", "2", "--tokenizer", "words",
			"--idle", "50ms", "--warmup", "0", "--certify=false", "--report=false"}, more...)
	}
	for _, row := range []struct {
		why  string
		args []string
		want string // of run.json's reason
		bare bool   // a figure above bare idle is known nevertheless
	}{
		{"a given endpoint runs already", quick(e, "", "--meter", "rapl", "--sysfs", tree.Root), "was running before", false},
		{"a model of the engine's processes counts nothing without them", quick(e, "", "--meter", "cputime"), "was running before", true},
		{"no idle window is no bare one", launched("--meter", "rapl", "--sysfs", tree.Root, "--idle", "0s"), "--idle 0s", false},
		{"the model of an engine that is not there yet", launched("--meter", "cputime"), "only the engine's processes are metered", true},
		{"a host without a counter", launched("--sysfs", t.TempDir(), "--nvml-library", "/nonexistent/libnvidia-ml.so.1"), "no counter that can be read", true},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "out")
			p := start(t, nil, append(row.args, "--out", out)...)
			code := p.wait(t)
			stdout, stderr := p.stdout.String(), p.stderr.String()
			mustFinish(t, code, stderr)
			run, err := runfolder.ReadRun(out)
			if err != nil {
				t.Fatal(err)
			}
			if run.BareIdle.Measured() || !strings.Contains(run.BareIdle.NotMeasured, row.want) {
				t.Errorf("got bare idle %+v, want none because %q", run.BareIdle, row.want)
			}
			if said := strings.Contains(stdout, "bare idle was not measured: "); said == row.bare {
				t.Errorf("the table says that bare idle was not measured: %v, want %v:\n%s", said, !row.bare, stdout)
			}
			s, err := readSummary(out)
			if err != nil {
				t.Fatal(err)
			}
			got := s.Cells[0].Whole.Energy
			if got.AboveBareIdle.Known() != row.bare || row.bare && got.AboveBareIdle != got.PerRequest {
				t.Errorf("above bare idle: got %v of %v J a request, want it known: %v", got.AboveBareIdle, got.PerRequest, row.bare)
			}
		})
	}
}
