package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cfu": main, "burn-engine": burnEngine, "step-engine": stepEngine}) // cfu with its signals
}

// TestScripts runs the command lines of testdata/script as a user would.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
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
