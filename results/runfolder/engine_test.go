package runfolder

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestEngineTable: every figure comes back from its own column, a figure that
// the server does not tell stays nil, and a failed scrape keeps its reason.
func TestEngineTable(t *testing.T) {
	var want []EngineSample
	full := EngineSample{At: time.Second}
	for i, c := range engineColumns {
		v := float64(i + 1)
		*c.figure(&full) = &v
		one := EngineSample{At: time.Duration(i)}
		*c.figure(&one) = &v
		want = append(want, one)
	}
	want = append(want, full, EngineSample{At: 2 * time.Second, Err: "GET /metrics: HTTP 500"})

	path := filepath.Join(t.TempDir(), EngineFile)
	w, err := NewEngineWriter(path, map[string]string{"engine": "vllm"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range want {
		if err := w.Write([]EngineSample{s}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, meta, err := ReadEngine(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if meta["engine"] != "vllm" {
		t.Errorf("metadata %v, want the run constants", meta)
	}
}
