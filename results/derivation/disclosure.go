package derivation

import (
	"fmt"

	"cfubench/attribution/lca"
	"cfubench/attribution/lca/report"
	"cfubench/results/runfolder"
)

// Disclosure is the disclosure block of the assessments, with what only their run
// knows: how the model was served, and on what. run is nil for published runs.
func Disclosure(list []lca.Assessment, run *runfolder.Run) (report.DisclosureBlock, error) {
	block, err := report.Describe(list)
	if err != nil {
		return block, err
	}
	if run == nil {
		block.Unknown["serving"] = "published figures: see their source"
		block.Unknown["system_design"] = "published figures: see their source"
		return block, nil
	}
	for _, e := range run.Engine {
		block.Served = append(block.Served, e.Model)
		block.Serving = append(block.Serving, report.Serving{Engine: e.Kind, Version: e.Version, Batch: max(e.EffectiveBatch, e.Batch), Command: e.Command})
		for _, unknown := range e.Unknown {
			block.Unknown["serving."+unknown] = "the server did not tell"
		}
	}
	system := report.System{OS: run.Host.OS, CPU: run.Host.CPU, Cores: run.Host.Cores, Memory: run.Host.Memory}
	for _, d := range run.Domains {
		system.Metered = append(system.Metered, fmt.Sprintf("%s (%s, %s)", d.Name, d.Source, d.Kind))
	}
	block.System = &system
	return block, nil
}
