package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cfubench/results/runfolder"
)

// TestInterruptResumeAndResumeAgain stops a run, finishes it, and finds nothing
// left to do.
func TestInterruptResumeAndResumeAgain(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, slow)
	out := filepath.Join(t.TempDir(), "out")
	args := load(e, out, "--num-requests", "4", "--concurrency", "1,2")
	p := start(t, nil, args...)
	eventually(t, "second request", func() bool { return len(e.sent()) >= 2 })
	p.cmd.Process.Signal(os.Interrupt)
	if code := p.wait(t); code != 1 || !strings.Contains(p.stderr.String(), "cfu run: interrupted: what was measured is in "+out) {
		t.Errorf("got exit %d, want 1 and where the rows are:\n%s", code, &p.stderr)
	}
	run, err := runfolder.ReadRun(out)
	if err != nil || len(run.Cells) != 1 || run.Cells[0].Complete || run.Cells[0].Requests == 0 {
		t.Fatalf("got cells %+v and error %v, want one that is incomplete and has rows", run.Cells, err)
	}
	p = start(t, nil, append(args, "--resume")...)
	mustFinish(t, p.wait(t), p.stderr.String())
	run = closed(t, out)
	for _, c := range run.Cells {
		if !c.Complete || c.Requests != 4 {
			t.Errorf("got cell %+v after --resume, want it complete with 4 requests", c)
		}
	}
	if len(run.Cells) != 2 {
		t.Errorf("got %d cells, want 2", len(run.Cells))
	}
	if len(run.Engine) != 1 {
		t.Errorf("got engines %+v after --resume, want the one endpoint once", run.Engine)
	}
	// --max-tokens lowers targets, and both runs say so.
	if n := strings.Count(strings.Join(run.Warnings, "\n"), "output targets were lowered"); n != 1 {
		t.Errorf("got warnings %q after --resume, want that targets were lowered once", run.Warnings)
	}
	sent := len(e.sent())
	tables := []string{runfolder.RunFile, "cells/b0-c1-r1/requests.arrow", "cells/b0-c1-r1/energy.arrow", "cells/b0-c2-r1/energy.arrow"}
	read := func() [][]byte {
		var all [][]byte
		for _, name := range tables {
			b, err := os.ReadFile(filepath.Join(out, name))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
		return all
	}
	before := read()
	p = start(t, nil, append(args, "--resume")...)
	mustFinish(t, p.wait(t), p.stderr.String())
	for i, after := range read() {
		if !bytes.Equal(before[i], after) {
			t.Errorf("%s changed though nothing was left to do", tables[i])
		}
	}
	if n := len(e.sent()); n != sent {
		t.Errorf("got %d more requests, want none", n-sent)
	}
}

// A second interrupt ends a run at once, also one that a script started in the
// background, where the shell has interrupts ignored.
func TestASecondInterruptEndsARunAtOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, start string
		want        int
	}{
		// These tests may themselves run in the background.
		{"of a terminal's", "exec env --default-signal=INT", -1},
		{"of a script's in the background", "trap '' INT; exec", 130},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, slow)
			out := filepath.Join(t.TempDir(), "out")
			args := append([]string{"-c", tt.start + ` cfu "$@"`, "sh"}, load(e, out, "--num-requests", "4", "--concurrency", "1", "--drain", "1m")...)
			p := startCommand(t, nil, "sh", args...)
			eventually(t, "second request", func() bool { return len(e.sent()) >= 2 })
			p.cmd.Process.Signal(os.Interrupt)
			eventually(t, "end of the first interrupt's effect", func() bool {
				p.cmd.Process.Signal(os.Interrupt)
				select {
				case <-p.ended:
					return true
				default:
					return false
				}
			})
			if code := p.wait(t); code != tt.want {
				t.Errorf("got exit %d, want %d:\n%s", code, tt.want, &p.stderr)
			}
		})
	}
}

// A terminal that is closed ends a run as an interrupt does; one that was started to
// outlive it goes on.
func TestARunWhoseTerminalIsClosed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, start string
		want        int
	}{
		{"ends and keeps its rows", "exec env --default-signal=HUP", 1},
		{"goes on under nohup", "exec nohup", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, slow)
			out := filepath.Join(t.TempDir(), "out")
			args := append([]string{"-c", tt.start + ` cfu "$@"`, "sh"}, load(e, out, "--num-requests", "3", "--concurrency", "1")...)
			p := startCommand(t, nil, "sh", args...)
			eventually(t, "second request", func() bool { return len(e.sent()) >= 2 })
			p.cmd.Process.Signal(syscall.SIGHUP)
			if code := p.wait(t); code != tt.want {
				t.Errorf("got exit %d, want %d:\n%s", code, tt.want, &p.stderr)
			}
			run, err := runfolder.ReadRun(out)
			if err != nil || len(run.Cells) != 1 || run.Cells[0].Requests == 0 || run.Cells[0].Complete != (tt.want == 0) {
				t.Errorf("got cells %+v and error %v, want one with rows", run.Cells, err)
			}
		})
	}
}
