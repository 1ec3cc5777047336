package runfolder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"cfubench/internal/atomicfile"
	"cfubench/internal/folder"
	"cfubench/internal/hostinfo"
	"cfubench/internal/version"
	"cfubench/loadgen"
	"cfubench/meter"
)

// schema is the version of run.json that this package writes and reads.
const schema = 2

// Run is run.json: the configuration as run, what it ran on, and the windows
// of its cells. It is rewritten whole after each cell.
type Run struct {
	Schema  int    `json:"schema"`
	Cfu     string `json:"cfu_version"`
	Started string `json:"started"` // RFC 3339, UTC
	// Build identifies the cfu that measured, beyond its version.
	Build version.Build `json:"build,omitzero"`
	// Config holds the flags as run, without secrets; ConfigHash is its hash and the
	// key of --resume; TraceHash and ScheduleHash those of what was sent and when.
	Config       Config            `json:"config"`
	ConfigHash   string            `json:"config_hash"`
	TraceHash    string            `json:"trace_hash"`
	ScheduleHash map[string]string `json:"schedule_hash"` // by load: "c8", "rate4"
	Trace        TraceInfo         `json:"trace"`
	Host         Host              `json:"host"`
	Engine       []EngineInfo      `json:"engine"` // one a launch
	Domains      []DomainInfo      `json:"domains"`
	// LeftOut are sources and domains that are not read, with reason and remedy.
	LeftOut []meter.Refusal `json:"left_out"`
	// SelfTest is the client's own measured error.
	SelfTest *loadgen.SelfTest `json:"certificate,omitempty"`
	// Record says that nothing was asked of a server: nil of every other run.
	Record *Recorded `json:"record,omitempty"`
	// Reference is the reference meter that --reference names, as it was measured.
	Reference *Reference `json:"reference,omitempty"`
	// BareIdle is the host before the first server was launched.
	BareIdle *BareIdle `json:"bare_idle,omitempty"`
	Cells    []Cell    `json:"cells"`
	// RateSearches are the outcomes of --find-rate, one for each configuration and
	// batch size: with a rate of 0 where none that was tried keeps the SLO.
	RateSearches []RateSearch `json:"rate_searches,omitempty"`
	// Failed are the configurations of several that could not be measured, or not to
	// their end: --resume tries them again.
	Failed   []Failed `json:"failed,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// TraceInfo says which requests were sent and how they were chosen.
type TraceInfo struct {
	Source    string         `json:"source"`
	Selection string         `json:"selection"`
	Tokenizer string         `json:"tokenizer"`
	Requests  int            `json:"requests"`
	Dropped   map[string]int `json:"dropped,omitempty"`
	Warnings  []string       `json:"warnings,omitempty"`
}

// Host identifies the machine that ran the client and the meters.
type Host = hostinfo.Info

// EngineInfo identifies the server under test.
type EngineInfo struct {
	// Label is that of the configuration, with the values of its parameters.
	Label          string            `json:"label,omitempty"`
	Params         map[string]string `json:"params,omitempty"`
	Batch          int               `json:"batch"`                     // asked for; 0 with --endpoint
	EffectiveBatch int               `json:"effective_batch,omitempty"` // read back from the server
	Kind           string            `json:"kind"`                      // "llama.cpp", "vllm", "sglang", "tensorrt-llm", "openai"
	Version        string            `json:"version,omitempty"`
	Model          string            `json:"model"`
	// Parameters is the number of the model's weights, WeightBytes what they take,
	// as the server says; 0 where it does not.
	Parameters  int64  `json:"model_parameters,omitempty"`
	WeightBytes int64  `json:"weight_bytes,omitempty"`
	Command     string `json:"command,omitempty"`
	// Unknown lists what the server did not tell.
	Unknown []string `json:"unknown,omitempty"`
}

// EngineOf is the engine that served the cells of a point's batch size and label,
// nil if it is not known: the last one launched.
func (r Run) EngineOf(p Point) *EngineInfo {
	for i := len(r.Engine) - 1; i >= 0; i-- {
		if r.Engine[i].Batch == p.Batch && r.Engine[i].Label == p.Label {
			return &r.Engine[i]
		}
	}
	return nil
}

// ParamsOf are the values of the parameters with which the cells of a point were
// served, nil where there are none.
func (r Run) ParamsOf(p Point) map[string]string {
	if e := r.EngineOf(p); e != nil {
		return e.Params
	}
	return nil
}

// ParamNames are the names of all parameters of the run, in alphabetical order.
func (r Run) ParamNames() []string {
	names := map[string]bool{}
	for _, e := range r.Engine {
		for name := range e.Params {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// RateSearch is the search for the highest Poisson rate that keeps an SLO.
type RateSearch struct {
	Batch int         `json:"batch"`
	Label string      `json:"label,omitempty"`
	SLO   loadgen.SLO `json:"slo"`
	loadgen.FoundRate
}

// Rejected reports whether the search found that no rate keeps the SLO.
func (r RateSearch) Rejected() bool { return r.Rate == 0 }

// Failed is a configuration at a batch size whose server did not start, or failed
// before all of its cells were measured.
type Failed struct {
	Batch int    `json:"batch"`
	Label string `json:"label,omitempty"`
	// Reason is one line, with the last lines that the server printed.
	Reason string `json:"reason"`
}

// ServerName names a configuration at a batch size in messages: "batch 8",
// "dtype=float16, batch 8".
func ServerName(label string, batch int) string {
	if label == "" {
		return "batch " + strconv.Itoa(batch)
	}
	return label + ", batch " + strconv.Itoa(batch)
}

// Unmeasured says which configurations of the run have no figure, or not all of theirs,
// and why.
func (r Run) Unmeasured() (lines []string) {
	for _, f := range r.Failed {
		lines = append(lines, fmt.Sprintf("%s failed and is not measured, or not whole: %s", ServerName(f.Label, f.Batch), f.Reason))
	}
	for _, s := range r.RateSearches {
		if s.Rejected() {
			lines = append(lines, fmt.Sprintf("%s keeps %s at no rate that was tried, down to %.3g requests/s", ServerName(s.Label, s.Batch), s.SLO, s.FailedAt))
		}
	}
	return lines
}

// Cell is one point of the sweep and one repeat of it.
type Cell struct {
	ID string `json:"cell"` // Point.Cell: "b8-c16-r1"
	Point
	Repeat int `json:"repeat"`
	// OriginUnix places the cell's clock origin on the wall clock.
	OriginUnix int64 `json:"origin_unix_ns"`
	// The phases of the cell on its clock. IdleBefore and IdleAfter are empty
	// windows where no baseline was taken.
	IdleBefore   meter.Window `json:"idle_before"`
	Window       meter.Window `json:"window"`
	IdleAfter    meter.Window `json:"idle_after"`
	Requests     int          `json:"requests"`
	Errors       int          `json:"errors"`
	ScheduleHash string       `json:"schedule_hash"`
	Complete     bool         `json:"complete"` // false: interrupted or failed, rows kept
	// Tables are the digests of the raw tables (arrowfile.Reader), by file, once
	// the cell is complete: a table that was replaced or changed is known.
	Tables      map[string]string `json:"tables,omitempty"`
	Interrupted string            `json:"interrupted,omitempty"`
	// Reasons are validity reason codes found while running.
	Reasons []string `json:"reasons,omitempty"`
	// Client is what the load generator says of itself: its lateness, how its
	// stamps were made, its wait for a CPU, and its warnings with their remedies.
	Client *loadgen.Stats `json:"client,omitempty"`
	// Devices is what was seen of the metered devices beside their readings:
	// GPUs' clocks, throttling and processes, and the connections to agents.
	Devices json.RawMessage `json:"devices,omitempty"`
}

// ReasonForeign is the code of a cell's reason: processes that are not the
// engine's used the metered devices.
const ReasonForeign = "foreign_processes"

// BareIdle is the stretch before a run launched its first server: what the
// hardware draws without one. Its raw readings are in BareDir.
type BareIdle struct {
	// Window is on the clock of the readings beside it, whose origin is
	// OriginUnix; it is empty where there was none.
	Window     meter.Window `json:"window"`
	OriginUnix int64        `json:"origin_unix_ns,omitempty"`
	// NotMeasured says why there was none.
	NotMeasured string `json:"not_measured,omitempty"`
	// Devices is what was seen of the devices meanwhile, as in a Cell.
	Devices json.RawMessage `json:"devices,omitempty"`
}

// Measured reports whether there was a window.
func (b *BareIdle) Measured() bool { return b != nil && b.Window.Length() > 0 }

// ReadRun reads run.json of the run folder dir. An error says so if dir holds no
// run (it wraps fs.ErrNotExist), one of another schema, or one whose cells' names
// or links lead elsewhere.
func ReadRun(dir string) (Run, error) {
	path := filepath.Join(dir, RunFile)
	text, err := ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Run{}, fmt.Errorf("%s holds no run: %w; give the folder that 'cfu run --out' wrote", dir, err)
	}
	if err != nil {
		return Run{}, fmt.Errorf("read run: %w", err)
	}
	var r Run
	if err = json.Unmarshal(text, &r); err != nil || r.Schema != schema {
		// Of another schema, that is what is to be said, whatever else is wrong.
		var version struct {
			Schema int `json:"schema"`
		}
		if bad := json.Unmarshal(text, &version); bad == nil && version.Schema != schema {
			return Run{}, fmt.Errorf("read %s: it has schema %d, this version reads %d: run it again, or use the version of cfu that wrote it", path, version.Schema, schema)
		}
		return Run{}, fmt.Errorf("read %s: %w", path, err)
	}
	seen := map[string]bool{}
	for _, c := range r.Cells {
		if err := folder.CheckName(c.ID); err != nil {
			return Run{}, fmt.Errorf("read %s: cell %w", path, err)
		}
		if reserved(c.ID) {
			return Run{}, fmt.Errorf("read %s: a cell cannot be called %q", path, c.ID)
		}
		if seen[c.ID] {
			return Run{}, fmt.Errorf("read %s: cell %s is there twice", path, c.ID)
		}
		seen[c.ID] = true
	}
	r.EachText(func(_, text string) string { return clean(text) })
	if err := checkLinks(dir, r); err != nil {
		return Run{}, fmt.Errorf("read %s: %w", dir, err)
	}
	return r, nil
}

// checkLinks refuses a run folder with a link among its files that leads out of
// it: what is written and read there would be somebody else's.
func checkLinks(dir string, r Run) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	folders := []string{".", CellsDir, BareDir}
	for _, c := range r.Cells {
		folders = append(folders, CellDir("", c.ID))
	}
	for _, name := range folders {
		f, err := root.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		entries, err := f.ReadDir(-1)
		f.Close()
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Type()&fs.ModeSymlink == 0 {
				continue
			}
			if _, err := root.Stat(filepath.Join(name, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("the link %s: %w", filepath.Join(name, e.Name()), err)
			}
		}
	}
	return nil
}

// WriteRun writes run.json of the run folder dir in one step: a reader sees the
// old file or the new one. Secrets that this process knows are not in it. It sets
// the schema, and the digests of the tables of complete cells that have none yet.
func WriteRun(dir string, r Run) error {
	r.Schema = schema
	r.EachText(func(field, text string) string {
		if Identity(field) {
			return clean(text)
		}
		return clean(hidden(clean(text)))
	})
	for i := range r.Cells {
		switch c := &r.Cells[i]; {
		case !c.Complete: // its tables may grow yet
			c.Tables = nil
		case c.Tables == nil:
			var err error
			if c.Tables, err = digests(dir, c.ID); err != nil {
				return err
			}
		}
	}
	return atomicfile.WriteJSON(filepath.Join(dir, RunFile), r)
}

// digests are those of a cell's raw tables that are there and have one.
func digests(dir, cell string) (map[string]string, error) {
	out := map[string]string{}
	for _, file := range []string{RequestsFile, ReadingsFile, EngineFile, DevicesFile, PowerFile, TenantsFile} {
		r, err := OpenTable(CellFile(dir, cell, file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if r.Complete && r.Verified {
			out[file] = r.Digest
		}
		if err := r.Close(); err != nil {
			return nil, err
		}
	}
	return out, nil
}
