package shapley_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cfubench/attribution/shapley"
)

// TestDocumentedCalibration fits the measured groups that the documentation
// keeps once more: the file and the table beside it must say what comes out.
func TestDocumentedCalibration(t *testing.T) {
	docs := filepath.Join("..", "..", "docs")
	text, err := os.ReadFile(filepath.Join(docs, "shapley-smollm2.json"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := shapley.ParseFile(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Groups) < 20 {
		t.Errorf("got %d measured groups, want at least 20", len(file.Groups))
	}
	kept := *file
	if err := file.Refit(); err != nil {
		t.Fatal(err)
	}
	// Not the same bytes: processors differ in how they round a sum of products.
	if diff := cmp.Diff(kept, *file, cmpopts.EquateApprox(1e-6, 1e-9)); diff != "" {
		t.Errorf("the groups give another model than the file holds, write it anew with 'cfu shapley --refit' (-file +fit):\n%s", diff)
	}
	page, err := os.ReadFile(filepath.Join(docs, "attribution.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{
		shapley.Calibrated: "`shapley`, calibrated, held out", shapley.Standalone: "standalone measurement",
		"token": "`token` 1:1", "step": "`step`", "phase": "`phase`", "residency": "`residency`", "equal": "`equal`",
	}
	for convention, label := range rows {
		want := "| " + label + " |"
		for _, arrivals := range []string{"static", "staggered"} {
			for _, e := range file.Errors {
				if e.Convention == convention && e.Arrivals == arrivals {
					want += fmt.Sprintf(" %.3f (%.3f) |", e.Mean, e.Max)
				}
			}
		}
		if !strings.Contains(string(page), want) {
			t.Errorf("docs/attribution.md lacks the row %q", want)
		}
	}
}
