package sweep

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cfubench/internal/hostinfo"
	"cfubench/internal/version"
	"cfubench/meter"
	"cfubench/results/logs"
	"cfubench/results/runfolder"
)

// LogFile is a log of others with its format, "" to tell it by the file.
type LogFile struct{ Path, Format string }

// ParseLogFile takes FILE:FORMAT apart; a colon before anything but one of the formats
// is the file's.
func ParseLogFile(text string, formats []string) LogFile {
	if i := strings.LastIndexByte(text, ':'); i > 0 && slices.Contains(formats, text[i+1:]) {
		return LogFile{Path: text[:i], Format: text[i+1:]}
	}
	return LogFile{Path: text}
}

// Import says how a run folder is made of logs that exist.
type Import struct {
	Out      string
	Power    []LogFile
	Requests LogFile
	// PowerOptions and RequestOptions say how to read them.
	PowerOptions, RequestOptions logs.Options
	// GPUs are the server's devices by name or identity, nil for all of the logs;
	// Count is how many the server used, 0 if that is not said.
	GPUs  []string
	Count int
	// EdgeSlack is how much of a cell's ends may lie outside the readings: the
	// nearest one is held there.
	EdgeSlack time.Duration
	// Window places requests without times.
	Window logs.Window
	// Product and Driver are the GPUs' product name and their driver's version where
	// the power logs do not have them: what a gauge is depends on both.
	Product, Driver string
	// Model and Engine are what served, "" where nobody says.
	Model, Engine string
}

// Imported is what an import found beside the folder that it wrote.
type Imported struct {
	Run      runfolder.Run
	Requests *logs.Requests
	Power    []*logs.Power
	// Quality is that of each device for all cells together.
	Quality []logs.Quality
	// Figures are averages of what a log states without requests.
	Figures []StatedFigures
}

// keepAround is how much of the power log before and after a cell's window is
// kept with it: readings that bracket it, also of slow meters.
const keepAround = time.Minute

// maxImportedCells bounds the cells of one import, each of which has two open
// tables while it is written.
const maxImportedCells = 500

// importedCell is a cell to be: the rows of one label and repeat.
type importedCell struct {
	runfolder.Cell
	window   logs.Window
	started  int // requests whose start is known
	origin   int64
	gpus     map[string]bool
	inspect  []*logs.Inspector // one a power log
	domains  []runfolder.DomainInfo
	origins  []loggedDevice
	index    []map[int]int // of each power log, device → domain
	readings *runfolder.ReadingsWriter
	pending  []meter.Reading
	held     []heldEdge // of each domain
}

// heldEdge remembers a domain's readings next to the window's ends.
type heldEdge struct {
	begun bool
	last  meter.Reading
}

type cellKey struct {
	label  string
	repeat int32
}

// Run reads the logs and writes the run folder. Logs that give no rows
// (MLPerf, CodeCarbon, the ML.ENERGY leaderboard) give no folder: what they
// state is in Imported.
func (im Import) Run() (out Imported, err error) {
	if _, err := runfolder.ReadRun(im.Out); im.Out != "" && err == nil {
		return out, fmt.Errorf("%s already holds a run: give another --out", im.Out)
	}
	cells, order, err := im.survey(&out)
	if err != nil {
		return out, err
	}
	if len(out.Requests.Stated) > 0 {
		return out, im.figures(&out)
	}
	if im.Out == "" {
		return out, errors.New("give the folder to write with --out DIR")
	}
	if err := im.judge(&out, cells, order); err != nil {
		return out, err
	}
	return out, im.write(&out, cells, order)
}

// survey reads the requests once, for the cells and their windows.
func (im Import) survey(out *Imported) (map[cellKey]*importedCell, []cellKey, error) {
	cells := map[cellKey]*importedCell{}
	var order []cellKey
	var err error
	out.Requests, err = logs.ReadRequests(im.Requests.Path, im.Requests.Format, im.RequestOptions, func(r logs.Request) error {
		k := cellKey{r.Label, r.Repeat}
		c := cells[k]
		if c == nil {
			if len(cells) == maxImportedCells {
				return fmt.Errorf("over %d labels and repeats: the columns taken for them are none; map them with --column label=NAME, repeat=NAME", maxImportedCells)
			}
			c = &importedCell{gpus: map[string]bool{}, window: im.Window}
			cells[k], order = c, append(order, k)
		}
		c.Requests++
		if r.Error != "" {
			c.Errors++
		}
		if r.GPU != "" {
			c.gpus[r.GPU] = true
		}
		begin, end := r.Sent, max(r.Done, r.Last)
		if begin != logs.Absent {
			c.started++
		}
		if r.CellBegin != logs.Absent && r.CellEnd != logs.Absent {
			begin, end = r.CellBegin, r.CellEnd
		}
		if im.Window == (logs.Window{}) && begin != logs.Absent && end != logs.Absent {
			if c.window == (logs.Window{}) {
				c.window = logs.Window{Begin: begin, End: end}
			}
			c.window.Begin, c.window.End = min(c.window.Begin, begin), max(c.window.End, end)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for k, c := range cells {
		if c.window.Length() <= 0 {
			return nil, nil, fmt.Errorf("the requests of %s cannot be placed in time: %s; give the window of the load with --window BEGIN,END (Unix seconds)", im.Requests.Path, unplaced(c, out.Requests))
		}
		repeat := max(1, int(k.repeat))
		c.Point, c.Repeat = runfolder.Point{Load: runfolder.Load{Trace: true}, Label: folderName(k.label)}, repeat
		c.ID = c.Point.Cell(repeat)
		c.origin = c.window.Begin - int64(keepAround)
		c.OriginUnix = c.origin
		c.Cell.Window = meter.Window{Start: keepAround, End: time.Duration(c.window.End - c.origin)}
		c.Complete = true
	}
	seen := map[string]bool{}
	for _, c := range cells {
		if seen[c.ID] {
			return nil, nil, fmt.Errorf("two labels make the same name of a cell, %s: give them other names", c.ID)
		}
		seen[c.ID] = true
	}
	slices.SortFunc(order, func(a, b cellKey) int {
		if a.repeat != b.repeat {
			return int(a.repeat) - int(b.repeat)
		}
		return strings.Compare(a.label, b.label)
	})
	return cells, order, nil
}

// unplaced says why the requests of a cell have no place in time.
func unplaced(c *importedCell, q *logs.Requests) string {
	switch {
	case c.Errors == c.Requests:
		return "all of them failed"
	case c.started > 0:
		return "their log has their starts and not their ends (no latency, no times between tokens)"
	}
	return strings.Join(append(slices.Clone(q.Warnings), "their log has no start times")[:1], "")
}

// judge reads the power logs once, for the devices and what they are worth.
func (im Import) judge(out *Imported, cells map[cellKey]*importedCell, order []cellKey) error {
	if len(im.Power) == 0 {
		return errors.New("no power log: give one with --power FILE")
	}
	whole := logs.Window{Begin: cells[order[0]].window.Begin, End: cells[order[0]].window.End}
	for _, c := range cells {
		whole.Begin, whole.End = min(whole.Begin, c.window.Begin), max(whole.End, c.window.End)
	}
	var refusals []error
	names := map[string]bool{}
	for n, file := range im.Power {
		overall := logs.NewInspector(whole)
		for _, c := range cells {
			c.inspect = append(c.inspect, logs.NewInspector(c.window))
		}
		p, err := logs.ReadPower(file.Path, file.Format, im.PowerOptions, func(s logs.Sample) error {
			overall.Take(s)
			for _, c := range cells {
				if s.UnixNS >= c.origin && s.UnixNS <= c.window.End+int64(keepAround) {
					c.inspect[n].Take(s)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		out.Power = append(out.Power, p)
		qualities := overall.Result(p)
		out.Quality = append(out.Quality, qualities...)
		for i := range p.Devices {
			for base := p.Devices[i].Name; names[p.Devices[i].Name]; {
				p.Devices[i].Name = fmt.Sprintf("log%d-%s", n+1, base)
			}
			names[p.Devices[i].Name] = true
		}
		for _, k := range order {
			c := cells[k]
			needs := logs.Needs{Window: c.window, GPUs: im.GPUs, Count: im.Count, EdgeSlack: im.EdgeSlack}
			if len(c.gpus) > 0 && im.GPUs == nil {
				needs.GPUs, needs.Count = slices.Sorted(maps.Keys(c.gpus)), 0
			}
			if len(im.Power) > 1 {
				needs.GPUs, needs.Count = present(p, needs.GPUs), 0
			}
			judged := c.inspect[n].Result(p)
			for i := range qualities {
				// A device that was not read near the cell is judged by all of the log.
				if i == len(judged) {
					judged = append(judged, logs.Quality{})
				}
				if judged[i].Samples+judged[i].Failed == 0 {
					judged[i] = qualities[i]
				}
			}
			for _, q := range judged {
				if !q.Bracketed && q.Samples > 0 && im.EdgeSlack > 0 {
					p.Warnings = append(p.Warnings, fmt.Sprintf("cell %s: the readings of %s leave %v of the load's begin and %v of its end open: the nearest is held there",
						c.ID, q.Device, max(0, time.Duration(q.First-c.window.Begin)), max(0, time.Duration(c.window.End-q.Last))))
				}
			}
			for _, doubt := range needs.Doubts(p, judged) {
				p.Warnings = append(p.Warnings, "cell "+c.ID+": "+doubt)
			}
			for _, refusal := range needs.Refuse(p, judged) {
				if len(order) > 1 {
					refusal = fmt.Errorf("cell %s: %w", c.ID, refusal)
				}
				refusals = append(refusals, refusal)
			}
			chosen, err := needs.Selected(p)
			if err != nil {
				continue // among the refusals
			}
			index := map[int]int{}
			for _, i := range chosen {
				index[i] = len(c.domains)
				q := qualities[min(i, len(qualities)-1)]
				c.domains = append(c.domains, im.domain(p, p.Devices[i], q))
				c.origins = append(c.origins, loggedDevice{p.Devices[i], n})
			}
			c.index = append(c.index, index)
		}
	}
	for _, columns := range im.PowerOptions.Columns {
		for _, col := range columns {
			if len(im.Power) > 1 && !slices.ContainsFunc(out.Power, func(p *logs.Power) bool { return p.HasColumn(col.Name) }) {
				refusals = append(refusals, fmt.Errorf("no power log has the column %q of --column", col.Name))
			}
		}
	}
	for _, k := range order {
		if err := cells[k].tellApart(im.GPUs != nil); err != nil {
			refusals = append(refusals, err)
		}
	}
	if im.Count > 0 && len(im.Power) > 1 {
		if have := cells[order[0]].gpuCount(); have != im.Count {
			refusals = append(refusals, fmt.Errorf("the server used %d GPUs and the logs give %d: name them with --gpus, or give the other logs", im.Count, have))
		}
	}
	if len(refusals) > 0 {
		// One says what to do; the rest are mostly the same for other cells.
		if n := len(refusals) - 1; n > 0 {
			return fmt.Errorf("%w (and %d more of the kind)", refusals[0], n)
		}
		return refusals[0]
	}
	return nil
}

// present are those of the names that a log has: with several logs the others
// are in another.
func present(p *logs.Power, names []string) []string {
	if names == nil {
		return nil
	}
	found := []string{}
	for _, name := range names {
		if i, err := (logs.Needs{GPUs: []string{name}}).Selected(p); err == nil && len(i) > 0 {
			found = append(found, name)
		}
	}
	return found
}

// domain is a device as a run keeps it. Its update period stays unknown: a
// foreign log does not say when within a step the gauge changed, so a reading
// stands at its time and trapezoids join them, as the logs' authors do. How
// often the value changes is in the note.
func (im Import) domain(p *logs.Power, d logs.Device, q logs.Quality) runfolder.DomainInfo {
	info := runfolder.DomainInfo{Poll: q.Interval}
	if d.Scope == meter.ScopeGPU {
		d.Product, d.Driver = cmp.Or(d.Product, im.Product), cmp.Or(d.Driver, im.Driver)
	}
	info.Domain = meter.Domain{
		Name: d.Name, Device: d.Identity(), Product: d.Product, Driver: d.Driver, Gauge: d.Register(), Host: d.Host, Source: p.Format, Kind: d.Kind, Scope: d.Scope,
		Note: fmt.Sprintf("imported from a log: %s every %v, changing every %v, covering %.1f %% of the load",
			d.Gauge, q.Interval.Round(time.Millisecond), q.Change.Round(time.Millisecond), 100*q.Covered),
	}
	return info
}

func (im Import) model(out *Imported) string {
	if im.Model != "" {
		return im.Model
	}
	return out.Requests.Model
}

// run is run.json.
func (im Import) run(out *Imported, cells map[cellKey]*importedCell, order []cellKey, hash string) runfolder.Run {
	run := runfolder.Run{
		Cfu: version.String(), Build: version.Read(), ConfigHash: hash, ScheduleHash: map[string]string{},
		Config: runfolder.Config{Dataset: im.Requests.Path, Model: im.Model},
		Trace:  runfolder.TraceInfo{Source: out.Requests.Format + ":" + filepath.Base(im.Requests.Path), Requests: int(out.Requests.Rows)},
		Host:   hostinfo.Info{},
		Engine: []runfolder.EngineInfo{{Kind: im.Engine, Model: im.model(out), Unknown: []string{"batch limit"}}},
	}
	run.Warnings = append(run.Warnings, out.Requests.Warnings...)
	for _, p := range out.Power {
		run.Warnings = append(run.Warnings, p.Warnings...)
	}
	known := map[string]bool{}
	for _, k := range order {
		c := cells[k]
		run.Cells = append(run.Cells, c.Cell)
		for _, d := range c.domains {
			if !known[d.Name] {
				known[d.Name] = true
				run.Domains = append(run.Domains, d)
			}
		}
		if run.Started == "" {
			run.Started = time.Unix(0, c.window.Begin).UTC().Format(time.RFC3339)
		}
	}
	return run
}
