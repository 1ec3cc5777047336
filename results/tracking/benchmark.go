package tracking

import (
	"context"
	"fmt"
	"io"
	"iter"
	"math"
	"strings"
	"time"

	"cfubench/loadgen"
	"cfubench/results/derivation"
	"cfubench/results/logs"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// Benchmarks are the benchmarks in whose formats WriteBenchmark writes a cell.
func Benchmarks() []string { return []string{"vllm", "aiperf"} }

// WriteBenchmark writes one cell of the run folder out in the format of a benchmark,
// each request with its joules by a convention, "" for the first of the table. A cell
// that cannot be meant is a runfolder.ConfigError.
func WriteBenchmark(ctx context.Context, w io.Writer, out string, run runfolder.Run, benchmark, cellID, convention string) error {
	cell, err := exportedCell(run, cellID)
	if err != nil {
		return err
	}
	joules := map[int64]float64{}
	for e, err := range runfolder.Energies().Scan(ctx, runfolder.CellFile(out, cell.ID, runfolder.EnergyFile)) {
		if err != nil {
			return err
		}
		if convention == "" {
			convention = e.Convention
		}
		if e.Summed && e.Convention == convention && e.Request >= 0 {
			joules[e.Request] += e.Energy.Joules()
		}
	}
	if len(joules) == 0 {
		return fmt.Errorf("cell %s has no energy by convention %q: run cfu attribute %s --convention %[2]s first", cell.ID, convention, out)
	}
	energy, err := derivation.ReadCellEnergy(out, cell.ID)
	if err != nil {
		return err
	}
	res := logs.Result{Convention: convention, Joules: energy.Energy.Joules(), Kind: energy.Kind, Begin: cell.OriginUnix + int64(cell.Window.Start), End: cell.OriginUnix + int64(cell.Window.End)}
	if e := run.EngineOf(cell.Point); e != nil {
		res.Model, res.Engine = e.Model, e.Kind
	}
	rows := func() iter.Seq2[logs.Metered, error] {
		return meteredRows(ctx, runfolder.CellFile(out, cell.ID, runfolder.RequestsFile), cell.OriginUnix, joules)
	}
	if benchmark == "aiperf" {
		return logs.WriteAIPerf(w, res, rows())
	}
	s, err := summary.Summarize(ctx, out)
	if err != nil {
		return err
	}
	for _, c := range s.Cells {
		if c.Cell == cell.ID {
			res.Statistics = vllmStatistics(c.Whole)
		}
	}
	return logs.WriteVLLM(w, res, rows)
}

// exportedCell is the cell of a name, or the only one of the run.
func exportedCell(run runfolder.Run, id string) (runfolder.Cell, error) {
	var names []string
	for _, c := range run.Cells {
		if c.ID == id || id == "" && len(run.Cells) == 1 {
			return c, nil
		}
		names = append(names, c.ID)
	}
	if id == "" {
		return runfolder.Cell{}, runfolder.Refuse("the run has %d cells, and the format holds one: give --cell, of %s", len(names), strings.Join(names, ", "))
	}
	return runfolder.Cell{}, runfolder.Refuse("--cell %s: the run has %s", id, strings.Join(names, ", "))
}

// vllmStatistics are the figures that dashboards read of vLLM's result, in ms.
func vllmStatistics(m summary.Measures) map[string]float64 {
	out := map[string]float64{}
	for name, d := range map[string]summary.Distribution{"ttft": m.TTFT, "tpot": m.TPOT, "itl": m.ITL, "e2el": m.Latency} {
		for statistic, v := range map[string]summary.Figure{"mean": d.Mean, "median": d.P50, "p99": d.P99} {
			out[statistic+"_"+name+"_ms"] = 1e3 * float64(v)
		}
	}
	return out
}

// meteredRows are the rows of requests.arrow as another tool would have them.
func meteredRows(ctx context.Context, path string, origin int64, joules map[int64]float64) iter.Seq2[logs.Metered, error] {
	return func(yield func(logs.Metered, error) bool) {
		for r, err := range runfolder.Requests().Scan(ctx, path) {
			if err != nil {
				yield(logs.Metered{}, err)
				return
			}
			m := logs.Metered{Request: requestOf(r.Record, origin), Joules: math.NaN()}
			if j, ok := joules[int64(r.Record.Request)]; ok {
				m.Joules = j
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

// requestOf is a record of a run as a row of a log.
func requestOf(r loadgen.Record, origin int64) logs.Request {
	moment := func(at time.Duration) int64 {
		if at == loadgen.Never {
			return logs.Absent
		}
		return origin + int64(at)
	}
	since := func(at time.Duration) int64 {
		if at == loadgen.Never || r.Sent == loadgen.Never {
			return logs.Absent
		}
		return int64(at - r.Sent)
	}
	out := logs.Request{
		Request: int64(r.Request), Conversation: r.Conversation, Sent: moment(r.Sent), First: moment(r.FirstToken), Last: moment(r.LastToken), Done: moment(r.Done),
		TTFT: since(r.FirstToken), Latency: since(r.Done), TokenCount: r.TokenCount, FinishReason: r.FinishReason, Error: r.Err,
		PromptTokens: int32(r.PromptTokens), OutputTokens: int32(r.OutputTokens), CachedTokens: int32(r.CachedTokens), ReasoningTokens: logs.Unknown,
		CellBegin: logs.Absent, CellEnd: logs.Absent,
	}
	for _, at := range r.TokenAt {
		out.TokenAt = append(out.TokenAt, moment(at))
	}
	return out
}
