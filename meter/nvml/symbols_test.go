//go:build linux && cgo && (amd64 || arm64)

package nvml

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cfubench/internal/golden"
	"cfubench/meter"
	"cfubench/meter/nvml/fakenvml"
)

const symbolsHead = `// The functions of the NVIDIA management library that go-nvml calls, one a
// line, for dispatch.c. Made by symbols_test.go -update from go-nvml's sources.
`

// goNVML returns the directory of go-nvml's sources.
func goNVML(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/NVIDIA/go-nvml").Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Skipf("go-nvml's sources are not at hand: %v", err)
	}
	return filepath.Join(dir, "pkg", "nvml")
}

func TestSymbolsAreThoseOfGoNVML(t *testing.T) {
	calls, err := os.ReadFile(filepath.Join(goNVML(t), "nvml.go"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, m := range regexp.MustCompile(`C\.(nvml\w+)\(`).FindAllStringSubmatch(string(calls), -1) {
		if m[1] != "nvmlErrorString" { // dispatch.c defines it by itself
			lines = append(lines, "FORWARD("+m[1]+")\n")
		}
	}
	slices.Sort(lines)
	want := symbolsHead + strings.Join(slices.Compact(lines), "")
	golden.Check(t, "symbols.h", []byte(want))
}

// dispatch.c hands on six integer arguments: that no function takes more, or a
// floating-point number, which travels elsewhere, is what it relies on.
func TestForwardedFunctionsTakeSixIntegers(t *testing.T) {
	header, err := os.ReadFile(filepath.Join(goNVML(t), "nvml.h"))
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?s)nvmlReturn_t\s+DECLDIR\s+(nvml\w+)\s*\(([^)]*)\)`).FindAllStringSubmatch(string(header), -1)
	if len(declared) < 400 {
		t.Fatalf("found %d declarations, want more than 400: the header is written otherwise than expected", len(declared))
	}
	byValue := regexp.MustCompile(`^(const )?(struct )?\w+_(t|st)$`)
	for _, d := range declared {
		arguments := strings.Split(d[2], ",")
		if len(arguments) > 6 {
			t.Errorf("%s takes %d arguments, want at most 6", d[1], len(arguments))
		}
		for _, a := range arguments {
			fields := strings.Fields(a)
			if strings.ContainsAny(a, "*[") || len(fields) < 2 {
				continue
			}
			kind := strings.Join(fields[:len(fields)-1], " ")
			if kind == "double" || kind == "float" {
				t.Errorf("%s takes a %s by value", d[1], kind)
			}
			if byValue.MatchString(kind) && structByValue(string(header), kind) {
				t.Errorf("%s takes a %s by value", d[1], kind)
			}
		}
	}
}

// structByValue reports whether kind names a structure, not a number, an
// enumeration, or a handle: a structure of one pointer travels as the pointer.
func structByValue(header, kind string) bool {
	m := regexp.MustCompile(`(?s)typedef\s+struct\s*\w*\s*\{([^}]*)\}\s*` + regexp.QuoteMeta(kind) + `\s*;`).FindStringSubmatch(header)
	return m != nil && !regexp.MustCompile(`^\s*struct \w+\s*\*\s*handle;\s*$`).MatchString(m[1])
}

// A program with an undefined nvml symbol dies before main where the linker
// binds at once.
func TestBinaryNeedsNoNVMLSymbol(t *testing.T) {
	f, err := elf.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	imported, err := f.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range imported {
		if strings.HasPrefix(s.Name, "nvml") {
			t.Errorf("the binary imports %s, which a host without driver does not have", s.Name)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	sources, left := Open(meter.NewClock(time.Now()), fakenvml.Build(b))
	if len(sources) != 1 {
		b.Fatalf("got %d sources, refusals %+v", len(sources), left)
	}
	defer sources[0].Close()
	dst := make([]meter.Reading, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		dst = sources[0].Read(dst[:0])
	}
}
