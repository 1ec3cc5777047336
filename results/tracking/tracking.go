// Package tracking writes the cells of a run in the file formats of other tools: all as
// runs of an experiment tracker, which reads them without a service, or one as the
// result of a benchmark, with joules.
//
// A cell is one tracked run: the run's flags are its parameters, the figures of
// summary.json its metrics under the same names, which have their units, and what
// the joules are worth and the verdict are its tags. An invalid cell has no
// metrics, as it has no figures anywhere.
package tracking

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// unitTag is before a metric's name in the tag of its unit.
const unitTag = "cfu.unit."

// tracked is one cell as a tracker has it.
type tracked struct {
	id, name   string // id is 32 hexadecimal digits, the same at every export
	point      runfolder.Point
	repeat     int
	start, end time.Time
	failed     bool
	params     map[string]string
	metrics    map[string]float64
	tags       map[string]string
}

// trackedOf are the cells of a run with their figures.
func trackedOf(run runfolder.Run, s summary.Summary) (list []tracked) {
	for _, c := range s.Cells {
		i := slices.IndexFunc(run.Cells, func(k runfolder.Cell) bool { return k.ID == c.Cell })
		if i < 0 {
			continue
		}
		cell := run.Cells[i]
		t := tracked{
			id: identity(run, cell.ID)[:32], name: cell.ID, point: cell.Point, repeat: cell.Repeat, failed: !c.Validity.Valid(),
			start:  time.Unix(0, cell.OriginUnix+int64(cell.Window.Start)),
			end:    time.Unix(0, cell.OriginUnix+int64(cell.Window.End)),
			params: paramsOf(run, cell), metrics: map[string]float64{}, tags: tagsOf(s, c),
		}
		if !t.failed {
			t.measure(s, c)
		}
		list = append(list, t)
	}
	return list
}

// identity is a name for a part of a run that is the same at every export.
func identity(run runfolder.Run, part string) string {
	of := []string{run.ConfigHash, run.TraceHash, run.Started, part}
	if len(run.Cells) > 0 { // to the nanosecond
		of = append(of, fmt.Sprint(run.Cells[0].OriginUnix))
	}
	sum := sha256.Sum256([]byte(strings.Join(of, "\n")))
	return hex.EncodeToString(sum[:])
}

// measure takes the cell's figures that are known, and their units as tags.
func (t *tracked) measure(s summary.Summary, c summary.CellSummary) {
	t.metrics["requests"], t.metrics["errors"] = float64(c.Requests), float64(c.Errors)
	for _, m := range summary.Metrics() {
		if v := m.Value(c); v.Known() {
			t.metrics[m.Name] = float64(v)
			t.tags[unitTag+m.Name] = m.UnitIn(s)
		}
	}
}

// paramsOf are the flags that are set, and what the cell is of.
func paramsOf(run runfolder.Run, cell runfolder.Cell) map[string]string {
	params := map[string]string{
		"cell.batch": fmt.Sprint(cell.Batch), "cell.load": cell.Load.String(), "cell.repeat": fmt.Sprint(cell.Repeat), "cell.label": cell.Label,
		"host.cpu": run.Host.CPU, "host.kernel": run.Host.Kernel, "trace.hash": run.TraceHash,
	}
	for _, f := range run.Config.Flags() {
		params[strings.TrimPrefix(f.Name, "--")] = f.Text
	}
	if e := run.EngineOf(cell.Point); e != nil {
		params["engine.kind"], params["engine.version"], params["engine.model"] = e.Kind, e.Version, e.Model
		for name, value := range e.Params {
			params["param."+name] = value
		}
	}
	maps.DeleteFunc(params, func(_, value string) bool { return value == "" })
	return params
}

// tagsOf say what the figures are worth.
func tagsOf(s summary.Summary, c summary.CellSummary) map[string]string {
	tags := map[string]string{"cfu.version": s.Cfu, "cfu.verdict": c.Validity.Verdict, "cfu.meter_kind": "none", "cfu.window": "whole"}
	if codes := c.Validity.Codes(); len(codes) > 0 {
		tags["cfu.verdict_codes"] = strings.Join(codes, ", ")
	}
	if s.MeterKind != "" {
		tags["cfu.meter_kind"] = s.MeterKind
	}
	if c.Steady != nil {
		tags["cfu.window"] = "steady"
	}
	if s.SLO != "" {
		tags["cfu.slo"] = s.SLO
	}
	return tags
}
