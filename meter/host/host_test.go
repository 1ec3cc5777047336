package host_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/meter/rapl/powercaptest"
)

// options are those of a host with nothing but what is below sysfs, whatever
// the tests run on.
func options(sysfs string, specs ...string) host.Options {
	return host.Options{
		Specs: specs, Sysfs: sysfs, NVMLLibrary: "/nonexistent/libnvidia-ml.so.1",
		Clock: meter.NewClock(time.Now()), Getenv: func(string) string { return "" },
	}
}

// open opens the meters and closes them with the test.
func open(t *testing.T, o host.Options) host.Set {
	t.Helper()
	set, err := host.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open %v: %v", o.Specs, err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return set
}

// kinds lists the sources' families with the kinds of their domains.
func kinds(set host.Set) (out []string) {
	for _, src := range set.Sources {
		d := src.Domains()[0]
		out = append(out, d.Source+" "+string(d.Kind))
	}
	return out
}

// left returns the refusals of a family, joined.
func left(set host.Set, family string) string {
	var out []string
	for _, r := range set.LeftOut {
		if r.Source == family {
			out = append(out, r.Reason+" | "+r.Remedy)
		}
	}
	return strings.Join(out, "\n")
}

func TestAutoTakesCountersAndLeavesTheModel(t *testing.T) {
	tree := powercaptest.New(t, powercaptest.Server()...)
	o := options(tree.Root)
	o.PID = os.Getpid()
	set := open(t, o)
	if got := kinds(set); !slices.Equal(got, []string{"rapl counter"}) {
		t.Errorf("sources %v, want the RAPL counters only", got)
	}
	if got := left(set, "cputime"); !strings.Contains(got, "this host has real counters | --meter auto --meter cputime") {
		t.Errorf("model left out with %q, want that there are real counters and how to add it", got)
	}
	if got := left(set, "nvml"); got == "" {
		t.Error("no word about NVIDIA GPUs, want why there are none")
	}
}

func TestAutoTakesTheModelWhereNothingElseIs(t *testing.T) {
	o := options(t.TempDir(), "auto")
	o.PID = os.Getpid()
	set := open(t, o)
	if got := kinds(set); !slices.Equal(got, []string{"cputime model"}) {
		t.Errorf("sources %v, want the model", got)
	}
	if left(set, "rapl") == "" || left(set, "nvml") == "" {
		t.Errorf("left out %+v, want why neither RAPL nor NVML", set.LeftOut)
	}
	if note := set.Sources[0].Domains()[0].Note; !strings.Contains(note, "5 W per busy core") {
		t.Errorf("note %q, want the default 5 W", note)
	}
}

func TestAutoWithoutAnythingSaysSo(t *testing.T) {
	set := open(t, options(t.TempDir()))
	if len(set.Sources) != 0 || !strings.Contains(left(set, "cputime"), "the engine's process is not known | launch the engine with --engine-cmd") {
		t.Errorf("sources %v, left out %+v; want none, and what the model needs", kinds(set), set.LeftOut)
	}
}

func TestSeveralMetersAreOpenedInTheirOrder(t *testing.T) {
	tree := powercaptest.New(t, powercaptest.Server()...)
	o := options(tree.Root, "cputime", "rapl")
	o.PID, o.CPUWatts = os.Getpid(), 12
	set := open(t, o)
	if got := kinds(set); !slices.Equal(got, []string{"cputime model", "rapl counter"}) {
		t.Errorf("sources %v, want the model and the counters", got)
	}
	if note := set.Sources[0].Domains()[0].Note; !strings.Contains(note, "12 W per busy core") {
		t.Errorf("note %q, want 12 W", note)
	}
}

func TestMetersThatAreAskedForAndNotThere(t *testing.T) {
	for _, tt := range []struct {
		spec string
		want []string // parts of the one line
	}{
		{"rapl", []string{`meter "rapl"`, "no powercap tree"}},
		{"nvml", []string{`meter "nvml"`, "NVIDIA"}},
		{"hwmon", []string{`meter "hwmon"`}},
		{"amdgpu", []string{`meter "amdgpu"`}},
		{"cputime", []string{"the engine's process is not known", "--engine-cmd"}},
		{"rapl:x", []string{"takes no argument"}},
		{"scrape", []string{"want scrape:URL"}},
		{"scrape:host", []string{"want an address such as http://"}},
		{"redfish:ftp://bmc", []string{"want an address such as http://"}},
		{"rapl,nvml", []string{`meter "rapl,nvml"`, "want auto, nvml, "}},
		{"", []string{`meter ""`, "want auto, nvml, "}},
	} {
		set, err := host.Open(t.Context(), options(t.TempDir(), tt.spec))
		if err == nil {
			t.Errorf("--meter %q opened %v, want an error", tt.spec, kinds(set))
			continue
		}
		for _, part := range tt.want {
			if !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
				t.Errorf("--meter %q: %q, want one line with %q", tt.spec, err, part)
			}
		}
	}
}

func TestSpecsAreCheckedBeforeAnythingIsOpened(t *testing.T) {
	for spec, good := range map[string]bool{
		"auto": true, "rapl": true, "scrape:http://h/metrics": true,
		"auto:x": false, "rapl:": false, "scrape:": false, "ipmi": false,
	} {
		if err := host.CheckSpec(spec); (err == nil) != good {
			t.Errorf("check of %q: %v, want good %v", spec, err, good)
		}
	}
}

func TestPasswordsInAddressesAreNotPrinted(t *testing.T) {
	for _, spec := range []string{
		"redfish:https://admin:hunter2@127.0.0.1:1/", "scrape:http://admin:hunter2@127.0.0.1:1/metrics",
		"rapl:https://admin:hunter2@bmc", "nosuch:https://admin:hunter2@bmc", "redfish:ftp://admin:hunter2@bmc",
	} {
		_, err := host.Open(t.Context(), options(t.TempDir(), spec))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("--meter %s: %v, want an error without the password", spec, err)
		}
	}
}

func TestListing(t *testing.T) {
	tree := powercaptest.New(t, powercaptest.Server()...)
	o := options(tree.Root)
	set := open(t, o)
	calibrated, found, err := set.Calibrate(t.Context(), o.Clock, 300*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	entries := calibrated.List(o.Clock, found)
	var summed, contained, refused int
	for i, e := range entries {
		switch {
		case !e.Readable:
			refused++
			if e.Reason == "" {
				t.Errorf("%s %s is not readable and says no reason", e.Source, e.Domain)
			}
			if e.CallP50 != 0 || e.Summed {
				t.Errorf("%s is not readable: %+v", e.Domain, e)
			}
		case e.Summed:
			summed++
			if i >= 8 {
				t.Errorf("%s of the sum is entry %d, want the sum first", e.Domain, i)
			}
		default:
			contained++
			if !strings.Contains(e.Reason, "contain") {
				t.Errorf("%s is left out of the sum with %q, want what contains it", e.Domain, e.Reason)
			}
		}
		if e.Readable && (e.Poll != 10*time.Millisecond || e.CallP50 <= 0 || e.Calibration == nil || e.Calibration.Reads == 0) {
			t.Errorf("%s polled every %v, calls of %v, calibration %+v; want 10ms, and both measured", e.Domain, e.Poll, e.CallP50, e.Calibration)
		}
	}
	if summed != 8 || contained != 5 || refused < 2 {
		t.Errorf("%d in the sum, %d contained, %d refused; want 8 (packages and memories), 5 (cores and platform), 2 or more", summed, contained, refused)
	}
}
