package runfolder

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever stands in run.json, reading it ends in one line or in a run that is
// written and read again without a change.
func FuzzReadRun(f *testing.F) {
	for _, seed := range []string{
		`{"schema":3}`, `{"schema":2}`, `[]`, ``, "\ufeff{}", `{"schema":3}{}`,
		`{"schema":3,"cells":[{"cell":"a","batch":4,"rate":2,"window":{"start_ns":1,"end_ns":9}},{"cell":"a"}]}`,
		`{"schema":3,"cells":[{"cell":"../../x"}]}`, `{"schema":3,"cells":[{"cell":"a\u0000b"}]}`,
		`{"schema":3,"engine":[{"name":"vllm","model":"m\u202e\u001b[2J"}],"warnings":["a\nb"]}`,
		`{"schema":3,"domains":[{"name":"gpu0","kind":"counter","quantum_uj":9223372036854775807}]}`,
		`{"schema":3,"cells":[{"cell":"a","window":{"start_ns":-9223372036854775808,"end_ns":9223372036854775807}}]}`,
	} {
		f.Add(strings.Replace(seed, `"schema":3`, `"schema":`+string(rune('0'+schema)), 1))
	}
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, RunFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		run, err := ReadRun(dir)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Fatalf("got error %q, want one line without controls", err)
			}
			return
		}
		written := func(r Run) []byte {
			if err := WriteRun(dir, r); err != nil {
				t.Fatalf("write what was read: %v", err)
			}
			text, err := os.ReadFile(filepath.Join(dir, RunFile))
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		once := written(run)
		again, err := ReadRun(dir)
		if err != nil {
			t.Fatalf("read what was written: %v\n%s", err, once)
		}
		if twice := written(again); !bytes.Equal(once, twice) {
			t.Fatalf("written once:\n%s\nread and written again:\n%s", once, twice)
		}
	})
}
