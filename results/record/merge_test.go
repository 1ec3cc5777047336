package record

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cfubench/meter"
	"cfubench/results/runfolder"
)

// TestMergedTables: every raw table of a node's part goes with it, under the names
// that its domains have in what is merged.
func TestMergedTables(t *testing.T) {
	dir := t.TempDir()
	cell := runfolder.Cell{ID: runfolder.RecordCell, Repeat: 1, Complete: true, OriginUnix: 1e18, Window: meter.Window{End: time.Minute}}
	domains := runfolder.Describe([]meter.Domain{
		{Name: "gpu0", Device: "GPU-0", Kind: meter.KindCounter, Scope: meter.ScopeGPU},
		{Name: "psys", Device: "a", Kind: meter.KindCounter, Scope: meter.ScopePackage},
		{Name: "core", Device: "a", Kind: meter.KindCounter, Scope: meter.ScopePackage, Parent: "psys", Host: "far"},
	})
	run := runfolder.Run{
		Domains: domains, Cells: []runfolder.Cell{cell}, ScheduleHash: map[string]string{},
		Record: &runfolder.Recorded{Parts: []runfolder.RecordedPart{{Cell: cell.ID, Of: "host", BootID: "boot"}}},
	}
	from := filepath.Join(dir, "node7")
	file := func(table string) string { return runfolder.CellFile(from, cell.ID, table) }
	if err := runfolder.MakeDir(runfolder.CellDir(from, cell.ID)); err != nil {
		t.Fatal(err)
	}
	readings, err := runfolder.DeriveReadings(file(runfolder.ReadingsFile), domains, nil)
	if err != nil {
		t.Fatal(err)
	}
	read := meter.Reading{Domain: 2, Before: time.Second, After: 2 * time.Second, Energy: 7, HasEnergy: true, Status: meter.StatusOK}
	if err := readings.Write(read); err != nil {
		t.Fatal(err)
	}
	if err := readings.Close(); err != nil {
		t.Fatal(err)
	}
	powers, err := runfolder.Powers().Derive(file(runfolder.PowerFile), nil)
	if err != nil {
		t.Fatal(err)
	}
	power := runfolder.PowerSecond{Domain: "gpu0", From: time.Second, Min: 1, Mean: 2, Max: 3}
	if err := powers.Write(&power); err != nil {
		t.Fatal(err)
	}
	if err := powers.Close(); err != nil {
		t.Fatal(err)
	}
	looks, err := runfolder.DeviceStates().Create(file(runfolder.DevicesFile), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := looks.Write(runfolder.StateRow(cell.Key(), meter.DeviceState{At: time.Second, Domain: "gpu0", Device: "GPU-0"})); err != nil {
		t.Fatal(err)
	}
	if err := looks.Close(); err != nil {
		t.Fatal(err)
	}
	if err := runfolder.WriteRun(from, run); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from, runfolder.RecordFile), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}

	out := filepath.Join(dir, "all")
	merged, err := Merge(out, []string{from})
	if err != nil {
		t.Fatal(err)
	}
	const id = "node7-record"
	if len(merged.Cells) != 1 || merged.Cells[0].ID != id || merged.Record.Parts[0].Cell != id || merged.Record.Parts[0].Node != "node7" {
		t.Fatalf("got the cells %+v and the record %+v, want one part %s", merged.Cells, merged.Record, id)
	}
	table, err := runfolder.ReadReadings(runfolder.CellFile(out, id, runfolder.ReadingsFile))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ name, parent, host string }{
		{"gpu0@node7", "", "node7"}, {"psys@node7", "", "node7"}, {"core@node7", "psys@node7", "far"},
	} {
		if d := table.Domains[i]; d.Name != want.name || d.Parent != want.parent || d.Host != want.host {
			t.Errorf("got the domain %s below %q at %q, want %+v", d.Name, d.Parent, d.Host, want)
		}
	}
	if got := table.ByDomain[2]; len(got) != 1 || got[0] != read {
		t.Errorf("got the readings %+v, want %+v", got, read)
	}
	seconds, _, err := runfolder.Powers().Read(runfolder.CellFile(out, id, runfolder.PowerFile))
	power.Domain = "gpu0@node7"
	if err != nil || len(seconds) != 1 || seconds[0] != power {
		t.Errorf("got the seconds %+v and error %v, want %+v", seconds, err, power)
	}
	states, _, err := runfolder.DeviceStates().Read(runfolder.CellFile(out, id, runfolder.DevicesFile))
	if err != nil || len(states) != 1 || states[0].Domain != "gpu0@node7" || states[0].Cell != id || states[0].At != time.Second {
		t.Errorf("got the looks %+v and error %v, want one at gpu0@node7 of %s", states, err, id)
	}
}

// TestMeteredTwice: what two records read at one time from one register counts once.
func TestMeteredTwice(t *testing.T) {
	socket := meter.Domain{Name: "package-0", Device: "/sys/intel-rapl:0", Kind: meter.KindCounter, Scope: meter.ScopePackage}
	far := socket
	far.Host, far.Name = "far", "package-0@far"
	model := meter.Domain{Name: "cpu", Device: "process tree 1", Kind: meter.KindModel, Scope: meter.ScopeProcess}
	gpu := meter.Domain{Name: "gpu0", Device: "GPU-01234567-89ab-cdef-0123-456789abcdef", Kind: meter.KindCounter, Scope: meter.ScopeGPU}
	remote := gpu
	remote.Host, remote.Name = "a", "gpu0@a"
	slot := meter.Domain{Name: "gpu0", Device: "0000:01:00.0", Kind: meter.KindCounter, Scope: meter.ScopeGPU}
	record := func(name, boot string, origin, length time.Duration, d meter.Domain) node {
		return node{dir: name, name: name, run: runfolder.Run{
			Domains: runfolder.Describe([]meter.Domain{d}),
			Record:  &runfolder.Recorded{Parts: []runfolder.RecordedPart{{BootID: boot}}},
			Cells:   []runfolder.Cell{{OriginUnix: int64(origin), Window: meter.Window{End: length}}},
		}}
	}
	for _, c := range []struct {
		why  string
		a, b node
		want string
	}{
		{"two hosts at one time", record("a", "1", 0, time.Hour, socket), record("b", "2", 1, time.Hour, socket), ""},
		{"two commands of one host at one time", record("a", "1", 0, time.Hour, socket), record("b", "1", 1, time.Hour, socket), "package-0 (/sys/intel-rapl:0) was metered by a at the same time"},
		{"two commands of one host in turn", record("a", "1", 0, time.Hour, socket), record("b", "1", time.Hour, time.Hour, socket), ""},
		{"two processes of one host, which a model tells apart", record("a", "1", 0, time.Hour, model), record("b", "1", 1, time.Hour, model), ""},
		{"an agent that both asked", record("a", "1", 0, time.Hour, far), record("b", "2", 1, time.Hour, far), "package-0@far (/sys/intel-rapl:0) was metered by a at the same time"},
		{"a GPU that one read itself and the other through an agent", record("a", "1", 0, time.Hour, gpu), record("b", "2", 1, time.Hour, remote), "gpu0@a (GPU-01234567-89ab-cdef-0123-456789abcdef) was metered by a at the same time"},
		{"GPUs in the same slot of two hosts", record("a", "1", 0, time.Hour, slot), record("b", "2", 1, time.Hour, slot), ""},
		{"a copy", record("a", "1", 5, time.Hour, model), record("b", "1", 5, time.Hour, model), "it is a copy of a"},
	} {
		if got := c.b.twice(c.a); got != c.want {
			t.Errorf("%s: got %q, want %q", c.why, got, c.want)
		}
	}
}

// TestNodeNames: a node is called as its folder is, and no two are called the same.
func TestNodeNames(t *testing.T) {
	dir := t.TempDir()
	var dirs []string
	for i, name := range []string{"a/rec", "b/rec", "rec-2"} {
		at := filepath.Join(dir, name)
		run := runfolder.Run{
			ScheduleHash: map[string]string{}, Record: &runfolder.Recorded{Parts: []runfolder.RecordedPart{{Cell: "record"}}},
			Cells: []runfolder.Cell{{ID: "record", OriginUnix: int64(i)}},
		}
		if err := os.MkdirAll(at, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := runfolder.WriteRun(at, run); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at, runfolder.RecordFile), []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, at)
	}
	nodes, err := openNodes(dirs)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range nodes {
		got = append(got, n.name)
	}
	if want := "rec rec-2 rec-2-2"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
