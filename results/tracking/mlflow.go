package tracking

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// Limits of MLflow's store and its states of a run
// (mlflow/utils/validation.py, mlflow/entities/run_status.py of MLflow 3.17).
const (
	mlflowParam    = 6000 // characters of a parameter's value
	mlflowFinished = 3
	mlflowFailed   = 4
)

// WriteMLflow writes the cells of a run as runs of one experiment into MLflow's
// file store dir, usually called mlruns, which is made if it is not there. The
// experiment is called name and when the run began. Writing a run again replaces
// its cells. It returns the experiment's folder.
func WriteMLflow(dir, name string, run runfolder.Run, s summary.Summary) (experiment string, err error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("export to %s: %w", dir, err)
	}
	id, err := strconv.ParseUint(identity(run, "experiment")[:14], 16, 64)
	if err != nil {
		return "", fmt.Errorf("export to %s: %w", dir, err)
	}
	experimentID := strconv.FormatUint(1e17+id%8e17, 10) // 18 digits, as MLflow's own
	folder := filepath.Join(root, experimentID)
	cells := trackedOf(run, s)
	for _, c := range cells {
		if err := c.mlflow(filepath.Join(folder, c.id), experimentID); err != nil {
			return "", fmt.Errorf("export cell %s: %w", c.name, err)
		}
	}
	at := time.Now()
	if len(cells) > 0 {
		at = cells[0].start
	}
	return folder, writeYAML(filepath.Join(folder, "meta.yaml"), map[string]any{
		"artifact_location": fileURI(folder), "experiment_id": experimentID, "lifecycle_stage": "active",
		"name": strings.TrimSpace(name + " " + run.Started), "creation_time": at.UnixMilli(), "last_update_time": at.UnixMilli(),
	})
}

// mlflow writes one run's folder. Its meta.yaml comes last: without it the folder
// is no run.
func (t tracked) mlflow(folder, experiment string) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	for _, sub := range []string{"params", "metrics", "tags", "artifacts"} {
		if err := os.MkdirAll(filepath.Join(folder, sub), 0o755); err != nil {
			return err
		}
	}
	files := map[string]string{}
	for name, value := range t.params {
		if r := []rune(value); len(r) > mlflowParam {
			value = string(r[:mlflowParam-1]) + "…"
		}
		files["params/"+name] = value
	}
	for name, value := range t.metrics {
		files["metrics/"+name] = fmt.Sprintf("%d %s 0\n", t.end.UnixMilli(), strconv.FormatFloat(value, 'g', -1, 64))
	}
	for name, value := range t.tags {
		files["tags/"+name] = value
	}
	files["tags/mlflow.runName"], files["tags/mlflow.source.name"], files["tags/mlflow.source.type"] = t.name, "cfu", "LOCAL"
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
			return err
		}
	}
	status := mlflowFinished
	if t.failed {
		status = mlflowFailed
	}
	return writeYAML(filepath.Join(folder, "meta.yaml"), map[string]any{
		"artifact_uri": fileURI(filepath.Join(folder, "artifacts")), "experiment_id": experiment, "run_id": t.id, "run_name": t.name, "user_id": "",
		"lifecycle_stage": "active", "status": status, "start_time": t.start.UnixMilli(), "end_time": t.end.UnixMilli(),
		"entry_point_name": "", "source_name": "cfu", "source_type": 4, "source_version": "", "tags": []string{},
	})
}

// fileURI is the file: URI of an absolute path.
func fileURI(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

// writeYAML writes a mapping, sorted by name, into a folder that it makes.
func writeYAML(path string, fields map[string]any) error {
	text, err := yaml.Marshal(fields)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
