package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cfubench/attribution/lca"
)

// iso14067Shape has what a study report of a product's carbon footprint (CFP)
// gives: values, how they were made, and what the study's author says. The
// values that the standard wants apart are unknown, since no figure of an
// inventory tells the origin of its carbon.
func iso14067Shape(a *lca.Assessment) (map[string]any, map[string]string) {
	const origin = "the sources of the figures characterise all greenhouse gases together and do not tell their origin"
	fields, unknown := map[string]any{}, map[string]string{
		"fossil_kgco2e":                  origin,
		"biogenic_emissions_kgco2e":      origin,
		"biogenic_removals_kgco2e":       origin,
		"direct_land_use_change_kgco2e":  origin,
		"aircraft_transportation_kgco2e": "no transport is a stage of its own: that of hardware is in its embodied figure",
		"carbon_in_the_product":          "a request holds none; that of the hardware is not in the inventory",
	}
	total, ok := perRequest(a, lca.GWP, lca.Total)
	if !ok {
		unknown["cfp_kgco2e_per_request"] = "no carbon factor"
		return fields, unknown
	}
	inv, n := &a.Inventory, float64(a.Usage.Requests)
	fields["cfp_kgco2e_per_request"] = total
	fields["kind"] = "partial CFP: distribution (networks) and user devices are outside the boundary"
	fields["functional_unit"], fields["product"] = "1 request", inv.Model.Title
	stages, absent := map[string]float64{}, []string{}
	for _, k := range lca.Stages() {
		if v, ok := perRequest(a, lca.GWP, k); ok {
			stages[string(k)] = v
			if gaps := a.Partial(lca.GWP, k); len(gaps) > 0 {
				absent = append(absent, strings.Join(gaps, ", "))
			}
		} else {
			absent = append(absent, string(k)+" ("+a.Absent(lca.GWP, k)+")")
		}
	}
	fields["kgco2e_per_request_by_stage"], fields["stages_left_out"] = stages, absent
	fields["system_boundary"], fields["unit_processes"] = a.Covers(lca.GWP), flow(inv, "request")
	fields["gwp"] = "GWP100 of " + strings.ToUpper(string(a.Options.GWP)) + " where the inventory gives gases, as the source characterised it elsewhere"
	fields["electricity"] = fmt.Sprintf("%s-based: %s%s", a.Options.Basis, servedBy(inv), sitesOf(inv))
	fields["offsets"] = "none is counted"
	fields["allocation"] = allocation(inv)
	qualities, sources, assumptions := map[string]int{}, []string{}, []string{}
	first, last := 0, 0
	for _, d := range inv.Figures() {
		qualities[string(d.Quality)]++
		if d.Year > 0 {
			first, last = min(cmp.Or(first, d.Year), d.Year), max(last, d.Year)
		}
		if !slices.Contains(sources, d.Source) {
			sources = append(sources, d.Source)
		}
		if d.Reason != "" && !slices.Contains(assumptions, d.Reason) {
			assumptions = append(assumptions, d.Reason)
		}
	}
	fields["figures_by_quality"], fields["years_of_the_data"] = qualities, []int{first, last}
	fields["sources"], fields["assumptions"] = sources, assumptions
	const interval, sensitivity = "interval_95_kgco2e_per_request", "sensitivity_kgco2e_per_request_by_choice"
	switch o, _ := a.Outcome(lca.GWP, lca.Total); {
	case !slices.Contains(a.Assessed(), lca.GWP):
		const why = "the assessment was asked for other categories: ask for gwp, too"
		unknown[interval], unknown[sensitivity] = why, why
	case a.Options.Draws == 0:
		unknown[interval] = "no Monte Carlo was made"
	default:
		fields[interval] = []number{number(o.Lo / n), number(o.Hi / n)}
	}
	choices := map[string]float64{}
	for _, s := range a.Scenarios() {
		if s.Category == lca.GWP {
			choices[s.Choice] = s.Value / n
		}
	}
	if unknown[sensitivity] == "" {
		fields[sensitivity] = choices
	}
	fields["limitations"] = append([]string{
		"Climate change is one impact of several: a footprint of carbon alone says nothing of the others.",
	}, limits()...)
	authors(inv.Study, fields, unknown)
	return fields, unknown
}

// authors puts in what only the study's author knows, or that it is unknown.
func authors(s *lca.Study, fields map[string]any, unknown map[string]string) {
	if s == nil {
		s = &lca.Study{}
	}
	for _, f := range [][2]string{
		{"intended_application", s.Application}, {"reasons", s.Reasons}, {"audience", s.Audience}, {"commissioner", s.Commissioner},
		{"practitioner", s.Practitioner}, {"function", s.Function}, {"reference_flow", s.ReferenceFlow}, {"cut_off", s.CutOff},
		{"omitted_stages", strings.Join(s.Omitted, "; ")}, {"allocation_procedures", s.Allocation}, {"recommendations", strings.Join(s.Recommendations, "; ")}, {"data_quality_requirements", s.DataQuality}, {"conformance", s.Conformance},
		{"critical_review", strings.Join(s.Review, "; ")}, {"conclusions", strings.Join(s.Conclusions, "; ")},
	} {
		if f[1] != "" {
			fields[f[0]] = f[1]
		} else {
			unknown[f[0]] = unstated
		}
	}
}
