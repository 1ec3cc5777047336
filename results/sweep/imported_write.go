package sweep

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/logs"
	"cfubench/results/runfolder"
)

// write reads both logs again and writes the tables.
func (im Import) write(out *Imported, cells map[cellKey]*importedCell, order []cellKey) (err error) {
	metas := map[cellKey]map[string]string{}
	tables := map[cellKey]*runfolder.Writer[runfolder.Request]{}
	defer func() {
		for k, c := range cells {
			if w := tables[k]; w != nil {
				err = errors.Join(err, w.Abort()) // does nothing after Close
			}
			if c.readings != nil {
				err = errors.Join(err, c.readings.Abort())
			}
		}
	}()
	hash := runfolder.Config{Dataset: im.Requests.Path}.Hash()
	for _, k := range order {
		c := cells[k]
		dir := runfolder.CellDir(im.Out, c.ID)
		if err := runfolder.MakeDir(dir); err != nil {
			return fmt.Errorf("create cell folder: %w", err)
		}
		domains := make([]meter.Domain, len(c.domains))
		for i := range c.domains {
			domains[i] = c.domains[i].Domain
		}
		for i, d := range runfolder.Describe(domains) {
			c.domains[i].NotSummed = d.NotSummed
		}
		metas[k] = map[string]string{
			"cell": c.ID, "batch": "0", "repeat": strconv.Itoa(c.Repeat), "model": im.model(out), "engine": im.Engine, "config_hash": hash,
			"origin_unix_ns": strconv.FormatInt(c.OriginUnix, 10),
		}
		if tables[k], err = runfolder.Requests().Create(filepath.Join(dir, runfolder.RequestsFile), metas[k]); err != nil {
			return err
		}
		if c.readings, err = runfolder.NewReadingsWriter(filepath.Join(dir, runfolder.ReadingsFile), c.domains, metas[k]); err != nil {
			return err
		}
		c.held = make([]heldEdge, len(c.domains))
	}
	var row runfolder.Request
	if _, err := logs.ReadRequests(im.Requests.Path, im.Requests.Format, im.RequestOptions, func(r logs.Request) error {
		k := cellKey{r.Label, r.Repeat}
		c := cells[k]
		row = runfolder.Request{Key: c.Key(), Record: record(r, c.origin)}
		return tables[k].Write(row)
	}); err != nil {
		return err
	}
	for n, file := range im.Power {
		if _, err := logs.ReadPower(file.Path, file.Format, im.PowerOptions, func(s logs.Sample) error {
			for _, c := range cells {
				if err := c.take(n, s); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	for k, c := range cells {
		if err := errors.Join(c.finish(), c.readings.Close(), tables[k].Close()); err != nil {
			return err
		}
	}
	out.Run = im.run(out, cells, order, hash)
	return runfolder.WriteRun(im.Out, out.Run)
}

// readingsAtOnce is how many readings are handed to the table at a time.
const readingsAtOnce = 4096

// take writes a sample of power log n if it is the cell's.
func (c *importedCell) take(n int, s logs.Sample) error {
	if s.UnixNS < c.origin || s.UnixNS > c.window.End+int64(keepAround) {
		return nil
	}
	domain, mine := c.index[n][s.Device]
	if !mine {
		return nil
	}
	at := time.Duration(s.UnixNS - c.origin)
	r := meter.Reading{Domain: domain, Before: at, After: at, Energy: s.Energy, Power: s.Power, HasEnergy: s.HasEnergy, HasPower: s.HasPower, Status: meter.StatusOK}
	if r.HasPower && c.domains[domain].Kind == meter.KindPower {
		r.HasEnergy = false // a counter beside the gauge is another sensor
	}
	if !r.HasEnergy && !r.HasPower {
		r.Status = meter.StatusTransient
	}
	if h := &c.held[domain]; r.Status == meter.StatusOK {
		if !h.begun && at > c.Cell.Window.Start {
			c.hold(r, c.Cell.Window.Start)
		}
		h.begun, h.last = true, r
	}
	return c.put(r)
}

// hold writes the nearest reading once more at an end of the window that it
// does not reach, as --edge-slack allows; a warning of the run says so.
func (c *importedCell) hold(r meter.Reading, at time.Duration) {
	r.Before, r.After = at, at
	c.pending = append(c.pending, r)
}

func (c *importedCell) put(r meter.Reading) error {
	c.pending = append(c.pending, r)
	if len(c.pending) < readingsAtOnce {
		return nil
	}
	err := c.readings.Write(c.pending)
	c.pending = c.pending[:0]
	return err
}

// finish holds the last readings to the window's end and writes what is left.
func (c *importedCell) finish() error {
	for _, h := range c.held {
		if h.begun && h.last.At() < c.Cell.Window.End {
			c.hold(h.last, c.Cell.Window.End)
		}
	}
	return c.readings.Write(c.pending)
}

// record is a row of a request log as one of a run.
func record(r logs.Request, origin int64) loadgen.Record {
	moment := func(ns int64) time.Duration {
		if ns == logs.Absent {
			return loadgen.Never
		}
		return time.Duration(ns - origin)
	}
	number := func(n int32) int {
		if n == logs.Unknown {
			return loadgen.Unknown
		}
		return int(n)
	}
	out := loadgen.Record{
		Request: int(r.Request), Order: int(r.Request), Conversation: r.Conversation,
		Due: moment(r.Sent), Sent: moment(r.Sent), FirstToken: moment(r.First), LastToken: moment(r.Last), Done: moment(r.Done),
		PromptTokens: number(r.PromptTokens), OutputTokens: number(r.OutputTokens), CachedTokens: number(r.CachedTokens), TargetOutputTokens: loadgen.Unknown, PrefixOf: loadgen.Unknown,
		FinishReason: r.FinishReason, Err: r.Error, ServerPrefill: loadgen.Never, ServerDecode: loadgen.Never,
	}
	if r.TokenCount != nil {
		for _, at := range r.TokenAt {
			out.TokenAt = append(out.TokenAt, moment(at))
		}
		out.TokenCount = r.TokenCount
	}
	return out
}
