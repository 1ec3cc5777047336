package sweep

import (
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/arrowfile"
	"cfubench/results/runfolder"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Merge joins the folders that the shards of one run wrote into the run folder
// out, which must not hold a run yet, and returns its run.json.
func Merge(out string, dirs []string) (runfolder.Run, error) {
	if _, err := runfolder.ReadRun(out); err == nil {
		return runfolder.Run{}, fmt.Errorf("%s already holds a run: give another --out", out)
	}
	shards, err := openShards(dirs)
	if err != nil {
		return runfolder.Run{}, err
	}
	return mergeShards(out, shards)
}

// shard is one folder to be merged.
type shard struct {
	dir   string
	index int // 1-based
	run   runfolder.Run
}

// openShards reads the shards' run.json and checks that they are all the parts
// of one run.
func openShards(dirs []string) ([]shard, error) {
	var shards []shard
	for _, dir := range dirs {
		run, err := runfolder.ReadRun(dir)
		if err != nil {
			return nil, err
		}
		if run.Record != nil {
			return nil, fmt.Errorf("merge %s: it is a record, and %s is a run: records are merged with records alone", dir, dirs[0])
		}
		s := shard{dir: dir, run: run}
		var n int
		label := run.Config.Shard
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
		if flags := sharedConfig(first.run.Config).Differing(sharedConfig(s.run.Config)); len(flags) > 0 {
			return nil, fmt.Errorf("merge %s: its flags differ from %s's: %s", s.dir, first.dir, strings.Join(flags, ", "))
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
func sharedConfig(c runfolder.Config) runfolder.Config {
	c.Shard, c.Meter, c.Sysfs, c.NVMLLibrary, c.CPUWatts, c.Poll, c.ClientCPUs = "", nil, "", "", 0, 0, ""
	return c
}

// mergeShards writes the joined raw tables and run.json.
func mergeShards(out string, shards []shard) (runfolder.Run, error) {
	run := shards[0].run
	run.Config = sharedConfig(run.Config)
	run.Cells = nil
	run.Warnings = append([]string{fmt.Sprintf("merged from %d shards: their clocks were aligned by the hosts' wall clocks", len(shards))}, joinedWarnings(shards)...)
	run.SelfTest = worstSelfTest(shards)
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
	return run, runfolder.WriteRun(out, run)
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
func mergeCell(out string, shards []shard, i, meterer int) (runfolder.Cell, error) {
	cell := shards[meterer].run.Cells[i]
	dir := runfolder.CellDir(out, cell.ID)
	if err := runfolder.MakeDir(dir); err != nil {
		return cell, fmt.Errorf("create cell folder: %w", err)
	}
	listed := cell.Tables
	cell.Requests, cell.Errors, cell.Tables = 0, 0, nil
	var rows []runfolder.Request
	for _, s := range shards {
		c := s.run.Cells[i]
		if c.ID != cell.ID {
			return cell, fmt.Errorf("merge %s: cell %d is %s, want %s", s.dir, i+1, c.ID, cell.ID)
		}
		shift := time.Duration(c.OriginUnix - cell.OriginUnix)
		records, _, err := runfolder.Requests().Read(filepath.Join(runfolder.CellDir(s.dir, c.ID), runfolder.RequestsFile))
		if err != nil {
			return cell, err
		}
		for _, r := range records {
			r.Record = shifted(r.Record, shift)
			rows = append(rows, r)
		}
		cell.Requests += c.Requests
		cell.Errors += c.Errors
		cell.Window = union(cell.Window, move(c.Window, shift))
		cell.Reasons = append(cell.Reasons, c.Reasons...)
	}
	slices.Sort(cell.Reasons)
	cell.Reasons = slices.Compact(cell.Reasons)
	slices.SortFunc(rows, func(a, b runfolder.Request) int { return a.Record.Request - b.Record.Request })
	for k := 1; k < len(rows); k++ {
		if id := rows[k].Record.Request; id == rows[k-1].Record.Request {
			return cell, fmt.Errorf("merge cell %s: request %d is in two shards", cell.ID, id)
		}
	}
	if cell.IdleBefore.End > cell.Window.Start {
		cell.IdleBefore.End = max(cell.IdleBefore.Start, cell.Window.Start)
	}
	if cell.IdleAfter.Start < cell.Window.End && cell.IdleAfter.Length() > 0 {
		cell.IdleAfter.Start = min(cell.IdleAfter.End, cell.Window.End)
	}
	meta := map[string]string{"cell": cell.ID, "shards": fmt.Sprint(len(shards)), "schedule_hash": cell.ScheduleHash}
	w, err := runfolder.Requests().Create(filepath.Join(dir, runfolder.RequestsFile), meta)
	if err != nil {
		return cell, err
	}
	if err := w.Write(rows...); err != nil {
		return cell, errors.Join(err, w.Abort())
	}
	if err := w.Close(); err != nil {
		return cell, err
	}
	// What the meters and the server said is on the metering shard's own clock.
	from := runfolder.CellDir(shards[meterer].dir, cell.ID)
	if err := copyFile(filepath.Join(dir, runfolder.ReadingsFile), filepath.Join(from, runfolder.ReadingsFile)); err != nil {
		return cell, err
	}
	for _, table := range []string{runfolder.EngineFile, runfolder.DevicesFile} {
		err := copyFile(filepath.Join(dir, table), filepath.Join(from, table))
		if err != nil && (listed[table] != "" || !errors.Is(err, fs.ErrNotExist)) { // a server without metrics, a host without GPUs
			return cell, err
		}
	}
	return cell, nil
}

// shifted moves a record's stamps onto another origin.
func shifted(r loadgen.Record, d time.Duration) loadgen.Record {
	for _, t := range []*time.Duration{&r.Due, &r.Sent, &r.FirstToken, &r.LastToken, &r.Done} {
		if *t != loadgen.Never {
			*t += d
		}
	}
	for i := range r.TokenAt {
		r.TokenAt[i] += d
	}
	return r
}

func move(w meter.Window, d time.Duration) meter.Window {
	return meter.Window{Start: w.Start + d, End: w.End + d}
}

func union(a, b meter.Window) meter.Window {
	return meter.Window{Start: min(a.Start, b.Start), End: max(a.End, b.End)}
}

// worstSelfTest keeps the self-test of the shard whose client was worst:
// a run is as good as its worst client.
func worstSelfTest(shards []shard) *loadgen.SelfTest {
	var worst *loadgen.SelfTest
	for _, s := range shards {
		if c := s.run.SelfTest; c != nil && (worst == nil || len(c.Reasons) > len(worst.Reasons)) {
			worst = c
		}
	}
	return worst
}

// copyFile copies a table; it appears under its name when it is whole.
func copyFile(to, from string) error {
	r, err := runfolder.OpenFile(from, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("copy table: %w", err)
	}
	defer r.Close()
	partial := to + arrowfile.PartialSuffix
	w, err := runfolder.Create(partial)
	if err != nil {
		return fmt.Errorf("copy table: %w", err)
	}
	_, err = io.Copy(w, r)
	if err = errors.Join(err, w.Close()); err == nil {
		err = runfolder.Rename(partial, to)
	}
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return nil
}
