package report

import (
	"fmt"
	"slices"
	"strings"

	"cfubench/attribution/lca"
)

// l1801Stages are the life cycle stages of ITU-T L.1410 (ETSI ES 203 199), whose
// method L.1801 takes, with the kinds of stages of an assessment that belong to each.
// Raw material acquisition is not apart: the figures of hardware hold it.
var l1801Stages = []struct {
	name  string
	kinds []lca.Stage
}{
	{"production", []lca.Stage{lca.Embodied, lca.Training, lca.Data, lca.Experimentation, lca.Evaluation}},
	{"use", []lca.Stage{lca.Inference, lca.Idle, lca.Service}},
	{"end_of_life_treatment", []lca.Stage{lca.EndOfLife}},
}

// boundaryOf is the category whose boundary is told: carbon where it is assessed.
func boundaryOf(a *lca.Assessment) lca.Category {
	if slices.Contains(a.Assessed(), lca.GWP) {
		return lca.GWP
	}
	return a.Assessed()[0]
}

// l1801Shape has the first-order effects of an AI system per functional unit, by life
// cycle stage and category, and says that no other effects are assessed.
func l1801Shape(a *lca.Assessment) (map[string]any, map[string]string) {
	inv := &a.Inventory
	fields, unknown := map[string]any{}, map[string]string{
		"classification":           "which type of AI system it is (clause 6.3) is not a field of the inventory",
		"raw_material_acquisition": "the figures of hardware hold it together with production",
		"second_order_effects":     "what the use of the system changes elsewhere (clause 8.3) is not assessed",
		"higher_order_effects":     "what society makes of it (clause 8.3) is not assessed",
	}
	units, totals := map[string]string{}, map[string]float64{}
	stages := map[string]map[string]map[string]float64{}
	for _, c := range a.Assessed() {
		if c == lca.Cost { // money is no impact on the environment
			continue
		}
		units[string(c)] = a.Unit(c)
		if total, ok := perRequest(a, c, lca.Total); ok {
			totals[string(c)] = total
		}
		for _, stage := range l1801Stages {
			for _, kind := range stage.kinds {
				v, ok := perRequest(a, c, kind)
				if !ok {
					unknown[fmt.Sprintf("%s: %s: %s", stage.name, kind, c)] = a.Absent(c, kind)
					continue
				}
				if gaps := a.Partial(c, kind); len(gaps) > 0 {
					unknown[fmt.Sprintf("%s: %s: %s", stage.name, kind, c)] = "without " + strings.Join(gaps, ", ")
				}
				if stages[stage.name] == nil {
					stages[stage.name] = map[string]map[string]float64{}
				}
				if stages[stage.name][string(kind)] == nil {
					stages[stage.name][string(kind)] = map[string]float64{}
				}
				stages[stage.name][string(kind)][string(c)] = v
			}
		}
	}
	if len(a.Options.Categories) > 0 {
		unknown["other categories"] = "the assessment was asked for these alone"
	}
	fields["ai_system"], fields["functional_unit"], fields["effects"] = inv.Model.Title, "1 request", "first order"
	fields["life_cycle_stages_per_request"], fields["total_per_request"], fields["units"] = stages, totals, units
	fields["stages_hold"] = "production: the making of the serving hardware for the time used, and of the AI system with its electricity and hardware; use: the electricity of inference, idle hours with their hardware, services"
	fields["system_boundary"], fields["unit_processes"] = a.Covers(boundaryOf(a)), flow(inv, "request")
	fields["electricity"] = fmt.Sprintf("%s-based: %s%s", a.Options.Basis, servedBy(inv), sitesOf(inv))
	fields["allocation"], fields["limitations"] = allocation(inv), limits()
	authors(inv.Study, fields, unknown)
	return fields, unknown
}
