package lca

import (
	"fmt"
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
	PerTotalToken   FunctionalUnit = "total_token" // prompt and output
	PerBatch        FunctionalUnit = "batch"
	PerConversation FunctionalUnit = "conversation"
	PerSLORequest   FunctionalUnit = "slo_request" // request within an SLO
)

// FunctionalUnits lists the units that a run can count by itself.
func FunctionalUnits() []FunctionalUnit {
	return []FunctionalUnit{PerRequest, PerOutputToken, PerTotalToken, PerBatch, PerConversation, PerSLORequest}
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
	if !ok || name == "" || err != nil || !(count > 0) {
		return CustomUnit{}, fmt.Errorf("functional unit %q is neither one of %v nor NAME=COUNT with COUNT above 0", text, FunctionalUnits())
	}
	return CustomUnit{name, count}, nil
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
		if slices.Contains(FunctionalUnits(), FunctionalUnit(c.Name)) {
			return nil, nil, fmt.Errorf("functional unit %q: %s is counted by the run; give another name to a count of your own", text, c.Name)
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
	name  string
	count float64
}

// counts gives the units to report: those asked for, else all that the cell
// counted. A unit that was asked for and does not occur is an error.
func (u Usage) counts(o Options) ([]counted, error) {
	var out []counted
	units := o.FunctionalUnits
	if len(units) == 0 && len(o.Custom) == 0 {
		for _, unit := range FunctionalUnits() {
			if u.count(unit) > 0 {
				units = append(units, unit)
			}
		}
	}
	for _, unit := range units {
		n := u.count(unit)
		if n <= 0 {
			return nil, fmt.Errorf("cell %q has no count of functional unit %q: leave it out or give NAME=COUNT", u.Cell, unit)
		}
		out = append(out, counted{string(unit), float64(n)})
	}
	for _, c := range o.Custom {
		out = append(out, counted{c.Name, c.Count})
	}
	return out, nil
}
