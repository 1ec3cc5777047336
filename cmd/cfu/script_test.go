package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cfu": fittingMain, "burn-engine": burnEngine, "step-engine": stepEngine}) // cfu with its signals
}

// TestScripts runs the command lines of testdata/script as a user would; under the
// race detector those that measure.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	if raceDetector {
		measuring := []string{"meters", "selftest", "shapley", "shapley_meter"}
		files = slices.DeleteFunc(files, func(file string) bool {
			return !slices.Contains(measuring, strings.TrimSuffix(filepath.Base(file), ".txtar"))
		})
	}
	testscript.Run(t, testscript.Params{
		Files: files,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			// exitcode N CMD ARGS… runs a command that must end with exit code N.
			"exitcode": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: exitcode N CMD ARGS…")
				}
				err := ts.Exec(args[1], args[2:]...)
				if got := exitCode(err); got != args[0] {
					ts.Fatalf("got exit %s, want %s", got, args[0])
				}
			},
		},
	})
}

// exitCode is the exit code of a finished command, "?" if it did not run.
func exitCode(err error) string {
	if err == nil {
		return "0"
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return strconv.Itoa(exit.ExitCode())
	}
	return "?"
}
