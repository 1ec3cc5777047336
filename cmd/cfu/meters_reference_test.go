package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cfubench/meter"
	"cfubench/meter/ptd/ptdtest"
	"cfubench/meter/rapl/powercaptest"
	"cfubench/results/runfolder"
)

// bench is a host whose package draws 60 W, and 200 W while the file load is
// there.
type bench struct {
	tree *powercaptest.Tree
	load string
}

const benchZone = "intel-rapl:0"

func newBench(t *testing.T) *bench {
	b := &bench{
		tree: powercaptest.New(t, powercaptest.Zone{Dir: benchZone, Name: "package-0", Power: 60 * meter.Watt, Limit: 400 * meter.Watt, Range: 262_143_328_850}),
		load: filepath.Join(t.TempDir(), "load"),
	}
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			select {
			case <-done:
				return
			case <-tick.C:
				b.tree.SetPower(benchZone, b.power())
			}
		}
	}()
	t.Cleanup(func() { close(done); <-stopped })
	return b
}

func (b *bench) power() meter.Power {
	if _, err := os.Stat(b.load); err == nil {
		return 200 * meter.Watt
	}
	return 60 * meter.Watt
}

// command is a load for --load-cmd: it goes on until it is stopped.
func (b *bench) command() string {
	return fmt.Sprintf(`trap 'rm -f %[1]s; exit' TERM; touch %[1]s; while :; do sleep 0.02; done`, b.load)
}

func (b *bench) args(reference string, more ...string) []string {
	return append([]string{"meters", "--meter", "rapl", "--sysfs", b.tree.Root, "--reference", reference, "--load-cmd", b.command(),
		"--plateau", "1200ms", "--settle", "1200ms", "--rounds", "2"}, more...)
}

// timed reports whether plateaus of a known power are as long as they were made: under
// the race detector the tree's own writer comes too late for it.
const timed = !raceDetector

// The whole way: a meter at the wall through PTDaemon's protocol, compared with a
// counter over two rounds of idle and load, to a file, to a run that names it.
func TestReferenceAtTheWall(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := ptdtest.New(t, func() meter.Power { return 41*meter.Watt + b.power()*11/10 })
	file := filepath.Join(t.TempDir(), "wall.json")
	code, stdout, stderr := cfu(t, t.Context(), nil, b.args("ptd:"+d.Address, "--reference-out", file)...)
	if code != 0 {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	for _, want := range []string{"idle", "reference = (", "R² ", "95 % intervals"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	r, err := runfolder.ReadReference(file)
	if err != nil {
		t.Fatal(err)
	}
	if timed && (r.R2 < 0.99 || math.Abs(r.Slope-1.1) > 0.15 || math.Abs(r.Offset.Watts()-41) > 20 || r.SlopeU95 == nil) || len(r.Plateaus) != 4 {
		t.Errorf("got slope %.3f and offset %v over %d plateaus, want 1.1, 41 W, 4 and an interval", r.Slope, r.Offset, len(r.Plateaus))
	}
	if r.HostFactor != nil || len(r.Domains) != 1 || r.Domains[0].Sensor != nil {
		t.Errorf("got %+v, want no host factor without an accelerator, and no gain from a meter that covers the node", r)
	}

	out := filepath.Join(t.TempDir(), "out")
	e := newEndpoint(t, slow)
	code, _, stderr = cfu(t, t.Context(), nil, quick(e, out, "--meter", "rapl", "--meter", "ptd:"+d.Address, "--sysfs", b.tree.Root, "--reference", file, "--convention", "equal")...)
	mustFinish(t, code, stderr)
	run := closed(t, out)
	if run.Reference == nil || run.Reference.Slope != r.Slope || run.Config.Reference != file {
		t.Errorf("run.json: got reference %+v of %q, want that of %s", run.Reference, run.Config.Reference, file)
	}
	for _, dom := range run.Domains {
		if summed := dom.Name == "package-0"; dom.Summed() != summed {
			t.Errorf("%s: summed is %v: the wall meter is a cross-check", dom.Name, dom.Summed())
		}
	}
	if strings.Contains(stderr, "was not compared with") {
		t.Errorf("a warning of another sensor though it is this one:\n%s", stderr)
	}
}

// A meter that sees the domains alone tells their gain, which a run then states.
// A meter of another machine tells nothing, and is no success.
func TestReferenceOfTheDomainsAndABlindOne(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := ptdtest.New(t, func() meter.Power { return b.power() * 95 / 100 })
	file := filepath.Join(t.TempDir(), "shunt.json")
	code, stdout, stderr := cfu(t, t.Context(), nil, b.args("ptd:"+d.Address, "--reference-covers", "domains", "--format", "json", "--reference-out", file)...)
	if code != 0 {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	var r runfolder.Reference
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || len(r.Domains) != 1 || r.Domains[0].Sensor == nil {
		t.Fatalf("got %+v (error %v), want the sensor of one domain", r, err)
	}
	if gain := r.Domains[0].Sensor.Gain; timed && (gain < 0.005 || gain > 0.3) { // wide where a busy host shifts the plateaus
		t.Errorf("got a gain of ± %.3f, want that of a sensor that shows 5 %% too much", gain)
	}

	if !timed {
		return
	}
	blind := ptdtest.New(t, func() meter.Power { return 282 * meter.Watt })
	code, stdout, stderr = cfu(t, t.Context(), nil, b.args("ptd:"+blind.Address, "--rounds", "1", "--reference-out", file+".blind")...)
	if code != 1 || !strings.Contains(stderr, "does not see this load") || !strings.Contains(stdout, "reference = ") {
		t.Errorf("exit %d\n%s\n%s\nwant 1 and the meter called blind after its plateaus", code, stdout, stderr)
	}
	if _, err := os.Stat(file + ".blind"); err == nil {
		t.Error("a blind meter's file was written")
	}
}

func TestReferenceFlagsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	tree := powercaptest.New(t, powercaptest.Server()...)
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.json")
	if err := os.WriteFile(bad, []byte(`{"schema":1,"covers":"node","domains":[]}`), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--rounds", "4"}, 2, "--rounds needs --reference"},
		{[]string{"--reference", "nowhere.csv"}, 2, "want redfish:URL, scrape:URL, ptd:HOST"},
		{[]string{"--reference", "ptd:"}, 2, "want ptd:HOST"},
		{[]string{"--reference", bad, "--reference-covers", "rack"}, 2, "want node or domains"},
		{[]string{"--reference", bad, "--reference-clock", "noon"}, 2, "--reference-clock"},
		{[]string{"--reference", bad, "--plateau", "0s"}, 2, "--plateau"},
		{[]string{"--reference", bad, "--run", dir, "--rounds", "2"}, 2, "leave --load-cmd"},
		{[]string{"--reference", bad, "--run", dir}, 1, "holds no run"},
		{[]string{"--reference", "ptd:127.0.0.1:1", "--meter", "rapl"}, 1, "PTDaemon at 127.0.0.1:1"},
	} {
		code, _, stderr := meters(t, tree.Root, row.args...)
		if code != row.code || !strings.Contains(stderr, row.want) {
			t.Errorf("%q: exit %d, %q; want %d and %q", row.args, code, stderr, row.code, row.want)
		}
	}
	e := newEndpoint(t, slow)
	code, _, stderr := cfuCommand(t, quick(e, filepath.Join(dir, "out"), "--reference", bad)...)
	if code != 2 || !strings.Contains(stderr, "--reference-out FILE") {
		t.Errorf("a run with a wrong file: exit %d, %q", code, stderr)
	}
}
