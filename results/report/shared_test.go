package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"cfubench/results/derivation"
	"cfubench/results/report"
	"cfubench/results/runfolder"
	"cfubench/results/simulated"
	"cfubench/results/summary"
)

// TestAPassHandsOnWhatItRead has a summary made with what attributing the run has read of
// its meters: the readings are out of the way meanwhile.
func TestAPassHandsOnWhatItRead(t *testing.T) {
	dir := t.TempDir()
	run, err := simulated.Spec{
		Seed: 1, Model: "simulated", Batches: []int{4}, Concurrencies: []int{2, 4}, Repeats: 1, Requests: 30, Server: simulated.DefaultServer(),
	}.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	by, err := derivation.ParseAttribution(runfolder.Config{Convention: "step,phase,token"})
	if err != nil {
		t.Fatal(err)
	}
	if by.Bare, err = derivation.ReadBare(dir, run); err != nil {
		t.Fatal(err)
	}
	attribute := func() {
		t.Helper()
		if _, err := by.Run(t.Context(), dir, run); err != nil {
			t.Fatal(err)
		}
	}
	files := func(shared *derivation.Shared) (all []byte) {
		t.Helper()
		o := summary.Options{Limits: summary.DefaultLimits(), Shared: shared}
		if _, err := report.Make(t.Context(), dir, run, filepath.Join(dir, runfolder.ReportFile), o); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{runfolder.SummaryFile, runfolder.ReportFile} {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, text...)
		}
		return all
	}
	attribute()
	want := files(nil)
	by.Shared = derivation.Share(run)
	attribute()
	for _, cell := range run.Cells {
		if err := os.Remove(runfolder.CellFile(dir, cell.ID, runfolder.ReadingsFile)); err != nil {
			t.Fatal(err)
		}
	}
	if got := files(by.Shared); !bytes.Equal(got, want) {
		t.Error("summary and report differ from those of a pass that read the meters itself")
	}
	if bytes.Equal(files(nil), want) {
		t.Error("summary and report are the same without any readings: nothing was tested")
	}
}
