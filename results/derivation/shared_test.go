package derivation_test

import (
	"testing"

	"cfubench/internal/ordered"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
	"cfubench/results/simulated"
)

// Between two passes only so much is kept as the readings of a few cells take, and what a
// run's only cell takes.
func TestShareKeepsLittle(t *testing.T) {
	dir := t.TempDir()
	run, err := simulated.Spec{Seed: 1, Model: "simulated", Batches: []int{4}, Concurrencies: []int{1, 2, 4}, Repeats: 1, Requests: 5, Server: simulated.DefaultServer()}.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	first, second := runfolder.ReadingsBytes(dir, run.Cells[0].ID), runfolder.ReadingsBytes(dir, run.Cells[1].ID)
	for _, test := range []struct {
		why   string
		cells int
		room  int64
		want  int
	}{
		{"three cells that fit", 3, ordered.Budget, 3},
		{"of three cells the two that fit", 3, first + second, 2},
		{"of three cells none, where the first is too large", 3, first - 1, 0},
		{"the only cell, however large", 1, first - 1, 1},
	} {
		part := run
		part.Cells = run.Cells[:test.cells]
		s := derivation.Share(part)
		s.Leave(test.room)
		for _, cell := range part.Cells {
			if _, err := s.Meters(t.Context(), dir, cell, derivation.Bare{}, 0); err != nil {
				t.Fatal(err)
			}
		}
		if s.Kept() != test.want {
			t.Errorf("%s: %d are kept, want %d", test.why, s.Kept(), test.want)
		}
	}
}
