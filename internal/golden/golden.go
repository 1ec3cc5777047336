// Package golden holds what a test got against a file of the package's that was
// looked at once. Run with -update, the test writes the file anew.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// update is a flag of every test that has a golden file.
var update = flag.Bool("update", false, "write the golden files anew")

// Check fails the test if got is not what the file at path, below the test's
// package, holds.
func Check(t *testing.T, path string, got []byte) {
	t.Helper()
	path = filepath.FromSlash(path)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s (-want +got); if it is as it should be, run the test with -update:\n%s", path, diff)
	}
}
