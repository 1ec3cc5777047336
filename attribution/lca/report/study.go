package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cfubench/attribution/lca"
)

// checkLine is a line of the completeness check: a kind of stage in a category.
type checkLine struct{ Model, Category, Kind, Found string }

// scenarioLine is a choice and what it does to a category's total per request.
type scenarioLine struct{ Cell, Choice, Category, Base, Value, Change string }

// varianceLine is an input's part of the variance of a category's total.
type varianceLine struct{ Cell, Category, Input, Place, Share string }

// unstated is what the report says where the inventory's study says nothing.
const unstated = "not stated in the inventory's study"

// study is what ISO 14044 §4.2 and §5.2 ask for and only the author knows.
func study(inv *lca.Inventory) []item {
	s := inv.Study
	if s == nil {
		s = &lca.Study{}
	}
	say := func(text string) string { return cmp.Or(text, unstated) }
	comparative := "no comparative assertion is intended to be disclosed to the public"
	if s.ComparativePublic {
		comparative = "a comparative assertion is intended to be disclosed to the public: a critical review by a panel is required (ISO 14044 §6.3)"
	}
	review := "there was none"
	if len(s.Review) > 0 {
		review = strings.Join(s.Review, "; ")
	}
	omitted := "none stated beside what the completeness check lists"
	if len(s.Omitted) > 0 {
		omitted = strings.Join(s.Omitted, "; ")
	}
	return []item{
		{"intended application", say(s.Application)}, {"reasons", say(s.Reasons)}, {"audience", say(s.Audience)},
		{"commissioner", say(s.Commissioner)}, {"practitioner", say(s.Practitioner)}, {"comparison", comparative},
		{"function", say(s.Function)}, {"reference flow", cmp.Or(s.ReferenceFlow, "the requests of the cell as delivered; "+unstated)},
		{"cut-off", cmp.Or(s.CutOff, "none by mass, energy or impact: what has no figure is left out and listed; "+unstated)},
		{"omitted stages", omitted},
		{"allocation", strings.TrimSuffix(allocation(inv)+"; "+s.Allocation, "; ")},
		{"choice of categories", say(s.Categories)}, {"data quality requirements", say(s.DataQuality)},
		{"conformance", say(s.Conformance)}, {"critical review", review},
	}
}

// allocation says how what is shared was shared.
func allocation(inv *lca.Inventory) string {
	by := cmp.Or(string(inv.Allocation.By), "what the lifetime counts")
	text := "the making of the model by " + by
	if inv.Allocation.Reason != "" {
		text += " (" + inv.Allocation.Reason + ")"
	}
	for i := range inv.Upfront {
		for _, share := range inv.Upfront[i].Shares() {
			text += fmt.Sprintf("; %s of stage %s (%s)", share, inv.Upfront[i].Name, share.Reason)
		}
	}
	if inv.Serving.Share != nil {
		text += fmt.Sprintf("; %s of the serving machine", inv.Serving.Share)
	}
	for i := range inv.Serving.Machines {
		if m := &inv.Serving.Machines[i]; m.Share != nil {
			text += fmt.Sprintf("; %s of %s", m.Share, m.Parts()[0].Title)
		}
	}
	return text + "; shared hardware by time"
}

// flow is the product system as a line of unit processes.
func flow(inv *lca.Inventory, unit string) string {
	var before, after, beside []string
	for i := range inv.Upfront {
		p := &inv.Upfront[i]
		if p.Kind == lca.EndOfLife {
			after = append(after, p.Name)
			continue
		}
		if p.Kind == lca.Service {
			beside = append(beside, p.Name)
			continue
		}
		before = append(before, p.Name)
	}
	var hardware []string
	for _, h := range inv.Hardware {
		hardware = append(hardware, h.Title)
	}
	for i := range inv.Serving.Machines {
		for _, h := range inv.Serving.Machines[i].Parts() {
			hardware = append(hardware, h.Title)
		}
	}
	text := fmt.Sprintf("[making of %s] → [serving: electricity of %s, %s%s]", strings.Join(hardware, " + "), servedBy(inv), inv.Facility.Title, sitesOf(inv))
	if len(before) > 0 {
		text = "[" + strings.Join(before, "] + [") + "] + " + text
	}
	if len(beside) > 0 {
		text += " + [" + strings.Join(beside, "] + [") + "]"
	}
	text += " → 1 " + unit
	if len(after) > 0 {
		text += " → [" + strings.Join(after, "] + [") + "]"
	}
	return text
}

// servedBy is the electricity of the inventory's own place, that of the hours of the
// run where it is.
func servedBy(inv *lca.Inventory) string {
	if e := inv.Metered[""]; e != nil {
		return e.Title
	}
	return inv.Electricity.Title
}

// sitesOf are the other places of serving in words, "" without any.
func sitesOf(inv *lca.Inventory) string {
	text := ""
	for i := range inv.Serving.Sites {
		l := &inv.Serving.Sites[i]
		grid := l.Grid().Title
		if e := inv.Metered[l.Name]; e != nil {
			grid = e.Title
		}
		text += fmt.Sprintf("; at %s electricity of %s, %s", l.Name, grid, l.Site().Title)
	}
	return text
}

// completeness is the check of ISO 14044 §4.5.3.2 of one model.
func completeness(a *lca.Assessment, kinds []lca.Stage) []checkLine {
	var lines []checkLine
	for _, c := range a.Assessed() {
		for _, k := range kinds {
			found := "complete as far as the inventory goes"
			if why := a.Absent(c, k); why != "" {
				found = "absent: " + why
			} else if gaps := a.Partial(c, k); len(gaps) > 0 {
				found = "partial: no figure for " + strings.Join(gaps, ", ")
			}
			lines = append(lines, checkLine{a.Inventory.Model.Title, c.Title(), string(k), found})
		}
	}
	return lines
}

// consistency is the check of ISO 14044 §4.5.3.4.
func consistency(list []lca.Assessment) []item {
	inv := &list[0].Inventory
	years, boundaries, qualities := []int{}, map[lca.Boundary]int{}, map[lca.Quality]int{}
	figures := 0
	for _, d := range inv.Figures() {
		if d.Year > 0 {
			years = append(years, d.Year)
		}
		boundaries[d.Boundary]++
		qualities[d.Quality]++
		figures++
	}
	count := func(n int, of string) string { return fmt.Sprintf("%d %s", n, of) }
	var covered, quality []string
	for _, b := range lca.Boundaries() {
		if boundaries[b] > 0 {
			covered = append(covered, count(boundaries[b], string(b)))
		}
	}
	for _, q := range lca.Qualities() {
		if qualities[q] > 0 {
			quality = append(quality, count(qualities[q], string(q)))
		}
	}
	items := []item{
		{"time", fmt.Sprintf("sources of %d to %d", slices.Min(years), slices.Max(years))},
		{"quality", fmt.Sprintf("of %d figures: %s", figures, strings.Join(quality, ", "))},
		{"boundaries", strings.Join(covered, ", ")},
	}
	if inv.BoundaryMix.Allow {
		items = append(items, item{"mixed boundaries", inv.BoundaryMix.Reason})
	}
	if s := inv.Electricity.Scope; s != "" {
		items = append(items, item{"grid intensities", intensities(s, inv.Electricity.Region)})
	}
	for i := range inv.Serving.Sites {
		l := &inv.Serving.Sites[i]
		if s := l.Grid().Scope; s != "" {
			items = append(items, item{"grid intensities at " + l.Name, intensities(s, l.Grid().Region)})
		}
	}
	for i := range inv.Upfront {
		if p := &inv.Upfront[i]; p.Electricity != nil && p.Grid().Scope != "" {
			items = append(items, item{"grid intensities of stage " + p.Name, intensities(p.Grid().Scope, p.Grid().Region)})
		}
	}
	return items
}

// intensities says what the figures of a grid count, and of which region they are.
func intensities(scope lca.Scope, region string) string {
	text := strings.ReplaceAll(string(scope), "_", " ")
	if region != "" {
		text += ", of " + region
	}
	return text
}

// scenarios are the sensitivity to choices (ISO 14044 §4.5.3.3) of a cell.
func scenarios(a *lca.Assessment) []scenarioLine {
	var lines []scenarioLine
	n := float64(a.Usage.Requests)
	for _, s := range a.Scenarios() {
		lines = append(lines, scenarioLine{a.Usage.Cell, s.Choice, s.Category.Title(), a.Impact(s.Category, s.Base/n).Readable(), a.Impact(s.Category, s.Value/n).Readable(),
			fmt.Sprintf("%+.0f %%", 100*s.Change())})
	}
	return lines
}

// variances are the inputs that make up the uncertainty of a cell, the five
// largest of each category.
func variances(a *lca.Assessment) []varianceLine {
	var lines []varianceLine
	per := map[lca.Category]int{}
	for _, v := range a.Variance {
		if per[v.Category]++; per[v.Category] <= 5 {
			lines = append(lines, varianceLine{a.Usage.Cell, v.Category.Title(), v.Input, v.Place.String(), fmt.Sprintf("%.1f %%", 100*v.Share)})
		}
	}
	return lines
}

// conclusions are what the figures say, then what the study's author does.
func conclusions(list []lca.Assessment) []string {
	var lines []string
	for i := range list {
		a := &list[i]
		c := lca.GWP
		if !slices.Contains(a.Assessed(), c) {
			c = a.Assessed()[0]
		}
		for _, x := range a.Contributions {
			if x.Category == c {
				lines = append(lines, fmt.Sprintf("%s: %.0f %% of %s is %s", a.Usage.Cell, 100*x.Share, c.Title(), x.Term))
				break
			}
		}
		if o, ok := a.Outcome(c, lca.Total); ok && a.Options.Draws > 0 {
			n := float64(a.Usage.Requests)
			lines = append(lines, fmt.Sprintf("%s: %s per request as assessed; over the draws the median is %s and the mean %s", a.Usage.Cell,
				a.Impact(c, o.Value/n).Readable(), a.Impact(c, o.Median/n).Readable(), a.Impact(c, o.Mean/n).Readable()))
		}
	}
	if s := list[0].Inventory.Study; s != nil {
		lines = append(lines, s.Conclusions...)
		for _, r := range s.Recommendations {
			lines = append(lines, "recommended: "+r)
		}
	}
	return lines
}

// mandatory are sentences that ISO 14044 asks every report for (§4.4.5, §5.2).
func mandatory() []string {
	return []string{
		"The results are relative expressions: they do not predict impacts on category endpoints, the exceeding of thresholds, safety margins or risks.",
		"Characterisation: GWP100 of the IPCC; ADP elements and ADP fossil as the sources of the figures computed them (CML); primary energy as cumulative energy demand; TRACI 2.1, EF 3.1 or ReCiPe 2016 (midpoint, hierarchist), as the category says, for acidification, particulate matter, ozone and eutrophication. No normalisation, grouping or weighting was applied.",
	}
}
