package tracking

import (
	"context"
	"path/filepath"

	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// Trackers are the experiment trackers whose files Write writes.
func Trackers() []string { return []string{"mlflow", "wandb-offline"} }

// Write writes all cells of the run folder out into the store dir of a tracker, and
// returns the folders that the tracker knows.
func Write(ctx context.Context, tracker, dir, out string) (folders []string, err error) {
	run, err := runfolder.ReadRun(out)
	if err != nil {
		return nil, err
	}
	s, err := summary.Summarize(ctx, out)
	if err != nil {
		return nil, err
	}
	name := filepath.Base(filepath.Clean(out))
	if tracker == "mlflow" {
		folder, err := WriteMLflow(dir, name, run, s)
		return []string{folder}, err
	}
	return WriteWandb(dir, name, run, s)
}
