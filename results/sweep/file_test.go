package sweep

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfubench/results/runfolder"
)

func TestSweepFile(t *testing.T) {
	const engine = "serve --dtype {dtype} --kv {kv} --port {port} --batch {batch}"
	for _, row := range []struct {
		why, text string
		want      []string // labels
		flags     []string
	}{
		{"parameters are crossed, the last fastest", "engine-cmd: " + engine + "\nparams:\n  dtype: [a, b]\n  kv: [x, y]\n",
			[]string{"dtype=a,kv=x", "dtype=a,kv=y", "dtype=b,kv=x", "dtype=b,kv=y"}, []string{"engine-cmd"}},
		{"zipped lists go together", "params: {dtype: [a, b], kv: [x, y]}\nzip: [dtype, kv]\n",
			[]string{"dtype=a,kv=x", "dtype=b,kv=y"}, nil},
		{"excluded combinations are left out", "params: {dtype: [a, b], kv: [x, y]}\nexclude:\n  - {dtype: b, kv: y}\n",
			[]string{"dtype=a,kv=x", "dtype=a,kv=y", "dtype=b,kv=x"}, nil},
		{"named configurations keep their names", "configurations:\n  - {label: base, params: {dtype: a, kv: x}}\n  - {label: small, params: {dtype: b, kv: x}}\n",
			[]string{"base", "small"}, nil},
		{"a parameter that a configuration leaves open is crossed with it", "params: {kv: [x, y]}\nconfigurations:\n  - {label: base, params: {dtype: a}}\n",
			[]string{"base,kv=x", "base,kv=y"}, nil},
		{"flags have their names, lists and infinities", "batch: [1, 8]\nrate: [1, .inf]\nignore-eos: true\n",
			nil, []string{`batch=["1" "8"]`, `rate=["1" "inf"]`, `ignore-eos=["true"]`}},
		{"values of a list keep their commas", "header: ['X-A: a,b', 'X-B: y']\n", nil, []string{`header=["X-A: a,b" "X-B: y"]`}},
		{"a file may be JSON", "{\n\t\"rate\": [1, 4],\n\t\"params\": {\"dtype\": [\"a\"], \"kv\": [\"{\\\"level\\\":0,\\\"x\\\":1}\"]}\n}\n",
			[]string{"dtype=a,kv={_level__0,_x__1}"}, []string{`rate=["1" "4"]`}},
		{"names may stand in quotes", "'params': {\"dtype\": [a], 'kv': [x]}\n", []string{"dtype=a,kv=x"}, nil},
		{"a configuration that fixes one of a zip has the rows of its value",
			"params: {dtype: [a, b, b], kv: [x, y, z]}\nzip: [dtype, kv]\nconfigurations:\n  - {label: base, params: {dtype: b}}\n  - {label: all}\n  - {label: own, params: {dtype: c, kv: c}}\n",
			[]string{"base,kv=y", "base,kv=z", "all,dtype=a,kv=x", "all,dtype=b,kv=y", "all,dtype=b,kv=z", "own"}, nil},
		{"one without a place for it has each row once",
			"params: {dtype: [a, b, c], kv: [x, x, z]}\nzip: [dtype, kv]\nconfigurations:\n  - {label: base, engine-cmd: 'serve {kv} {port} {batch}'}\n  - {label: all}\n",
			[]string{"base,kv=x", "base,kv=z", "all,dtype=a,kv=x", "all,dtype=b,kv=x", "all,dtype=c,kv=z"}, nil},
	} {
		f, err := ParseFile("s.yaml", []byte(row.text))
		if err != nil {
			t.Errorf("%s: %v", row.why, err)
			continue
		}
		configurations, err := f.Expand(engine)
		if err != nil {
			t.Errorf("%s: %v", row.why, err)
		}
		var labels, flags []string
		for _, c := range configurations {
			labels = append(labels, c.Label)
		}
		for _, s := range f.Flags {
			if s.Name == "engine-cmd" {
				flags = append(flags, s.Name)
				continue
			}
			flags = append(flags, fmt.Sprintf("%s=%q", s.Name, s.Values))
		}
		if diff := cmp.Diff(row.want, labels); diff != "" {
			t.Errorf("%s: labels (-want +got):\n%s", row.why, diff)
		}
		if diff := cmp.Diff(row.flags, flags); diff != "" {
			t.Errorf("%s: flags (-want +got):\n%s", row.why, diff)
		}
	}
}

// What Check refuses has the line of the file that says it, unless the command line does.
func TestSweepFilePlacesWhatIsRefused(t *testing.T) {
	const text = "repeat: 3\n" +
		"rate: [1, -1]\n" +
		"configurations:\n  - {label: a, engine-cmd: 'x {port} {batch}'}\n  - {label: b/c, engine-cmd: 'x {port} {batch}'}\n"
	f, err := ParseFile("s.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		why    string
		change func(*Config)
		own    string // the flag that the command line overrides
		want   string
	}{
		{"a flag", func(c *Config) { c.Rate = []string{"-1"} }, "", `s.yaml:2: --rate "-1": want`},
		{"a flag of the command line", func(c *Config) { c.Rate = []string{"-1"} }, "rate", `--rate "-1": want`},
		{"a flag that the file does not set", func(c *Config) { c.Warmup = -1 }, "", "--warmup -1: want"},
		{"a configuration", func(c *Config) { c.Configurations = []runfolder.Configuration{{Label: "b/c,kv=1"}} }, "", "s.yaml:5: configuration b/c,kv=1: it names folders"},
		{"a configuration's command", func(c *Config) { c.Configurations = []runfolder.Configuration{{Label: "a", EngineCmd: "x {port}"}} }, "", "s.yaml:4: configuration a: --engine-cmd has no {batch}"},
	} {
		c := Defaults()
		c.Out, c.EngineCmd = t.TempDir(), "x {port} {batch}"
		row.change(&c)
		err := f.Place(c.Check(), func(flag string) bool { return flag != row.own })
		if err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %s", row.why, err, row.want)
		}
		if !errors.As(err, &runfolder.ConfigError{}) {
			t.Errorf("%s: got %v, which is no wrong usage", row.why, err)
		}
	}
}

// A file from an editor of Windows begins with a byte order mark.
func TestSweepFileWithAByteOrderMark(t *testing.T) {
	f, err := ParseFile("s.yaml", []byte("\ufeffrepeat: 2\r\n"))
	if err != nil || len(f.Flags) != 1 || f.Flags[0].Name != "repeat" {
		t.Errorf("got %+v, %v, want the flag repeat", f, err)
	}
}

func TestSweepFileErrorsNameLineAndField(t *testing.T) {
	for _, row := range []struct{ why, text, want string }{
		{"no YAML", "a: [", "s.yaml: not YAML: "},
		{"a field twice", "batch: 1\nbatch: 2\n", "s.yaml"},
		{"an unknown field of a configuration", "configurations:\n  - label: a\n    engine: x\n", `s.yaml:3: configurations: "engine" is no field: it has label, engine-cmd and params`},
		{"a configuration without a label", "configurations:\n  - engine-cmd: x\n", "s.yaml:2: configurations: an entry has no label"},
		{"a parameter without a place", "params: {nowhere: [1]}\n", "s.yaml:1: params: parameter nowhere: the engine command has no {nowhere}"},
		{"lists of different length", "params: {dtype: [a, b], kv: [x]}\nzip: [dtype, kv]\n", "s.yaml:2: zip: dtype and kv have unlike numbers of values: 2 and 1"},
		{"an exclusion of nothing", "params: {dtype: [a]}\nexclude: [{kv: x}]\n", "s.yaml:2: exclude: there is no parameter kv"},
		{"an exclusion of a value that there is not", "params: {dtype: [a, b]}\nexclude: [{dtype: c}]\n", "s.yaml:2: exclude: no combination has dtype: c"},
		{"an exclusion of a value that no configuration has", "params: {dtype: [a, b]}\nconfigurations: [{label: x}]\nexclude:\n - {dtype: 16}\n", "s.yaml:4: exclude: no combination has dtype: 16"},
		{"exclusions of all configurations", "params: {dtype: [a]}\nconfigurations: [{label: x}]\nexclude: [{dtype: a}]\n", "s.yaml:3: exclude: every combination is excluded"},
		{"a parameter that no configuration has a place for", "params: {tp: [1, 2]}\nconfigurations: [{label: x}]\n", "s.yaml:1: params: parameter tp: no configuration's engine command leaves {tp} open"},
		{"a zip without the row that a configuration wants", "params: {dtype: [a, b], kv: [x, y]}\nzip: [dtype, kv]\nconfigurations:\n  - {label: l, params: {dtype: c}}\n",
			"s.yaml:4: configurations: l: no row of the zip [dtype, kv] has dtype: c"},
		{"a zip of a parameter without values", "params: {kv: [x, y]}\nzip: [dtype, kv]\nconfigurations:\n  - {label: l, params: {dtype: c}}\n",
			"s.yaml:2: zip: params has no parameter dtype"},
		{"the flag --param", "param: ['dtype=a,b', 'kv=c,d']\n", "s.yaml:1: param: write params: with NAME: [V1, V2]"},
		{"values in a zip", "params: {dtype: [a]}\nzip: [{dtype: [a], kv: [b]}]\n", "s.yaml:2: zip: want names of parameters, such as [dtype, kv]"},
		{"each entry of a list has its own line", "params:\n  dtype: [a]\n  kv: [x]\nexclude:\n  - {dtype: a, kv: y}\n", "s.yaml:5: exclude: no combination has dtype: a, kv: y"},
		{"and each parameter", "params:\n  dtype: [a]\n  nowhere: [x]\n", "s.yaml:3: params: parameter nowhere: the engine command has no {nowhere}"},
		{"a value twice, which would be two cells of one name", "params:\n  dtype: [a, b, a]\n", `s.yaml:2: params: parameter dtype has the value "a" twice`},
		{"an exclusion of everything", "params: {dtype: [a]}\nexclude:\n  - {}\n", "s.yaml:3: exclude: an entry is empty"},
		{"a value that is nothing", "params:\n  dtype: [a, ~]\n", "s.yaml:2: params: dtype: want a value or a list of values, got none: the text null or ~ stands in quotes"},
		{"a flag that is nothing", "batch: 1\nrate:\n", "s.yaml:2: rate: want a value or a list of values, got none"},
		{"an anchor", "engine-cmd: &e x\n", "s.yaml:1: engine-cmd: want a value or a list of values: cfu reads no anchors (&) and aliases (*)"},
		{"no configuration", "repeat: 2\nconfigurations: []\n", "s.yaml:2: configurations: the list is empty"},
		{"a name that cfu keeps", "params: {port: [1]}\n", "s.yaml:1: params: parameter port: cfu replaces {port} itself"},
	} {
		f, err := ParseFile("s.yaml", []byte(row.text))
		if err == nil {
			_, err = f.Expand("{dtype} {kv} {port} {batch}")
		}
		if err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %s", row.why, err, row.want)
		}
	}
}

// Repeats of a sweep in order: on one launch, or each on a launch of its own.
func TestOrderOfRepeats(t *testing.T) {
	c := Config{Config: runfolder.Config{Batch: []int{1, 8}, Concurrency: []int{2}, Repeat: 2, Seed: 1,
		Configurations: []runfolder.Configuration{{Label: "a"}, {Label: "b"}}}}
	names := func(order string) (out []string) {
		c.Order = order
		for _, l := range c.launches() {
			var cells []string
			for _, k := range l.cells {
				cells = append(cells, k.id)
			}
			out = append(out, strings.Join(cells, " "))
		}
		return out
	}
	if diff := cmp.Diff([]string{"a-b1-c2-r1 a-b1-c2-r2", "a-b8-c2-r1 a-b8-c2-r2", "b-b1-c2-r1 b-b1-c2-r2", "b-b8-c2-r1 b-b8-c2-r2"}, names(runfolder.OrderGrouped)); diff != "" {
		t.Errorf("grouped (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a-b1-c2-r1", "a-b8-c2-r1", "b-b1-c2-r1", "b-b8-c2-r1", "a-b1-c2-r2", "a-b8-c2-r2", "b-b1-c2-r2", "b-b8-c2-r2"}, names(runfolder.OrderInterleaved)); diff != "" {
		t.Errorf("interleaved (-want +got):\n%s", diff)
	}
	random := names(runfolder.OrderRandom)
	if again := names(runfolder.OrderRandom); len(random) != 8 || cmp.Diff(random, again) != "" {
		t.Errorf("random order: %v, then %v: want 8 launches, the same for the same seed", random, again)
	}
}

func TestNamesInBracesThatNothingReplaces(t *testing.T) {
	for _, row := range []struct {
		why, command string
		want         string // the name, "" for none
	}{
		{"a parameter without its --param", "serve --dtype {dtype} --port {port} --max-num-seqs {batch}", "dtype"},
		{"cfu's own names", "serve --port {port} --max-num-seqs {batch} --cpus {cpus}", ""},
		{"a parameter that is there", "serve --kv {kv} --port {port}", ""},
		{"a variable of the shell", "serve ${HOME} --port {port}", ""},
		{"one right behind another", "serve {port}{dtype}", "dtype"},
		{"JSON, and a template's braces", `serve --c '{"a": 1}' --template '{{role}}' --port {port}`, ""},
	} {
		c := Config{}
		c.Configurations = []runfolder.Configuration{{EngineCmd: row.command, Params: map[string]string{"kv": "fp8"}}}
		got := strings.Join(c.unreplaced(), "\n")
		if (got == "") != (row.want == "") || !strings.Contains(got, "{"+row.want) && row.want != "" {
			t.Errorf("%s: got %q, want a warning of %q", row.why, got, row.want)
		}
	}
}
