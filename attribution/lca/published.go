package lca

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// PublishedModels lists the preset models that have published inference runs,
// in the order of the published table.
func PublishedModels() ([]Model, error) {
	lib, err := loadLibrary()
	if err != nil {
		return nil, err
	}
	type entry struct {
		model Model
		line  int
	}
	var found []entry
	c := &loader{checker: &checker{}, lib: lib}
	for _, l := range lib.model {
		m := l.value
		c.model(&m, l.at)
		if len(m.Runs) > 0 {
			found = append(found, entry{m, l.at.place().Line})
		}
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b entry) int { return cmp.Compare(a.line, b.line) })
	models := make([]Model, len(found))
	for i, e := range found {
		models[i] = e.model
	}
	return models, nil
}

// UnpublishedError says that the published table does not have what was asked for,
// and what it has.
type UnpublishedError struct{ problem string }

func (e *UnpublishedError) Error() string { return e.problem }

// WrongUsage marks it for whoever parsed the flags.
func (*UnpublishedError) WrongUsage() {}

// Published are the models of the published table with these titles, all if none is
// given; an inventory with published runs of its own has its model before them, and
// alone where none is given. An unknown title is an *UnpublishedError.
func (inv Inventory) Published(titles ...string) ([]Model, error) {
	models, err := PublishedModels()
	if err != nil {
		return nil, err
	}
	if own := inv.OwnModel(); len(own.Runs) > 0 && own.Name == "" {
		models = append([]Model{own}, models...)
		if len(titles) == 0 {
			return models[:1], nil
		}
	}
	if len(titles) == 0 {
		return models, nil
	}
	var known []string
	for _, m := range models {
		known = append(known, m.Title)
	}
	for _, title := range titles {
		if !slices.Contains(known, title) {
			return nil, &UnpublishedError{fmt.Sprintf("model %q has no published runs: use one of %s", title, strings.Join(known, ", "))}
		}
	}
	return slices.DeleteFunc(models, func(m Model) bool { return !slices.Contains(titles, m.Title) }), nil
}

// AssessPublishedRun assesses the run of the model with that title at a request rate,
// as the published table writes it. Where there is none, the error is an
// *UnpublishedError.
func AssessPublishedRun(ctx context.Context, inv Inventory, title, rate string, o Options) (Assessment, error) {
	models, err := inv.Published(title)
	if err != nil {
		return Assessment{}, err
	}
	list, err := AssessPublished(ctx, inv, models, o)
	if err != nil {
		return Assessment{}, err
	}
	for _, a := range list {
		if a.Run.Rate == rate {
			return a, nil
		}
	}
	return Assessment{}, &UnpublishedError{fmt.Sprintf("%s has no published run at rate %q", title, rate)}
}

// OwnModel is the inventory's model, its stages as the inventory resolved them.
func (inv Inventory) OwnModel() Model {
	m := inv.Model
	m.Stages = inv.Upfront[:len(inv.Upfront)-inv.added]
	return m
}

// WithModel is the inventory with another model's making, everything else left as
// it is: the published table serves every model under one set of factors. What the
// inventory adds is of its own model and is charged to no other.
func (inv Inventory) WithModel(m Model) Inventory {
	added := inv.Upfront[len(inv.Upfront)-inv.added:]
	if m.Title != inv.Model.Title {
		added = nil
		inv.Title = m.Title + " with the factors of inventory " + inv.Name
		inv.Description = "The making of " + m.Title + " with the hardware, place and lifetime of inventory " + inv.Name + "."
	}
	inv.Model, inv.Upfront, inv.added = m, slices.Concat(m.Stages, added), len(added)
	return inv
}

// AssessPublished assesses every published run of the models under one
// inventory. Each assessment carries its Run.
func AssessPublished(ctx context.Context, inv Inventory, models []Model, o Options) ([]Assessment, error) {
	var list []Assessment
	for _, m := range models {
		s, err := NewAssessor(inv.WithModel(m), o)
		if err != nil {
			return nil, fmt.Errorf("published run: %w", err)
		}
		for i := range m.Runs {
			a, err := s.Assess(ctx, m.Usage(m.Runs[i]))
			if err != nil {
				return nil, fmt.Errorf("published run: %w", err)
			}
			a.Run = &m.Runs[i]
			list = append(list, a)
		}
	}
	return list, nil
}

// TrainingBreakEven is the number of requests whose inference emits as much as
// training did, by the convention of the published table (operation on both
// sides), without an interval where carbon was not chosen; false if the model's
// training was not published.
func (a *Assessment) TrainingBreakEven() (BreakEven, bool) {
	list := a.BreakEven
	if whole := a.systemOf(GWP); whole != a.system { // it was not chosen
		list = whole.breakEven(whole.at(whole.values))
	}
	for _, b := range list {
		if b.Category == GWP && b.UpfrontTerms == "training" {
			return b, true
		}
	}
	return BreakEven{}, false
}

// Outcome is the whole cell's impact of a kind of stage, or Total; false if
// there is no figure. In a category that was not chosen it has no interval.
func (a *Assessment) Outcome(c Category, s Stage) (Outcome, bool) {
	for _, o := range a.Kinds {
		if o.Category == c && o.Stage == s {
			return o, true
		}
	}
	if whole := a.systemOf(c); whole != a.system {
		for _, o := range whole.outcomes(whole.at(whole.values), whole.kinds(), false) {
			if o.Category == c && o.Stage == s {
				return o, true
			}
		}
	}
	return Outcome{}, false
}

// Warnings lists the warnings of all assessments, each once, in order, and what there is
// to say of the categories also, where they were not chosen.
func Warnings(list []Assessment, also ...Category) []string {
	var all []string
	seen := map[string]bool{}
	for _, a := range list {
		warnings := a.Warnings
		if whole := a.systemOf(also...); whole != a.system {
			warnings = slices.Concat(warnings, whole.warnings)
		}
		for _, w := range warnings {
			if !seen[w] {
				seen[w] = true
				all = append(all, w)
			}
		}
	}
	return all
}
