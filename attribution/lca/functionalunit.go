package lca

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// FunctionalUnit is what the cost is the cost of.
type FunctionalUnit string

// Functional units of a run.
const (
	PerRequest      FunctionalUnit = "request"
	PerOutputToken  FunctionalUnit = "output_token"
	PerTotalToken   FunctionalUnit = "total_token"  // prompt and output
	PerAnswerToken  FunctionalUnit = "answer_token" // output without reasoning
	PerBatch        FunctionalUnit = "batch"
	PerConversation FunctionalUnit = "conversation"
	PerSLORequest   FunctionalUnit = "slo_request" // request within an SLO
)

// FunctionalUnits lists the units that a run can count by itself.
func FunctionalUnits() []FunctionalUnit {
	return []FunctionalUnit{PerRequest, PerOutputToken, PerTotalToken, PerAnswerToken, PerBatch, PerConversation, PerSLORequest}
}

// CustomUnit is a unit that the user counted: Count of them were delivered by
// each cell.
type CustomUnit struct {
	Name  string  `json:"name"`
	Count float64 `json:"count"`
}

// ParseCustomUnit reads NAME=COUNT.
func ParseCustomUnit(text string) (CustomUnit, error) {
	name, number, ok := strings.Cut(text, "=")
	count, err := strconv.ParseFloat(number, 64)
	if !ok || name == "" || err != nil || !(count > 0) || math.IsInf(count, 0) {
		return CustomUnit{}, fmt.Errorf("functional unit %q is neither one of %v nor NAME=COUNT with COUNT above 0", text, FunctionalUnits())
	}
	return CustomUnit{name, count}, nil
}

// CheckUnitName refuses a name for a unit of the user's own that says nothing, or that
// the run counts itself.
func CheckUnitName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return errors.New("a functional unit needs a name")
	case slices.Contains(FunctionalUnits(), FunctionalUnit(name)):
		return fmt.Errorf("%s is counted by the run; give another name to a count of your own", name)
	}
	return nil
}

// ParseFunctionalUnits reads a list of unit names and NAME=COUNT.
func ParseFunctionalUnits(list []string) ([]FunctionalUnit, []CustomUnit, error) {
	var (
		units  []FunctionalUnit
		custom []CustomUnit
	)
next:
	for _, text := range list {
		for _, known := range FunctionalUnits() {
			if text == string(known) {
				if !slices.Contains(units, known) {
					units = append(units, known)
				}
				continue next
			}
		}
		c, err := ParseCustomUnit(text)
		if err != nil {
			return nil, nil, err
		}
		if err := CheckUnitName(c.Name); err != nil {
			return nil, nil, fmt.Errorf("functional unit %q: %w", text, err)
		}
		if slices.ContainsFunc(custom, func(x CustomUnit) bool { return x.Name == c.Name }) {
			return nil, nil, fmt.Errorf("functional unit %s is given twice: keep one", c.Name)
		}
		custom = append(custom, c)
	}
	return units, custom, nil
}

// count is how many of the unit the cell delivered.
func (u Usage) count(unit FunctionalUnit) int64 {
	switch unit {
	case PerRequest:
		return u.Requests
	case PerOutputToken:
		return u.OutputTokens
	case PerTotalToken:
		return u.TotalTokens
	case PerAnswerToken:
		return u.AnswerTokens
	case PerBatch:
		return u.Batches
	case PerConversation:
		return u.Conversations
	case PerSLORequest:
		return u.SLORequests
	}
	return 0
}

// counted is a unit and how many were delivered.
type counted struct {
	name          string
	count, lo, hi float64
}

// ErrNothingDelivered marks a cell that delivered none of the functional units
// that were asked for: it has no cost per unit, which is no fault of the others.
var ErrNothingDelivered = errors.New("none of the functional units was delivered")

// delivered is how many of the unit of that name the cell delivered, with the 95 %
// interval of a count that was judged; false if it has no such count.
func (a *Assessment) delivered(unit string) (counted, bool) {
	if n := a.Usage.count(FunctionalUnit(unit)); n > 0 {
		return counted{unit, float64(n), float64(n), float64(n)}, true
	}
	for _, c := range a.Usage.Outcomes {
		if c.Name == unit && c.Count > 0 {
			return counted{unit, c.Count, c.Lo, c.Hi}, true
		}
	}
	for _, c := range a.Options.Custom {
		if c.Name == unit {
			return counted{unit, c.Count, c.Count, c.Count}, true
		}
	}
	return counted{}, false
}

// counts gives the units to report: those asked for, else all that the cell
// counted. A unit that was asked for and did not occur is left out with a
// warning, because its cost has no bound; if none is left, that is an error.
func (u Usage) counts(o Options) (list []counted, warnings []string, err error) {
	units := o.FunctionalUnits
	if len(units) == 0 && len(o.Custom) == 0 && !o.OutcomesOnly {
		for _, unit := range FunctionalUnits() {
			if u.count(unit) > 0 {
				units = append(units, unit)
			}
		}
	}
	for _, unit := range units {
		switch n := u.count(unit); {
		case n > 0:
			list = append(list, counted{string(unit), float64(n), float64(n), float64(n)})
		case unit == PerSLORequest:
			warnings = append(warnings, fmt.Sprintf("cell %q: no request met the SLO (%s): C_FU per %s has no bound and is left out", u.Cell, cmp.Or(u.SLO, "none given"), unit))
		default:
			warnings = append(warnings, fmt.Sprintf("cell %q has no count of functional unit %s, which is left out", u.Cell, unit))
		}
	}
	for _, c := range o.Custom {
		list = append(list, counted{c.Name, c.Count, c.Count, c.Count})
	}
	for _, c := range u.Outcomes {
		switch {
		case c.Judged == 0:
			warnings = append(warnings, fmt.Sprintf("cell %q: none of its %d completed requests has an outcome: %s is left out", u.Cell, u.Requests, c.Name))
			continue
		case c.Judged < u.Requests:
			warnings = append(warnings, fmt.Sprintf("cell %q: %d of its %d completed requests have no outcome: they cost and count no %s", u.Cell, u.Requests-c.Judged, u.Requests, c.Name))
		}
		if c.Count > 0 {
			list = append(list, counted{c.Name, c.Count, c.Lo, c.Hi})
			continue
		}
		warnings = append(warnings, fmt.Sprintf("cell %q: no %s: C_FU per %[2]s has no bound and is left out", u.Cell, c.Name))
	}
	if len(list) == 0 {
		return nil, nil, fmt.Errorf("%s: %w", strings.Join(warnings, "; "), ErrNothingDelivered)
	}
	return list, warnings, nil
}
