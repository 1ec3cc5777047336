package tracking

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"cfubench/internal/version"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// Numbers of the fields of W&B's records that are written here
// (wandb/proto/wandb_internal.proto of wandb 0.31; protobuf keeps numbers).
const (
	recordNum, recordHistory, recordSummary, recordMetric, recordRun, recordExit, recordHeader protowire.Number = 1, 2, 3, 12, 17, 18, 21

	headerVersion, versionProducer                                         protowire.Number = 1, 1
	runID, runProject, runConfig, runGroup, runName, runStart              protowire.Number = 1, 3, 4, 6, 8, 17
	startSeconds, startNanos                                               protowire.Number = 1, 2
	historyItem, historyStep, stepNum                                      protowire.Number = 1, 2, 1
	update, itemKey, itemNestedKey, itemJSON                               protowire.Number = 1, 1, 2, 16
	metricName, metricStep, metricOptions, optionStepSync, optionIsDefined protowire.Number = 1, 4, 6, 1, 3
	exitCode, exitRuntime                                                  protowire.Number = 1, 2
)

// WriteWandb writes the cells of a run as offline runs of Weights & Biases into
// the folder dir, usually called wandb, which `wandb sync` uploads, and returns
// their folders. Each configuration and batch size is one run of the project cfu,
// in a group that is called name and when the cfu run began. Its history has a row
// for each cell; its summary has the cells' figures by load and repeat
// ("c8-r1.energy_per_request_j"). Writing a run again replaces its folder.
func WriteWandb(dir, name string, run runfolder.Run, s summary.Summary) (folders []string, err error) {
	type configuration struct {
		label string
		batch int
	}
	var order []configuration
	of := map[configuration][]tracked{}
	for _, c := range trackedOf(run, s) {
		k := configuration{c.point.Label, c.point.Batch}
		if of[k] == nil {
			order = append(order, k)
		}
		of[k] = append(of[k], c)
	}
	for _, k := range order {
		title := fmt.Sprintf("b%d", k.batch)
		if k.label != "" {
			title = k.label + "-" + title
		}
		w := wandbRun{
			id: identity(run, "wandb "+title)[:16], title: title,
			group: strings.TrimSpace(name + " " + run.Started), cells: of[k],
		}
		folder := filepath.Join(dir, "offline-run-"+w.cells[0].start.UTC().Format("20060102_150405")+"-"+w.id)
		if err := w.write(folder); err != nil {
			return nil, fmt.Errorf("export %s: %w", title, err)
		}
		folders = append(folders, folder)
	}
	return folders, nil
}

// wandbRun is one run as W&B has it.
type wandbRun struct {
	id, title, group string
	cells            []tracked
}

// write makes the run's folder.
func (w wandbRun) write(folder string) error {
	log, err := w.log()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(folder, "files"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "run-"+w.id+".wandb"), log, 0o644)
}

// log is the run's transaction log.
func (w wandbRun) log() ([]byte, error) {
	log, n := newWandbLog(), int64(0)
	add := func(kind protowire.Number, content message) {
		n++
		log.append(message(nil).number(recordNum, n).sub(kind, content))
	}
	same, own := w.settings()
	begin, end := w.cells[0].start, w.cells[len(w.cells)-1].end
	add(recordHeader, message(nil).sub(headerVersion, message(nil).text(versionProducer, "cfu "+version.String())))

	config, err := items(update, same, func(key string) message { return message(nil).text(itemKey, key) })
	if err != nil {
		return nil, err
	}
	add(recordRun, message(nil).text(runID, w.id).text(runProject, "cfu").sub(runConfig, config).text(runGroup, w.group).text(runName, w.title).
		sub(runStart, message(nil).number(startSeconds, begin.Unix()).number(startNanos, int64(begin.Nanosecond()))))

	// The figures are drawn over the load, where all loads are of one kind.
	nested := func(key string) message { return message(nil).text(itemNestedKey, key) }
	step, metrics := w.step(), map[string]bool{}
	var summaries message
	failed := true
	for i, c := range w.cells {
		row := own[i]
		row["cell"], row["_step"], row["_timestamp"], row["_runtime"] = c.name, i, float64(c.end.UnixNano())/1e9, c.end.Sub(begin).Seconds()
		for _, name := range slices.Sorted(maps.Keys(c.metrics)) {
			row[name] = c.metrics[name]
			if step != "" && !metrics[name] {
				metrics[name] = true
				add(recordMetric, message(nil).text(metricName, name).text(metricStep, step).
					sub(metricOptions, message(nil).number(optionStepSync, 1).number(optionIsDefined, 1)))
			}
		}
		if at, value := loadOf(c.point.Load); at != "" {
			row[at] = value
		}
		history, err := items(historyItem, row, nested)
		if err != nil {
			return nil, err
		}
		add(recordHistory, history.sub(historyStep, message(nil).number(stepNum, int64(i))))
		part := c.point.Load.String() + "-r" + fmt.Sprint(c.repeat)
		figures, err := items(update, c.metrics, func(key string) message {
			return message(nil).text(itemNestedKey, part).text(itemNestedKey, key)
		})
		if err != nil {
			return nil, err
		}
		summaries = append(summaries, figures...)
		failed = failed && c.failed
	}
	add(recordSummary, summaries)
	exit := message(nil)
	if failed {
		exit = exit.number(exitCode, 1)
	}
	add(recordExit, exit.number(exitRuntime, int64(end.Sub(begin)/time.Second)))
	return log.bytes, nil
}

// settings are the parameters and tags that all cells have in common, and for
// each cell the others.
func (w wandbRun) settings() (same map[string]any, own []map[string]any) {
	all := make([]map[string]string, len(w.cells))
	for i, c := range w.cells {
		all[i] = maps.Clone(c.params)
		maps.Copy(all[i], c.tags)
	}
	same = map[string]any{}
	for _, m := range all {
		for name, value := range m {
			differs := func(m map[string]string) bool { v, ok := m[name]; return !ok || v != value }
			if strings.HasPrefix(name, unitTag) || !slices.ContainsFunc(all, differs) { // an invalid cell has no units
				same[name] = plain(value)
			}
		}
	}
	for _, m := range all {
		row := map[string]any{}
		for name, value := range m {
			if _, shared := same[name]; !shared {
				row[name] = plain(value)
			}
		}
		own = append(own, row)
	}
	return same, own
}

// step is the column over which the figures are drawn: that of the loads, "" if
// they are of several kinds or have no number.
func (w wandbRun) step() string {
	step, _ := loadOf(w.cells[0].point.Load)
	for _, c := range w.cells {
		if at, _ := loadOf(c.point.Load); at != step {
			return ""
		}
	}
	return step
}

// loadOf is a load as a number, and the name of the column for it; "" for loads
// without one.
func loadOf(l runfolder.Load) (column string, value float64) {
	switch {
	case l.Closed():
		return "concurrency", float64(l.Concurrency)
	case l.Rate > 0:
		return "rate_per_s", l.Rate
	}
	return "", 0
}

// plain is a text as JSON has it: a number if it is written as one.
func plain(text string) any {
	if text != "" && strings.ContainsAny(text[:1], "-0123456789") && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return text
}

// items are named values as W&B's items, in the fields number, sorted by name. key
// writes the name.
func items[V any](number protowire.Number, values map[string]V, key func(string) message) (out message, err error) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text, err := json.Marshal(values[name])
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", name, err)
		}
		out = out.sub(number, key(name).text(itemJSON, string(text)))
	}
	return out, nil
}
