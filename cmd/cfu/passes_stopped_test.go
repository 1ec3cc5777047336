package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cfubench/results/check"
	"cfubench/results/runfolder"
	"cfubench/results/simulated"
)

// patience is how long an interrupted command may take to end. It has promised 2 s
// on a machine that does nothing else.
const patience = 15 * time.Second

// passesOf are the command lines of every pass over a run folder.
func passesOf(t *testing.T, out string) [][]string {
	t.Helper()
	csv := filepath.Join(t.TempDir(), "csv")
	return [][]string{
		{"attribute", out, "--convention", "step,phase,token"}, {"amortize", out, "--monte-carlo", "20000"}, {"report", out},
		{"export", out, "--dir", csv}, {"check", out}, {"compare", out, out}, {"amortize", "--crossover", out + "#b2-c2-r1", out + "#b2-c4-r1", "--monte-carlo", "20000"},
	}
}

// TestPassesStopped ends passes at random instants, by a kill, an interrupt or a
// termination: an interrupted one ends soon, no table is other than it was or than
// it should become, and the pass done again makes the folder agree with itself.
// CFU_CAMPAIGN=200 stops that many.
func TestPassesStopped(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("stops and starts two dozen processes")
	}
	out := simulate(t, "out", func(s *simulated.Spec) { s.Requests = 150 })
	if code, _, stderr := cfuCommand(t, "report", out); code != 0 {
		t.Fatal(stderr)
	}
	passes := passesOf(t, out)
	n := len(passes)
	if text := os.Getenv("CFU_CAMPAIGN"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	signals := []syscall.Signal{syscall.SIGINT, syscall.SIGKILL, syscall.SIGTERM}
	for i := range n {
		pass, signal := passes[i%len(passes)], signals[i%len(signals)]
		after := time.Duration(random.Int64N(int64(500 * time.Millisecond)))
		t.Logf("%v after %v: %s", signal, after, strings.Join(pass, " "))
		p := start(t, nil, pass...)
		select {
		case <-p.ended:
		case <-time.After(after):
		}
		sent := time.Now()
		if err := p.cmd.Process.Signal(signal); err != nil && err != os.ErrProcessDone {
			t.Fatal(err)
		}
		p.wait(t)
		if took := time.Since(sent); took > patience {
			t.Errorf("it ended %v after %v", took, signal)
		}
		got, err := check.Folder(t.Context(), out)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range got.Findings {
			// What the pass was about to make again may be older than its table.
			if f.File != runfolder.SummaryFile && f.File != runfolder.FootprintFile {
				t.Errorf("%v after %v of %s: %v", signal, after, pass[0], f)
			}
		}
		if code, _, stderr := cfuCommand(t, pass...); code != 0 {
			t.Errorf("%s done again: %s", pass[0], stderr)
		}
		if got, err := check.Folder(t.Context(), out); err != nil || len(got.Findings) > 0 {
			t.Errorf("after %s was done again: %v, %v", pass[0], got.Findings, err)
		}
	}
}

// A second interrupt ends a command at once, whatever it does.
func TestSecondInterrupt(t *testing.T) {
	t.Parallel()
	requests := 150
	if raceDetector {
		requests = 15 // it is ten times as slow
	}
	out := simulate(t, "out", func(s *simulated.Spec) { s.Requests = requests })
	for _, pass := range passesOf(t, out)[:3] {
		p := start(t, nil, pass...)
		time.Sleep(100 * time.Millisecond)
		for range 2 {
			_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended
			time.Sleep(20 * time.Millisecond)
		}
		sent := time.Now()
		p.wait(t)
		if took := time.Since(sent); took > patience {
			t.Errorf("%s ended %v after the second interrupt", pass[0], took)
		}
	}
}
