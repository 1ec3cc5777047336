// Package lca assesses the life cycle cost of serving a model: C_FU, the cost
// of one functional unit, for every impact category that an inventory supports.
//
//	C_FU = C_PerInference
//	     + (hardware utilisation time × C_Embodied) / hardware lifespan
//	     + (C_Experimentation + C_Training) / total lifetime inferences
//
// (Fernandez et al. 2026, arXiv 2606.07632, §3.5.) It is opinionated: every
// number of an inventory states its unit, source, year, boundary and quality;
// figures of different boundaries are added only when that is asked for by
// name; a stage for which there is no figure is left out with a warning and
// never counted as zero; and every output can be traced to its inventory line.
// It knows nothing of sampling, requests on the wire, or how results are kept.
package lca

import "fmt"

// Category is an impact category.
type Category string

// Impact categories.
const (
	Energy        Category = "energy"         // electricity at the facility's meter
	GWP           Category = "gwp"            // global warming potential, 100 years
	Water         Category = "water"          // water consumption
	ADPe          Category = "adpe"           // abiotic depletion, elements
	PrimaryEnergy Category = "primary_energy" // primary energy
	Cost          Category = "cost"           // money
)

// Categories lists every category in the order of the tables.
func Categories() []Category {
	return []Category{Energy, GWP, Water, ADPe, PrimaryEnergy, Cost}
}

// Unit is the unit in which every value of the category is given.
func (c Category) Unit() string {
	switch c {
	case Energy:
		return "kWh"
	case GWP:
		return "kg CO2e"
	case Water:
		return "L"
	case ADPe:
		return "kg Sb eq"
	case PrimaryEnergy:
		return "MJ"
	case Cost:
		return "USD"
	}
	return ""
}

// Title is the category in words.
func (c Category) Title() string {
	switch c {
	case Energy:
		return "electricity"
	case GWP:
		return "global warming (GWP100)"
	case Water:
		return "water consumption"
	case ADPe:
		return "abiotic depletion, elements"
	case PrimaryEnergy:
		return "primary energy"
	case Cost:
		return "cost"
	}
	return string(c)
}

// ParseCategory reads a category's name.
func ParseCategory(name string) (Category, error) {
	for _, c := range Categories() {
		if string(c) == name {
			return c, nil
		}
	}
	return "", fmt.Errorf("impact category %q is unknown: use one of %v", name, Categories())
}

// Stage is a stage of the life cycle.
type Stage string

// Stages. Total is the sum of the others.
const (
	Inference       Stage = "inference"       // operation of the serving hardware
	Embodied        Stage = "embodied"        // making of the serving hardware, by time share
	Training        Stage = "training"        // the final training run, its own hardware included
	Experimentation Stage = "experimentation" // development runs, their own hardware included
	Total           Stage = "total"
)

// Stages lists the stages whose values sum to Total, in the order in which
// they are summed.
func Stages() []Stage { return []Stage{Inference, Embodied, Training, Experimentation} }

// Impact is an amount in one category, in the category's unit.
type Impact struct {
	Category Category `json:"category"`
	Value    float64  `json:"value"`
}

// String formats the impact with its unit, for instance "52000 kg CO2e".
func (i Impact) String() string { return fmt.Sprintf("%.4g %s", i.Value, i.Category.Unit()) }
