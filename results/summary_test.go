package results_test

import (
	"os"
	"testing"

	"cfubench/attribution"
	"cfubench/results"
	"cfubench/results/simulated"
)

// sweep is the run that goldens show: two batch sizes, two loads, two repeats.
func sweep() simulated.Spec {
	return simulated.Spec{
		Seed: 1, Model: "SmolLM2-135M", Batches: []int{1, 8}, Concurrencies: []int{1, 8}, Repeats: 2, Requests: 80,
		Server: simulated.DefaultServer(), Inventory: "olmo2-7b",
		Conventions: []attribution.Convention{attribution.Token{Prompt: 1, Output: 1}, attribution.Phase{}, attribution.Equal{}},
	}
}

func TestSummaryLook(t *testing.T) {
	dir := t.TempDir()
	if d := os.Getenv("KEEP"); d != "" {
		dir = d
	}
	if _, err := sweep().Write(dir); err != nil {
		t.Fatal(err)
	}
	s, err := results.Summarize(dir)
	if err != nil {
		t.Fatal(err)
	}
	s.WriteTable(os.Stdout)
	results.WriteSummary(dir, s)
}
