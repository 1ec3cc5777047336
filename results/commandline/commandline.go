// Package commandline tells how a run is made again: from run.json the command
// line in the words of a shell, what it reads from its standard input, and what
// has to be there for it. Only what is not a flag's default is on the line, and no
// secret.
package commandline

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"cfubench/internal/secret"
	"cfubench/loadgen/engine"
	"cfubench/results/runfolder"
)

// again is the folder that the line writes to: one that holds no run.
const again = "again"

// Line is how a run is made again.
type Line struct {
	// Text is for a POSIX shell: a flag a line, with what the command reads from its
	// standard input below it.
	Text string
	// Needs are sentences on what has to be there, and on what is not on the line.
	Needs []string
}

// Of is the line that makes a run again. It is false of what no command line
// makes: a run from logs, a record of what was there already, and one of several
// nodes.
func Of(run runfolder.Run) (Line, bool) {
	b := builder{run: run, config: run.Config}
	switch {
	case run.Record != nil:
		return b.record()
	case run.Config.Endpoint == "" && run.Config.EngineCmd == "" && len(run.Config.Configurations) == 0:
		return Line{}, false
	}
	b.words("cfu run")
	b.flags(first...)
	b.rest(nil)
	if run.SelfTest == nil && !slices.ContainsFunc(run.Cells, func(c runfolder.Cell) bool { return !c.Complete }) {
		b.words("--certify=false")
	}
	b.words("--out " + again)
	if len(run.Config.Configurations) > 0 {
		b.words("--sweep /dev/stdin <<'EOF'\n" + sweepFile(run.Config.Configurations) + "EOF")
	}
	b.needs()
	return b.line(), true
}

// first are the flags that say the most, in the order in which the line begins.
var first = []string{"--endpoint", "--engine-cmd", "--model", "--dataset", "--num-requests", "--batch", "--concurrency", "--rate", "--slo"}

// stated are flags that the line has also where they are the default.
var stated = []string{"--dataset", "--num-requests", "--seed"}

// ofRecord are the recorded flags that cfu record has.
var ofRecord = []string{"--meter", "--idle", "--gpus", "--reference", "--poll", "--cpu-watts", "--cpu-idle-watts", "--expect-devices", "--sysfs", "--nvml-library"}

// OfRecord reports whether a recorded flag is one of cfu record or cfu watch.
func OfRecord(flag string) bool { return flag == "--endpoint" || slices.Contains(ofRecord, flag) }

// builder collects the parts of a line.
type builder struct {
	run    runfolder.Run
	config runfolder.Config
	parts  []string
	done   []string
	said   []string
}

func (b *builder) line() Line {
	l := Line{Text: strings.Join(b.parts, " \\\n  "), Needs: b.said}
	if strings.Contains(l.Text, secret.Mask) {
		l.Needs = append(l.Needs, fmt.Sprintf("%s stands for a secret, which is recorded nowhere: put it in, or in engine commands the environment variable that has it.", secret.Mask))
	}
	return l
}

// words adds words that are written as they are.
func (b *builder) words(text string) { b.parts = append(b.parts, text) }

// flag adds a flag with its value.
func (b *builder) flag(name, value string) { b.words(name + " " + word(value)) }

func (b *builder) need(format string, args ...any) {
	b.said = append(b.said, fmt.Sprintf(format, args...))
}

// flags adds those of the names that are no defaults.
func (b *builder) flags(names ...string) {
	for _, name := range names {
		b.rest([]string{name})
	}
}

// rest adds the flags that are not there yet and are no defaults: those of only,
// nil for all.
func (b *builder) rest(only []string) {
	defaults := map[string]string{}
	for _, f := range Defaults().Flags() {
		defaults[f.Name] = f.Text
	}
	for _, f := range b.config.Flags() {
		switch {
		case only != nil && !slices.Contains(only, f.Name), slices.Contains(b.done, f.Name):
			continue
		case f.Text == "" || f.Text == defaults[f.Name] && !slices.Contains(stated, f.Name):
			continue
		}
		b.done = append(b.done, f.Name)
		b.add(f)
	}
}

// add adds one flag of the record in the form in which its command reads it.
func (b *builder) add(f runfolder.Flag) {
	switch f.Name {
	case "--configurations": // in the sweep file
	case "--batch":
		if f.Text != "0" { // an endpoint's own
			b.flag(f.Name, f.Text)
		}
	case "--cpu-watts": // of a merged run it is not known
		if b.config.CPUWatts > 0 {
			b.flag(f.Name, f.Text)
		}
	case "--meter":
		for _, m := range b.config.Meter {
			b.flag(f.Name, listed(m))
		}
	case "--role":
		for _, r := range b.config.Roles {
			b.flag(f.Name, r)
		}
	case "--time-unit":
		b.flag(f.Name, strings.ReplaceAll(strings.TrimPrefix(f.Text, "1"), "µ", "u"))
	case "--header":
		for _, name := range b.config.Header {
			variable := variableOf(name)
			b.flag("--header-env", name+"="+variable)
			b.need("The environment variable %s has the value of the header field %s, which is recorded nowhere.", variable, name)
		}
	default:
		switch f.Text {
		case "true":
			b.words(f.Name)
		case "false":
			b.words(f.Name + "=false")
		default:
			b.flag(f.Name, f.Text)
		}
	}
}

// needs says what has to be there for cfu run.
func (b *builder) needs() {
	c := b.config
	server := "the engine command's program"
	if c.Endpoint != "" {
		server = "a server at " + c.Endpoint + ", with its key, if it wants one, in OPENAI_API_KEY"
	}
	var engines []string
	for _, e := range b.run.Engine {
		if text := strings.TrimSpace(e.Kind + " " + e.Version); !slices.Contains(engines, text) {
			engines = append(engines, text)
		}
	}
	if len(engines) > 0 {
		server += " (it was " + strings.Join(engines, ", ") + ")"
	}
	b.need("It needs %s.", server)
	trace := "the trace of " + c.Dataset
	if c.Dataset == "sample" {
		trace = "the trace, which is built in"
	}
	if b.run.TraceHash != "" {
		b.need("%s has the hash %s: trace_hash in the new run.json.", upper(trace), b.run.TraceHash)
	}
	var files []string
	for _, f := range []struct{ what, path string }{
		{"the inventory", c.Inventory}, {"the Shapley model", c.ShapleyModel}, {"the step costs", c.StepPrior}, {"the reference", c.Reference},
	} {
		if f.path != "" && (f.what != "the inventory" || strings.ContainsAny(f.path, "./"+string(filepath.Separator))) {
			files = append(files, f.what+" "+f.path)
		}
	}
	if len(files) > 0 {
		b.need("It reads %s.", strings.Join(files, ", "))
	}
	if c.Shard != "" {
		b.need("It is shard %s: the others run too, and all have one --rendezvous or --start-at.", c.Shard)
	}
	if len(c.Meter) == 0 {
		b.need("Several clients sent the load, and their folders were merged; here one sends all of it.")
	}
}

// record is the line of a record of a command.
func (b *builder) record() (Line, bool) {
	parts := b.run.Record.Parts
	if len(parts) == 0 || len(parts[len(parts)-1].Command) == 0 || b.run.Record.Merged() {
		return Line{}, false
	}
	b.words("cfu record")
	for _, f := range []runfolder.Flag{{Name: "--label", Text: b.run.Record.Label}, {Name: "--kind", Text: b.run.Record.Stage}} {
		if f.Text != "" {
			b.flag(f.Name, f.Text)
		}
	}
	b.rest(ofRecord)
	words := []string{"--out " + again, "--"}
	for _, w := range parts[len(parts)-1].Command {
		words = append(words, word(w))
	}
	b.words(strings.Join(words, " "))
	return b.line(), true
}

// sweepFile is the YAML of a sweep of configurations.
func sweepFile(configurations []runfolder.Configuration) string {
	var y strings.Builder
	y.WriteString("configurations:\n")
	for _, c := range configurations {
		fmt.Fprintf(&y, "  - label: %s\n    engine-cmd: %s\n", scalar(c.Label), scalar(c.EngineCmd))
		if len(c.Params) > 0 {
			y.WriteString("    params:\n")
		}
		for _, name := range slices.Sorted(maps.Keys(c.Params)) {
			fmt.Fprintf(&y, "      %s: %s\n", name, scalar(c.Params[name]))
		}
	}
	return y.String()
}

// scalar is a text as YAML and JSON write it between quotation marks, on one line.
func scalar(text string) string {
	var s strings.Builder
	e := json.NewEncoder(&s)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic(fmt.Sprintf("commandline: a text does not marshal: %v", err))
	}
	return strings.TrimSuffix(s.String(), "\n")
}

// listed is an entry of a flag's list, in which commas part entries.
func listed(entry string) string {
	if !strings.ContainsAny(entry, ",\"\r\n") {
		return entry
	}
	var s strings.Builder
	w := csv.NewWriter(&s)
	if err := w.Write([]string{entry}); err != nil {
		panic(fmt.Sprintf("commandline: an entry is not written to memory: %v", err))
	}
	w.Flush()
	return strings.TrimSuffix(s.String(), "\n")
}

// variableOf is a name for the environment variable of a header field's value.
func variableOf(header string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, "HEADER_"+header)
}

// word is a word of the shell, between quotation marks only where it needs them.
func word(text string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,=@%+", r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !safe(r) }) {
		return text
	}
	return engine.Quote(text)
}

// upper is a sentence's begin.
func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
