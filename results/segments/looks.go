package segments

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"sync"

	"cfubench/meter"
	"cfubench/results/arrowfile"
	"cfubench/results/runfolder"
)

// Looks holds the looks at the devices of a cell while they come, in segments like
// those of a Store: looks-000001.arrow, and thin-… where they are rolled up. Finish
// makes devices.arrow of them. Any number of goroutines may write.
type Looks struct {
	key runfolder.Key

	mu   sync.Mutex
	line *line
	out  *runfolder.Writer[runfolder.DeviceState]
	over bool
	err  error
}

func looksFile(dir string, n int) string {
	return filepath.Join(dir, fmt.Sprintf("looks-%06d.arrow", n))
}
func thinFile(dir string, n int) string { return filepath.Join(dir, fmt.Sprintf("thin-%06d.arrow", n)) }

// NewLooks returns those of the cell with the key, in its folder dir; meta are the
// constants of its tables.
func NewLooks(dir string, key runfolder.Key, meta map[string]string) *Looks {
	l := &Looks{key: key}
	l.line = newLine(func(n int) (_ io.Closer, err error) {
		l.out, err = runfolder.DeviceStates().Create(looksFile(dir, n), meta)
		return l.out, err
	}, func(n int) error { return thinLooks(dir, n, meta) })
	return l
}

// Write takes a look at a device. Close has the error. What comes after Close, of a
// driver that answers at last, goes nowhere.
func (l *Looks) Write(s meter.DeviceState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil || l.over {
		return
	}
	if l.err = l.line.goOn(s.At); l.err == nil {
		l.err = l.out.Write(runfolder.StateRow(l.key, s))
	}
}

// Close ends the segment under way; what it holds is in files.
func (l *Looks) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	return errors.Join(l.err, l.line.Close())
}

// thinLooks rolls a segment of looks up.
func thinLooks(dir string, n int, meta map[string]string) error {
	out, err := runfolder.DeviceStates().Derive(thinFile(dir, n), meta)
	if err != nil {
		return err
	}
	defer out.Abort()
	var kept thinner
	for row, err := range runfolder.DeviceStates().Scan(context.Background(), looksFile(dir, n)) {
		if err == nil {
			err = kept.add(*row, out.Write)
		}
		if err != nil {
			return fmt.Errorf("roll up looks at devices: %w", err)
		}
	}
	if err := kept.end(out.Write); err != nil {
		return fmt.Errorf("roll up looks at devices: %w", err)
	}
	if err := out.Close(); err != nil {
		return err
	}
	if err := flushed(thinFile(dir, n)); err != nil {
		return err
	}
	return runfolder.Remove(looksFile(dir, n))
}

// finishLooks makes devices.arrow of the segments of looks in dir, and removes them. A
// cell without a look has no such table.
func finishLooks(dir string, meta map[string]string) error {
	numbers, err := numbered(dir, "looks-%06d.arrow", "thin-%06d.arrow")
	if err != nil || len(numbers) == 0 {
		return err
	}
	path := filepath.Join(dir, runfolder.DevicesFile)
	if _, err := runfolder.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := joinLooks(dir, path, numbers, meta); err != nil {
			return err
		}
	}
	var errs []error
	for _, n := range numbers {
		errs = append(errs, remove(looksFile(dir, n)), remove(thinFile(dir, n)))
	}
	return errors.Join(errs...)
}

func joinLooks(dir, path string, numbers []int, meta map[string]string) error {
	out, err := runfolder.DeviceStates().Derive(path, meta)
	if err != nil {
		return err
	}
	defer out.Abort()
	rows := 0
	for _, n := range numbers {
		from := looksFile(dir, n)
		if _, err := runfolder.Stat(thinFile(dir, n)); err == nil {
			from = thinFile(dir, n)
		} else if _, err := runfolder.RecoverTable(from); errors.Is(err, arrowfile.ErrEmpty) {
			continue
		} else if err != nil { // of a killed writer
			return err
		}
		for row, err := range runfolder.DeviceStates().Scan(context.Background(), from) {
			if err == nil {
				err = out.Write(row)
			}
			if err != nil {
				return err
			}
			rows++
		}
	}
	if rows == 0 { // the killed writer had not come to its first
		out.Abort()
		return remove(path)
	}
	if err := out.Close(); err != nil {
		return err
	}
	return flushed(path)
}

// thinner rolls looks up by ten seconds: of each device one row, the last look's with
// the means of its figures, all reasons why clocks were held back, and the sum of the
// driver's own samples. The samples themselves go. Where a limit, the processes or
// their role change, or the sum has a gap, another row begins.
type thinner struct{ under []*thinned }

// thinned are looks at one device that are to be one row.
type thinned struct {
	last    runfolder.DeviceState
	sums    [len(runfolder.DeviceFigures{})]float64
	told    [len(runfolder.DeviceFigures{})]float64
	reasons []string
}

const blockLength = block * second

// add takes the next look, which is the caller's again afterwards.
func (t *thinner) add(row runfolder.DeviceState, keep func(*runfolder.DeviceState) error) error {
	i := slices.IndexFunc(t.under, func(u *thinned) bool { return u.last.Domain == row.Domain && u.last.Device == row.Device })
	if i < 0 {
		t.under = append(t.under, newThinned(row))
		return nil
	}
	if u := t.under[i]; !u.goesOn(row) {
		t.under[i] = newThinned(row)
		return keep(u.row())
	}
	t.under[i].add(row)
	return nil
}

// end keeps what is under way.
func (t *thinner) end(keep func(*runfolder.DeviceState) error) error {
	for _, u := range t.under {
		if err := keep(u.row()); err != nil {
			return err
		}
	}
	return nil
}

func newThinned(row runfolder.DeviceState) *thinned {
	t := &thinned{last: row}
	t.last.SampleAt, t.last.SamplePower = nil, nil
	t.note(row)
	return t
}

// goesOn reports whether a look belongs to the same row.
func (t *thinned) goesOn(row runfolder.DeviceState) bool {
	l := &t.last
	same := l.At/blockLength == row.At/blockLength && l.Processes == row.Processes && l.Role == row.Role &&
		(l.Limit == row.Limit || math.IsNaN(l.Limit) && math.IsNaN(row.Limit))
	return same && (l.BufferedTo < 0 || row.BufferedTo < 0 || l.BufferedTo == row.BufferedFrom)
}

func (t *thinned) add(row runfolder.DeviceState) {
	from, to, energy := row.BufferedFrom, row.BufferedTo, row.BufferedEnergy
	if l := t.last; l.BufferedTo >= 0 {
		from = l.BufferedFrom
		if to < 0 {
			to, energy = l.BufferedTo, l.BufferedEnergy
		} else {
			energy += l.BufferedEnergy
		}
	}
	row.SampleAt, row.SamplePower = nil, nil
	row.BufferedFrom, row.BufferedTo, row.BufferedEnergy = from, to, energy
	t.last = row
	t.note(row)
}

// note takes a look's figures and reasons.
func (t *thinned) note(row runfolder.DeviceState) {
	for i, f := range row.Figures() {
		if !math.IsNaN(*f) {
			t.sums[i], t.told[i] = t.sums[i]+*f, t.told[i]+1
		}
	}
	for _, reason := range row.Throttled {
		if !slices.Contains(t.reasons, reason) {
			t.reasons = append(t.reasons, reason)
		}
	}
}

// row is the row of the looks.
func (t *thinned) row() *runfolder.DeviceState {
	for i, f := range t.last.Figures() {
		if t.told[i] > 0 {
			*f = math.Round(t.sums[i]/t.told[i]*10) / 10
		}
	}
	t.last.Throttled = t.reasons
	return &t.last
}
