package derivation

import (
	"cmp"
	"fmt"
	"os"

	"cfubench/attribution"
	"cfubench/results/runfolder"
)

// ParseAttribution reads how energy is divided from a configuration, as flags or
// run.json have it: conventions, weights, the roles of devices, the model's size, who
// pays for a cached prompt, and the files of step costs and of the Shapley model. What
// cannot be meant is a runfolder.ConfigError.
func ParseAttribution(c runfolder.Config) (Attribution, error) {
	o := Attribution{Conventions: c.Convention, Weights: c.Weights, Size: attribution.ModelSize{Parameters: c.ModelParameters, WeightBytes: c.WeightBytes}}
	var err error
	if o.Params.Roles, err = attribution.ParseRoles(c.Roles); err != nil {
		return o, runfolder.Refuse("--role %w", err)
	}
	switch s := o.Size; {
	case !(s.Parameters >= 0 && s.WeightBytes >= 0) || s.Parameters > 1e18 || s.WeightBytes > 1e18:
		return o, runfolder.Refuse("--model-parameters %g --weight-bytes %g: want numbers above zero", s.Parameters, s.WeightBytes)
	case (s.Parameters > 0) != (s.WeightBytes > 0):
		return o, runfolder.Refuse("--model-parameters and --weight-bytes go together: the costs are compared with both")
	}
	if o.CacheShare, err = attribution.ParseCacheShare(cmp.Or(c.CacheShare, string(attribution.CacheOwner))); err != nil {
		return o, runfolder.Refuse("--cache-share %w", err)
	}
	if c.StepPrior != "" {
		if o.Params.StepPrior, err = parsed(c.StepPrior, "step costs", attribution.ParsePrior); err != nil {
			return o, err
		}
	}
	if c.Weights != "" {
		w, err := ParseTokenWeights(c.Weights)
		if err != nil {
			return o, runfolder.Refuse("--weights %w", err)
		}
		o.Params.PromptWeight, o.Params.OutputWeight = w.Prompt, w.Output
	}
	if c.ShapleyModel != "" {
		if o.Params.ShapleyModel, err = parsed(c.ShapleyModel, "Shapley model", attribution.ParseShapleyModel); err != nil {
			return o, err
		}
	}
	if _, err := attribution.Parse(o.Conventions, o.Params); err != nil {
		return o, runfolder.Refuse("--convention: %w", err)
	}
	return o, nil
}

// parsed reads a file of what a convention needs.
func parsed[T any](file, what string, parse func([]byte) (T, error)) (v T, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return v, fmt.Errorf("read %s: %w", what, err)
	}
	if v, err = parse(text); err != nil {
		return v, fmt.Errorf("read %s %s: %w", what, file, err)
	}
	return v, nil
}
