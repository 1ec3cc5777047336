package derivation

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"cfubench/attribution"
	"cfubench/loadgen"
	"cfubench/results/runfolder"
)

// arrivals are when tokens of a request arrived, and how many at once.
type arrivals struct {
	At    []time.Duration
	Count []int32
}

// Reading columns is reading records and taking from each what attribution
// needs, whatever order they were written in.
func TestColumnsAreTheRecords(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		at := func(name string) time.Duration { return time.Duration(rapid.Int64Range(-1, 1e12).Draw(t, name)) }
		count := func(name string) int { return rapid.IntRange(-1, 5000).Draw(t, name) }
		var records []loadgen.Record
		for _, id := range rapid.Permutation([]int{0, 1, 2, 3, 4, 5}).Draw(t, "order") {
			r := loadgen.Record{Request: id, Due: at("due"), Sent: at("sent"), FirstToken: at("first"), LastToken: at("last"), Done: at("done"),
				PromptTokens: count("prompt"), OutputTokens: count("output"), CachedTokens: count("cached"),
				ServerPrefill: at("server prefill"), ServerDecode: at("server decode")}
			for range rapid.IntRange(0, 3).Draw(t, "events") {
				r.TokenAt, r.TokenCount = append(r.TokenAt, 1), append(r.TokenCount, int32(rapid.IntRange(1, 9).Draw(t, "tokens")))
			}
			if rapid.Bool().Draw(t, "failed") {
				r.Err = "cut"
			}
			r.Doubt() // as reading does
			records = append(records, r)
		}
		path := filepath.Join(dir, runfolder.RequestsFile)
		w, err := runfolder.Requests().Create(path, map[string]string{"model": "m"})
		if err != nil {
			t.Fatal(err)
		}
		for _, half := range [][]loadgen.Record{records[:3], records[3:]} {
			for _, r := range half {
				if err := w.Write(runfolder.Request{Record: r}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, meta, err := ReadColumns(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		var requests []attribution.Request
		for _, r := range records {
			requests = append(requests, AttributionRequest(r))
		}
		want, streamed := map[int64]arrivals{}, map[int64]arrivals{}
		for _, r := range records {
			want[int64(r.Request)] = arrivals{r.TokenAt, r.TokenCount}
		}
		if err := got.Tokens(func(id int64, at []time.Duration, count []int32) bool {
			streamed[id] = arrivals{slices.Clone(at), slices.Clone(count)}
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, streamed, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("arrivals of tokens (-of the records +streamed):\n%s", diff)
		}
		columns := attribution.ColumnsOf(requests)
		got.Tokens, columns.Tokens = nil, nil // compared above
		if diff := cmp.Diff(columns, got); diff != "" {
			t.Fatalf("columns (-from records +read):\n%s", diff)
		}
		if meta["model"] != "m" {
			t.Fatalf("run constant: got %q, want %q", meta["model"], "m")
		}
	})
}
