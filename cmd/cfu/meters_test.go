package main

import (
	"encoding/json"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cfubench/meter/rapl/powercaptest"
)

// meters runs `cfu meters` with args on a host with the tree's registers and
// no GPU, and returns its exit code and what it printed.
func meters(t *testing.T, sysfs string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	args = append([]string{"meters", "--sysfs", sysfs, "--nvml-library", "/nonexistent/libnvidia-ml.so.1"}, args...)
	return cfuCommand(t, args...)
}

func TestMetersAsObjects(t *testing.T) {
	t.Parallel()
	tree := powercaptest.New(t, powercaptest.Server()...)
	code, stdout, stderr := meters(t, tree.Root, "--format", "json")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d, stderr %q; want 0 and nothing", code, stderr)
	}
	keys := []string{"call_ns_p50", "call_ns_p99", "counter_to_power_ratio", "device", "domain", "in_sum", "kind", "limit_uw", "poll_ns", "readable",
		"reason", "remedy", "scope", "source", "unit", "update_period_ns", "update_period_p5_ns", "update_period_p95_ns", "warnings"}
	found := map[string]map[string]any{}
	dec := json.NewDecoder(strings.NewReader(stdout))
	for {
		var o map[string]any
		if err := dec.Decode(&o); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%v in %s", err, stdout)
		}
		if got := slices.Sorted(maps.Keys(o)); !slices.Equal(got, keys) {
			t.Errorf("keys %v\nwant %v", got, keys)
		}
		if readable := o["readable"] == true; readable != (o["call_ns_p50"] != nil) || !readable && o["reason"] == nil {
			t.Errorf("readable, with a call's time, or not, with a reason: %v", o)
		}
		found[o["domain"].(string)] = o
	}
	if o := found["package-1-die-1"]; o["kind"] != "counter" || o["unit"] != "uJ" || o["update_period_ns"] != 1e6 || o["remedy"] != nil ||
		o["in_sum"] != true || o["limit_uw"] != 250e6 || o["call_ns_p99"] != nil {
		t.Errorf("package-1-die-1: %v, want a counter in uJ with a period of 1 ms", o)
	}
	if o := found["psys"]; o["readable"] != true || !strings.Contains(o["reason"].(string), "cross-check") {
		t.Errorf("psys: %v, want readable and left out of the sum as a cross-check", o)
	}
	if o := found["nvml"]; o["readable"] != false || o["kind"] != nil || o["remedy"] == nil {
		t.Errorf("nvml: %v, want not readable, of no kind, with a remedy", o)
	}
}

func TestMetersAsATable(t *testing.T) {
	t.Parallel()
	tree := powercaptest.New(t, powercaptest.Server()...)
	code, stdout, stderr := meters(t, tree.Root, "--calibrate", "--calibrate-for", "200ms", "--meter", "auto", "--meter", "cputime", "--pid", strconv.Itoa(os.Getpid()))
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d, stderr %q; want 0 and nothing", code, stderr)
	}
	for _, want := range [][]string{
		// A table that is too wide for a page goes on below, with the domain again: how many
		// columns stand in one line depends on the figures of this machine.
		{"domain", "source", "kind", "scope", "readable", "in the sum", "read every"}, {"domain", "call p50"}, {"domain", "limit"},
		{"domain", "device"}, {"package-0-die-1", "intel-rapl:1/energy_uj"}, // which had no room beside it
		{"package-0-die-1", "rapl", "counter", "package", "yes", "yes"},
		{"package-0-die-1-core", "rapl", "counter", "core", "yes", "no"},
		{"cpu", "cputime", "model", "process", "yes", "no", "10ms"},
		{"rapl package-0-die-0-core: contained in package-0-die-0"},
		{"likewise package-0-die-1-core, package-1-die-0-core, package-1-die-1-core"},
		{"domain", "reads", "updates", "update period p50"}, {"domain", "counter/power"},
	} {
		if !slices.ContainsFunc(strings.Split(stdout, "\n"), func(line string) bool { return inOrder(line, want) }) {
			t.Errorf("no line with %q in order in\n%s", want, stdout)
		}
	}
}

// inOrder reports whether line has the parts, each after the one before.
func inOrder(line string, parts []string) bool {
	for _, p := range parts {
		_, after, ok := strings.Cut(line, p)
		if !ok {
			return false
		}
		line = after
	}
	return true
}
