// Package fakenvml builds a stand-in for the NVIDIA management library, so that
// everything above the driver can be tested, through the same dynamic linking,
// on machines without a GPU.
package fakenvml

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

//go:embed testdata/nvml.c
var program []byte

// Build compiles the library with the given macro definitions ("GPUS=2",
// "MISSING_FIELDS", …; the source lists them) and returns its path. It skips
// the test where there is no C compiler.
//
// By default it is one H100-like GPU that draws 300 W and whose counter is
// brought up to date every 100 ms.
func Build(tb testing.TB, defines ...string) string {
	tb.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		tb.Skip("no C compiler (cc)")
	}
	dir := tb.TempDir()
	source := filepath.Join(dir, "nvml.c")
	if err := os.WriteFile(source, program, 0o600); err != nil {
		tb.Fatal(err)
	}
	library := filepath.Join(dir, "libnvidia-ml.so.1")
	args := []string{"-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-Wl,-soname,libnvidia-ml.so.1", "-o", library}
	for _, d := range defines {
		args = append(args, "-D"+d)
	}
	if out, err := exec.Command(cc, append(args, source)...).CombinedOutput(); err != nil {
		tb.Fatalf("build the fake library: %v\n%s", err, out)
	}
	return library
}
