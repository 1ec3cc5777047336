package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"cfubench/results/runfolder"
)

// hours are the names of the folders of hours in Out, the oldest first.
func (w *Watcher) hours() ([]string, error) {
	entries, err := os.ReadDir(w.Out)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for hours: %w", err)
	}
	var names []string
	for _, e := range entries {
		if t, err := time.Parse(hourLayout, e.Name()); err == nil && e.IsDir() && hourOf(t) == e.Name() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// prune removes the folders of hours that ended more than Keep ago. Whatever else
// stands in Out stays.
func (w *Watcher) prune(now time.Time) error {
	if w.Keep <= 0 {
		return nil
	}
	names, err := w.hours()
	if err != nil {
		return err
	}
	for _, name := range names {
		began, _ := time.Parse(hourLayout, name) // hours has seen that it parses
		if began.Add(time.Hour + w.Keep).After(now) {
			break
		}
		dir := filepath.Join(w.Out, name)
		if run, err := runfolder.ReadRun(dir); err != nil || !run.Record.Serves() {
			continue // it is somebody else's
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove an hour that is older than --keep: %w", err)
		}
	}
	return nil
}

// mend makes whole what an earlier cfu that was killed left of its last hour, unless
// it is this one, which is gone on with.
func (w *Watcher) mend() error {
	names, err := w.hours()
	if err != nil || len(names) == 0 {
		return err
	}
	name := names[len(names)-1]
	if name == hourOf(time.Now()) {
		return nil
	}
	run, err := runfolder.ReadRun(filepath.Join(w.Out, name))
	if err != nil || !run.Record.Serves() || len(run.Cells) == 0 || run.Cells[len(run.Cells)-1].Complete {
		return nil // what cannot be read is nobody's to mend, and is told by who reads it
	}
	h, err := w.openHour(name)
	if err != nil {
		return err
	}
	return w.close(h)
}

// DefaultKeep is how long the folder of an hour stays if nobody says: 30 days.
const DefaultKeep = 30 * 24 * time.Hour

// ParseKeep reads how long a folder stays: a time of hours or days; 0 is for ever.
func ParseKeep(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n float64
		if n, err = strconv.ParseFloat(days, 64); err == nil {
			d = time.Duration(n * 24 * float64(time.Hour))
		}
	}
	if err != nil || d != 0 && d < time.Hour || d > 100*365*24*time.Hour {
		return 0, fmt.Errorf("%q: want an hour or more, as in 36h or 90d, or 0", text)
	}
	return d, nil
}
