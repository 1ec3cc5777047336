package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"pgregory.net/rapid"

	"cfubench/internal/secret"
	"cfubench/internal/subcommand"
	"cfubench/results/commandline"
	"cfubench/results/runfolder"
	"cfubench/results/sweep"
)

// failer is a test's or a property's.
type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// shellWords are the arguments and the standard input that a shell gives cfu.
func shellWords(t failer, dir, line string) (args []string, input string) {
	t.Helper()
	script := "cfu() { for a; do printf '%s\\0' \"$a\"; done >" + dir + "/args; case \"$*\" in *--sweep*) cat >" + dir + "/input;; esac; }\n"
	if out, err := exec.Command("sh", "-c", script+line).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("sh: %v: %s\n%s", err, out, line)
	}
	text, err := os.ReadFile(filepath.Join(dir, "args"))
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := os.ReadFile(filepath.Join(dir, "input"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00"), string(stdin)
}

// parseRun is what cfu run takes arguments for.
func parseRun(t testing.TB, dir string, args []string, input string, env map[string]string) sweep.Config {
	t.Helper()
	for i, a := range args {
		if a == "/dev/stdin" {
			args[i] = filepath.Join(dir, "sweep.yaml")
			if err := os.WriteFile(args[i], []byte(input), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
	f := newRunFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatalf("parse %q: %v", args, err)
	}
	if err := f.complete(subcommand.Environment{Getenv: func(name string) string { return env[name] }, Secrets: secret.New()}); err != nil {
		t.Fatalf("complete %q: %v", args, err)
	}
	return f.Config
}

// TestRunAgain gives the printed line to a shell and what the shell makes of it to
// the flags of cfu run: the configuration and the plan are those of the run.
func TestRunAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		args  []string
		env   map[string]string
		want  []string // in the line
		not   string
		needs string
	}{
		{"an endpoint, all else by default", []string{"--endpoint", "http://localhost:8000", "--out", "x"}, nil,
			[]string{"--endpoint http://localhost:8000", "--dataset sample", "--seed 1", "--concurrency 1", "--out again"}, "--warmup", "OPENAI_API_KEY"},
		{"an engine's command with quotes, sizes, rates and an SLO",
			[]string{"--engine-cmd", `serve --name "it's" --port {port} -b {batch}`, "--batch", "1,8", "--rate", "0.5,inf", "--slo", "ttft=500ms,tpot=50ms", "--out", "x"}, nil,
			[]string{`'serve --name "it'\''s" --port {port} -b {batch}'`, "--batch 1,8", "--rate 0.5,inf", "--slo ttft=500ms,tpot=50ms"}, "--endpoint", "the engine command's program"},
		{"every kind of value: times, numbers, switches, lists, JSON",
			[]string{"--endpoint", "http://h:1/v1", "--extra-body", `{"top_k":1,"stop":["a b"]}`, "--idle", "0s", "--warmup", "0", "--cpu-idle-watts", "12.5", "--ignore-eos", "--meter", "rapl,cputime",
				"--meter", `"scrape:http://h/?a=1,2"`, "--gpus", "0,3", "--role", "nvidia-0=prefill", "--role", "nvidia-1=decode", "--model-parameters", "7.6e9", "--weight-bytes", "15.2e9",
				"--cache-share", "users", "--think", "1.5s", "--convention", "phase", "--weights", "1:4", "--seed", "9007199254740993", "--concurrency", "3", "--out", "x"}, nil,
			[]string{"--idle 0s", "--meter rapl", "--role nvidia-1=decode", "--seed 9007199254740993"}, "--step-prior", "built in"},
		{"parameters are crossed",
			[]string{"--engine-cmd", "serve --port {port} -b {batch} --dtype {dtype} -c {chunk}", "--param", "dtype=float16,bfloat16", "--param", "chunk=it's,8", "--order", "interleaved", "--repeat", "2", "--out", "x"}, nil,
			[]string{"--sweep /dev/stdin <<'EOF'", `label: "dtype=float16,chunk=it's"`, "--repeat 2"}, "--param", ""},
		{"the server's own key is masked",
			[]string{"--engine-cmd", "serve --api-key sk-s3cret-123 --port {port} -b {batch}", "--out", "x"}, nil, []string{"--api-key *** --port"}, "s3cret", "stands for a secret"},
		{"a key and a field are not on the line",
			[]string{"--endpoint", "http://h:1", "--header", "X-Route: green-s3cret", "--out", "x"}, map[string]string{"OPENAI_API_KEY": "sk-12345678", "HEADER_X_ROUTE": "blue-s3cret"},
			[]string{"--header-env X-Route=HEADER_X_ROUTE"}, "s3cret", "HEADER_X_ROUTE has the value of the header field X-Route"},
		{"a trace's own times and unit", []string{"--endpoint", "http://h:1", "--dataset", "mooncake:TRACE", "--arrival", "trace:2", "--hash-block", "16", "--time-unit", "us", "--tokenizer", "words", "--out", "x"}, nil,
			[]string{"--time-unit us", "--arrival trace:2"}, "--rate", "The trace of mooncake:"},
		{"a searched rate", []string{"--endpoint", "http://h:1", "--find-rate", "--slo", "e2e=10s", "--slo-share", "0.9", "--out", "x"}, nil, []string{"--find-rate", "--slo-share 0.9"}, "--concurrency", ""},
		{"a shard", []string{"--endpoint", "http://h:1", "--shard", "2/3", "--meter", "none", "--out", "x"}, nil, []string{"--shard 2/3", "--meter none"}, "--poll", "shard 2/3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			trace := filepath.Join(dir, "trace.jsonl")
			if err := os.WriteFile(trace, []byte(`{"timestamp": 5, "input_length": 20, "output_length": 4, "hash_ids": [1, 2]}`+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			for i := range tt.args {
				tt.args[i] = strings.ReplaceAll(tt.args[i], "TRACE", trace)
			}
			first := parseRun(t, dir, tt.args, "", tt.env)
			recorded := first.Recorded()
			line, ok := commandline.Of(runfolder.Run{Config: recorded, TraceHash: "abc"})
			if !ok {
				t.Fatal("no command line")
			}
			for _, w := range tt.want {
				if !strings.Contains(line.Text, w) {
					t.Errorf("the line has no %s:\n%s", w, line.Text)
				}
			}
			if strings.Contains(line.Text, tt.not) {
				t.Errorf("the line has %s:\n%s", tt.not, line.Text)
			}
			args, input := shellWords(t, dir, line.Text)
			again := parseRun(t, dir, args[1:], input, tt.env)
			if diff := cmp.Diff(recorded, again.Recorded()); diff != "" || again.Recorded().Hash() != recorded.Hash() {
				t.Errorf("another configuration (-first +again):\n%s\n%s", diff, line.Text)
			}
			if diff := cmp.Diff(planText(t, first), planText(t, again)); diff != "" {
				t.Errorf("another plan (-first +again):\n%s", diff)
			}
			needs := strings.Join(line.Needs, "\n")
			for _, w := range []string{"abc", tt.needs} {
				if !strings.Contains(needs, w) {
					t.Errorf("what it needs does not have %q:\n%s", w, needs)
				}
			}
		})
	}
}

func planText(t *testing.T, c sweep.Config) string {
	t.Helper()
	c.Tokenizer = "words"
	p, err := sweep.Describe(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	if err := p.WriteText(&s); err != nil {
		t.Fatal(err)
	}
	return s.String()
}

// TestEveryFlagRunsAgain changes fields of the configuration at random: whatever
// they hold comes back from the line.
func TestEveryFlagRunsAgain(t *testing.T) {
	oneGoroutine(t)
	dir := t.TempDir()
	text := rapid.StringMatching(`[ -~éµ']{1,20}`)
	rapid.Check(t, func(t *rapid.T) {
		c := commandline.Defaults()
		c.EngineCmd = "x " + text.Draw(t, "command")
		c.Model, c.ClientCPUs, c.NVMLLibrary = text.Draw(t, "model"), text.Draw(t, "cpus"), text.Draw(t, "library")
		c.NumRequests, c.Seed = rapid.IntRange(1, 1e6).Draw(t, "requests"), rapid.Int64().Draw(t, "seed")
		c.MultiTurn, c.Burstiness = rapid.Bool().Draw(t, "turns"), rapid.Float64Range(1e-9, 1e9).Draw(t, "burstiness")
		c.Meter = rapid.SliceOfN(text, 1, 3).Draw(t, "meters")
		for i := range rapid.IntRange(0, 3).Draw(t, "configurations") {
			c.Configurations = append(c.Configurations, runfolder.Configuration{
				Label: string(rune('a' + i)), EngineCmd: "y {p} " + text.Draw(t, "other"), Params: map[string]string{"p": text.Draw(t, "value")},
			})
		}
		line, _ := commandline.Of(runfolder.Run{Config: c})
		args, input := shellWords(t, dir, line.Text)
		fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
		f := newRunFlags(fs)
		if i := slices.Index(args, "/dev/stdin"); i >= 0 {
			args[i] = filepath.Join(dir, "sweep.yaml")
			if err := os.WriteFile(args[i], []byte(input), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := fs.Parse(args[1:])
		if err == nil {
			err = f.configure()
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, line.Text)
		}
		f.Config.Config.Convention = c.Convention // complete takes it from the passes' flags
		want, _ := json.Marshal(c)
		got, _ := json.Marshal(f.Config.Config)
		if string(got) != string(want) {
			t.Errorf("got  %s\nwant %s\n%s", got, want, line.Text)
		}
	})
}

// TestNothingToRunAgain: what no command line makes has none.
func TestNothingToRunAgain(t *testing.T) {
	oneGoroutine(t)
	for _, tt := range []struct {
		name string
		run  runfolder.Run
	}{
		{"logs were imported", runfolder.Run{Config: runfolder.Config{Dataset: "results.json"}}},
		{"a server in production was watched", runfolder.Run{Config: runfolder.Config{Endpoint: "http://h:1"}, Record: &runfolder.Recorded{Parts: []runfolder.RecordedPart{{Of: runfolder.OfServer}}}}},
	} {
		if line, ok := commandline.Of(tt.run); ok {
			t.Errorf("%s: got %q, want none", tt.name, line.Text)
		}
	}
}

// TestRecordAgain: a record of a command has the line of cfu record.
func TestRecordAgain(t *testing.T) {
	oneGoroutine(t)
	dir := t.TempDir()
	c := commandline.Defaults()
	c.Idle, c.Meter = 0, []string{"rapl"}
	command := []string{"sh", "-c", `echo "it's $HOME"; exit 3`}
	run := runfolder.Run{Config: c, Record: &runfolder.Recorded{Label: "my training", Stage: "training", Parts: []runfolder.RecordedPart{{Of: "command", Command: command}}}}
	line, ok := commandline.Of(run)
	if !ok {
		t.Fatal("no command line")
	}
	args, _ := shellWords(t, dir, line.Text)
	fs := pflag.NewFlagSet("record", pflag.ContinueOnError)
	bindRecord(fs)
	if err := fs.Parse(args[1:]); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(command, fs.Args()); diff != "" {
		t.Errorf("another command (-first +again):\n%s", diff)
	}
	for name, want := range map[string]string{"label": "my training", "kind": "training", "idle": "0s", "meter": "[rapl]", "out": "again"} {
		if got := fs.Lookup(name).Value.String(); got != want {
			t.Errorf("--%s: got %q, want %q", name, got, want)
		}
	}
}
