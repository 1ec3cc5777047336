package replay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"cfubench/attribution/shapley"
	"cfubench/results/runfolder"
)

// Fitting says where a Shapley model comes from and where it goes.
type Fitting struct {
	Config
	// Refit is a file whose groups are fitted again, without an engine; "" measures
	// them.
	Refit string
	Out   string // the file that is written
}

// Check refuses what cannot be meant, as a runfolder.ConfigError.
func (f Fitting) Check() error {
	switch {
	case f.Out == "":
		return runfolder.Refuse("--out is missing: name the file to write")
	case f.Refit != "" && f.EngineCmd != "":
		return runfolder.Refuse("--refit needs no engine: leave --engine-cmd out")
	case f.Refit == "" && f.EngineCmd == "":
		return runfolder.Refuse("--engine-cmd is missing: say how to launch the engine")
	}
	return f.Config.Check()
}

// Run measures the groups, or takes those measured before, fits them and writes the
// model. What was measured is minutes of work: it is kept whatever became of the fit or
// of the groups that were to follow.
func (f Fitting) Run(ctx context.Context) (*shapley.File, error) {
	file, failure := f.measured(ctx)
	if file == nil || len(file.Groups) == 0 {
		return nil, failure
	}
	unfit := file.Refit()
	text, err := file.Encode()
	if err == nil {
		err = os.WriteFile(f.Out, text, 0o666)
	}
	switch {
	case err != nil:
		return nil, errors.Join(failure, fmt.Errorf("write Shapley model: %w", err))
	case failure != nil:
		return nil, fmt.Errorf("%w; the %d groups measured before are in %s", failure, len(file.Groups), f.Out)
	case unfit != nil:
		return nil, fmt.Errorf("fit the Shapley model: %w; the groups are in %s", unfit, f.Out)
	}
	return file, nil
}

// measured returns the groups, from the file to refit or from the engine; with
// an error, those that were measured before it.
func (f Fitting) measured(ctx context.Context) (*shapley.File, error) {
	if f.Refit != "" {
		return shapley.ReadGroups(f.Refit)
	}
	// A run of minutes must not find out at its end that it cannot write.
	if info, err := os.Stat(filepath.Dir(f.Out)); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("write Shapley model %s: its folder does not exist", f.Out)
	}
	return f.Measure(ctx)
}
