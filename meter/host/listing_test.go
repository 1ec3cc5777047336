package host

import (
	"testing"

	"cfubench/meter"
	"cfubench/meter/nvml"
)

// TestHead: the first sentence says what a run here would measure, and the line
// before it what the build cannot read.
func TestHead(t *testing.T) {
	counter := func(name string) Entry {
		return Entry{Source: "rapl", Domain: name, Kind: meter.KindCounter, Summed: true}
	}
	model := Entry{Source: "cputime", Domain: "cpu", Kind: meter.KindModel, Summed: true}
	for _, c := range []struct {
		about   string
		entries []Entry
		want    string
	}{
		{"nothing", nil, "No energy sensor can be read here: a run that knows the engine's process models its joules, any other has none."},
		{"a model alone is no measurement", []Entry{model}, "No energy sensor can be read here: a run models cpu with cputime (model)."},
		{"what is in no sum is not named", []Entry{counter("package-0"), {Source: "rapl", Domain: "psys", Kind: meter.KindCounter}}, "A run here measures package-0 with rapl (counter)."},
		{"sources of their own", []Entry{counter("package-0"), {Source: "nvml", Domain: "gpu0", Kind: meter.KindPower, Summed: true}},
			"A run here measures package-0 with rapl (counter); gpu0 with nvml (power)."},
		{"a model beside a counter is said", []Entry{counter("package-0"), model}, "A run here sums package-0 with rapl (counter); cpu with cputime (model): in part a model."},
		{"many", []Entry{counter("a"), counter("b"), counter("c"), counter("d"), counter("e"), counter("f")}, "A run here measures a, b, c, d and 2 more with rapl (counter)."},
	} {
		want := c.want + "\n\n"
		if !nvml.Built {
			want = "NVIDIA GPUs cannot be read: this cfu was built without cgo, or for another system than Linux.\n" + want
		}
		if got := head(c.entries); got != want {
			t.Errorf("%s: got %q, want %q", c.about, got, want)
		}
	}
}
