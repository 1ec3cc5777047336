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
// What happens before the first request is a list of stages, each with its own
// hardware, site and price; the formula's terms are sums over their kinds.
// It knows nothing of sampling, requests on the wire, or how results are kept.
package lca

import "fmt"

// Stage is a stage of the life cycle, or the kind of one.
type Stage string

// Kinds of stages. Total is the sum of the others.
const (
	Inference       Stage = "inference"       // operation of the serving hardware
	Idle            Stage = "idle"            // machines that are provisioned and wait
	Embodied        Stage = "embodied"        // making of the serving hardware, by time share
	Service         Stage = "service"         // other servers that each request asks
	Training        Stage = "training"        // training runs, their own hardware included
	Data            Stage = "data"            // making of training data
	Experimentation Stage = "experimentation" // development, failed and exploratory runs
	Evaluation      Stage = "evaluation"      // evaluation and red-teaming
	EndOfLife       Stage = "end_of_life"     // what is done with it all afterwards
	Total           Stage = "total"
)

// Stages lists the kinds whose values sum to Total, in the order in which they
// are summed.
func Stages() []Stage {
	return append([]Stage{Inference, Idle, Embodied}, ListedKinds()...)
}

// ListedKinds lists the kinds of the stages that an inventory lists: Service,
// whose figures are per request, and what is spread over the lifetime.
func ListedKinds() []Stage { return append([]Stage{Service}, UpfrontKinds()...) }

// UpfrontKinds lists the kinds of what is spread over the lifetime: Training
// and Data make up C_Training of the formula, the others C_Experimentation,
// and end of life stands beside them.
func UpfrontKinds() []Stage { return []Stage{Training, Data, Experimentation, Evaluation, EndOfLife} }

// Impact is an amount in one category, in the category's unit.
type Impact struct {
	Category Category `json:"category"`
	Value    float64  `json:"value"`
	// Currency is that of Cost, USD if empty.
	Currency string `json:"currency,omitzero"`
}

// Unit is the unit of Value.
func (i Impact) Unit() string {
	if i.Category == Cost && i.Currency != "" {
		return i.Currency
	}
	return i.Category.Unit()
}

// String formats the impact with its unit, for instance "52000 kg CO2e".
func (i Impact) String() string { return fmt.Sprintf("%.4g %s", i.Value, i.Unit()) }
