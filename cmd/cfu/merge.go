package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"cfubench/attribution"
	"cfubench/loadgen"
	"cfubench/results"
	"cfubench/results/arrowfile"

	"github.com/spf13/pflag"
)

const mergeHelp = `Joins the folders that cfu run --shard 1/N … N/N wrote into one.

usage: cfu merge --out DIR SHARD… [flags]

examples:
  cfu merge --out out/ shard1/ shard2/ shard3/

flags:
`

// bindMerge is `cfu merge`: the shards of one run become one OUT.
func bindMerge(fs *pflag.FlagSet) action {
	out := fs.String("out", "", "Write the folder `DIR`, which must not hold a run yet.")
	var derivation derivationFlags
	derivation.bind(fs)
	return func(_ context.Context, env environment, operands []string) error {
		if *out == "" || len(operands) == 0 {
			return usagef("give --out DIR and the shards' folders")
		}
		if err := derivation.check(); err != nil {
			return err
		}
		if _, err := results.ReadRun(*out); err == nil {
			return fmt.Errorf("%s already holds a run: give another --out", *out)
		}
		shards, err := openShards(operands)
		if err != nil {
			return err
		}
		merged, err := mergeShards(*out, shards)
		if err != nil {
			return err
		}
		for _, w := range merged.Warnings {
			fmt.Fprintf(env.stderr, "warning: %s\n", w)
		}
		summary, err := derivation.derive(env, *out)
		if err != nil {
			return err
		}
		return verdictError(summary)
	}
}

// shard is one folder to be merged.
type shard struct {
	dir   string
	index int // 1-based
	run   results.Run
}

// openShards reads the shards' run.json and checks that they are all the parts
// of one run.
func openShards(dirs []string) ([]shard, error) {
	var shards []shard
	for _, dir := range dirs {
		run, err := results.ReadRun(dir)
		if err != nil {
			return nil, err
		}
		s := shard{dir: dir, run: run}
		var n int
		label, _ := run.Config["shard"].(string)
		if _, err := fmt.Sscanf(label, "%d/%d", &s.index, &n); err != nil {
			return nil, fmt.Errorf("merge %s: it is not a shard: it was run without --shard", dir)
		}
		if n != len(dirs) {
			return nil, fmt.Errorf("merge %s: it is shard %s: give the folders of all %d shards, not %d", dir, label, n, len(dirs))
		}
		shards = append(shards, s)
	}
	slices.SortFunc(shards, func(a, b shard) int { return a.index - b.index })
	first := shards[0]
	for i, s := range shards {
		if s.index != i+1 {
			return nil, fmt.Errorf("merge: shard %d of %d is missing, or one is given twice", i+1, len(shards))
		}
		if a, b := sharedConfig(first.run.Config), sharedConfig(s.run.Config); !equalJSON(a, b) {
			return nil, fmt.Errorf("merge %s: its flags differ from %s's: %s", s.dir, first.dir, differing(a, b))
		}
		if s.run.TraceHash != first.run.TraceHash {
			return nil, fmt.Errorf("merge %s: its trace is not %s's: hash %.12s, want %.12s", s.dir, first.dir, s.run.TraceHash, first.run.TraceHash)
		}
		if !maps.Equal(s.run.ScheduleHash, first.run.ScheduleHash) {
			return nil, fmt.Errorf("merge %s: its schedule is not %s's: hashes %v, want %v", s.dir, first.dir, s.run.ScheduleHash, first.run.ScheduleHash)
		}
		for _, c := range s.run.Cells {
			if !c.Complete {
				return nil, fmt.Errorf("merge %s: cell %s is not complete: %s", s.dir, c.ID, c.Interrupted)
			}
		}
		if len(s.run.Cells) != len(first.run.Cells) {
			return nil, fmt.Errorf("merge %s: it has %d cells, %s has %d", s.dir, len(s.run.Cells), first.dir, len(first.run.Cells))
		}
	}
	return shards, nil
}

// sharedConfig is what all shards must have in common: everything but which
// shard they are and who meters.
func sharedConfig(c map[string]any) map[string]any {
	c = maps.Clone(c)
	for _, k := range []string{"shard", "meter", "sysfs", "nvml_library", "cpu_watts", "poll_ns", "client_cpus"} {
		delete(c, k)
	}
	return c
}

func equalJSON(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}

// mergeShards writes the joined raw tables and run.json.
func mergeShards(out string, shards []shard) (results.Run, error) {
	run := shards[0].run
	run.Config = sharedConfig(run.Config)
	run.Cells = nil
	run.Warnings = append([]string{fmt.Sprintf("merged from %d shards: their clocks were aligned by the hosts' wall clocks", len(shards))}, joinedWarnings(shards)...)
	run.Certificate = worstCertificate(shards)
	meterer := -1
	for i, s := range shards {
		if len(s.run.Domains) == 0 {
			continue
		}
		if meterer >= 0 {
			run.Warnings = append(run.Warnings, fmt.Sprintf("shards %d and %d both metered: the readings of shard %d are kept", shards[meterer].index, s.index, shards[meterer].index))
			continue
		}
		meterer = i
		run.Domains, run.LeftOut = s.run.Domains, s.run.LeftOut
	}
	if meterer < 0 {
		return run, errors.New("merge: no shard metered anything: run one of them with a --meter other than none")
	}
	for i := range shards[0].run.Cells {
		cell, err := mergeCell(out, shards, i, meterer)
		if err != nil {
			return run, err
		}
		run.Cells = append(run.Cells, cell)
	}
	return run, results.WriteRun(out, run)
}

// joinedWarnings is what the shards warned of: once what all of them did, and the
// rest with the shard that did.
func joinedWarnings(shards []shard) []string {
	by := map[string]int{}
	for _, s := range shards {
		for _, w := range slices.Compact(slices.Sorted(slices.Values(s.run.Warnings))) {
			by[w]++
		}
	}
	var all []string
	for _, s := range shards {
		for _, w := range s.run.Warnings {
			if by[w] < len(shards) {
				w = fmt.Sprintf("shard %d: %s", s.index, w)
			}
			if !slices.Contains(all, w) {
				all = append(all, w)
			}
		}
		first, own := shards[0].run.Host, s.run.Host
		if first.Memory, own.Memory = 0, 0; own != first {
			all = append(all, fmt.Sprintf("shard %d ran on another kind of host than shard %d: %s, %d cores, %s %s", s.index, shards[0].index, own.CPU, own.Cores, own.OS, own.Kernel))
		}
	}
	return all
}

// mergeCell joins the i-th cell of every shard.
func mergeCell(out string, shards []shard, i, meterer int) (results.Cell, error) {
	cell := shards[meterer].run.Cells[i]
	dir := results.CellDir(out, cell.ID)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return cell, fmt.Errorf("create cell folder: %w", err)
	}
	cell.Requests, cell.Errors = 0, 0
	var rows []loadgen.Record
	for _, s := range shards {
		c := s.run.Cells[i]
		if c.ID != cell.ID {
			return cell, fmt.Errorf("merge %s: cell %d is %s, want %s", s.dir, i+1, c.ID, cell.ID)
		}
		shift := time.Duration(c.OriginUnix - cell.OriginUnix)
		records, _, err := results.ReadRequests(filepath.Join(results.CellDir(s.dir, c.ID), results.RequestsFile))
		if err != nil {
			return cell, err
		}
		for _, r := range records {
			rows = append(rows, shifted(r, shift))
		}
		cell.Requests += c.Requests
		cell.Errors += c.Errors
		cell.Window = union(cell.Window, move(c.Window, shift))
		cell.Reasons = append(cell.Reasons, c.Reasons...)
	}
	slices.Sort(cell.Reasons)
	cell.Reasons = slices.Compact(cell.Reasons)
	slices.SortFunc(rows, func(a, b loadgen.Record) int { return a.Request - b.Request })
	for k := 1; k < len(rows); k++ {
		if rows[k].Request == rows[k-1].Request {
			return cell, fmt.Errorf("merge cell %s: request %d is in two shards", cell.ID, rows[k].Request)
		}
	}
	if cell.IdleBefore.End > cell.Window.Start {
		cell.IdleBefore.End = max(cell.IdleBefore.Start, cell.Window.Start)
	}
	if cell.IdleAfter.Start < cell.Window.End && cell.IdleAfter.Length() > 0 {
		cell.IdleAfter.Start = min(cell.IdleAfter.End, cell.Window.End)
	}
	meta := map[string]string{"cell": cell.ID, "shards": fmt.Sprint(len(shards)), "schedule_hash": cell.ScheduleHash}
	w, err := results.NewRequestsWriter(filepath.Join(dir, results.RequestsFile), meta)
	if err != nil {
		return cell, err
	}
	if err := errors.Join(w.Write(rows), w.Close()); err != nil {
		return cell, err
	}
	// What the meters and the server said is on the metering shard's own clock.
	from := results.CellDir(shards[meterer].dir, cell.ID)
	if err := copyFile(filepath.Join(dir, results.ReadingsFile), filepath.Join(from, results.ReadingsFile)); err != nil {
		return cell, err
	}
	err = copyFile(filepath.Join(dir, results.EngineFile), filepath.Join(from, results.EngineFile))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // a server without metrics
	}
	return cell, err
}

// shifted moves a record's stamps onto another origin.
func shifted(r loadgen.Record, d time.Duration) loadgen.Record {
	for _, t := range []*time.Duration{&r.Due, &r.Sent, &r.FirstToken, &r.LastToken, &r.Done} {
		if *t != loadgen.Never {
			*t += d
		}
	}
	r.TokenAt = slices.Clone(r.TokenAt)
	for i := range r.TokenAt {
		r.TokenAt[i] += d
	}
	return r
}

func move(w attribution.Window, d time.Duration) attribution.Window {
	return attribution.Window{Start: w.Start + d, End: w.End + d}
}

func union(a, b attribution.Window) attribution.Window {
	return attribution.Window{Start: min(a.Start, b.Start), End: max(a.End, b.End)}
}

// worstCertificate keeps the certificate of the shard whose client was worst:
// a run is as good as its worst client.
func worstCertificate(shards []shard) json.RawMessage {
	var worst json.RawMessage
	var most int
	for _, s := range shards {
		var c loadgen.Certificate
		if len(s.run.Certificate) == 0 || json.Unmarshal(s.run.Certificate, &c) != nil {
			continue
		}
		if worst == nil || len(c.Reasons) > most {
			worst, most = s.run.Certificate, len(c.Reasons)
		}
	}
	return worst
}

// copyFile copies a table; it appears under its name when it is whole.
func copyFile(to, from string) error {
	r, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copy table: %w", err)
	}
	defer r.Close()
	partial := to + arrowfile.PartialSuffix
	w, err := os.Create(partial)
	if err != nil {
		return fmt.Errorf("copy table: %w", err)
	}
	_, err = io.Copy(w, r)
	if err = errors.Join(err, w.Close()); err == nil {
		err = os.Rename(partial, to)
	}
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return nil
}
