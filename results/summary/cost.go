package summary

import (
	"cfubench/attribution/lca"
	"cfubench/results/runfolder"
)

// Cost is what a million output tokens of a cell cost, from footprint.arrow, over the
// window that the cell's energy is stated of, with the inventory's price of
// electricity and of the hardware.
type Cost struct {
	Currency string `json:"currency"` // "USD"
	// Power is the electricity, Hardware the part of the hardware's price that the
	// cell's time uses up, Both their sum; unknown where Missing says why.
	Power    Figure   `json:"power_per_million_output_tokens"`
	Hardware Figure   `json:"hardware_per_million_output_tokens"`
	Both     Figure   `json:"total_per_million_output_tokens"`
	Missing  []string `json:"missing,omitempty"`
}

// perMillion makes a cost of one token that of a million.
const perMillion = 1e6

// add counts a row of footprint.arrow, if it is of the money for a token. It keeps
// texts as kept gives them.
func (c *Cost) add(r *runfolder.Footprint, kept func(string) string) {
	if r.FunctionalUnit != string(lca.PerOutputToken) || r.Category != string(lca.Cost) {
		return
	}
	c.Currency = kept(r.Unit)
	of := func(f *Figure) {
		if !f.Known() {
			*f = 0
		}
		*f += Figure(r.Value * perMillion)
	}
	switch r.Kind {
	case string(lca.Inference):
		of(&c.Power)
	case string(lca.Embodied):
		of(&c.Hardware)
	}
}

// noCost is the cost of no row.
func noCost() Cost { return Cost{Power: Unknown(), Hardware: Unknown(), Both: Unknown()} }

// cost is the cost of a whole cell, with the reasons of what is missing. f is nil where
// the table has no row of it.
func (f *footprint) cost() Cost {
	if f == nil {
		c := noCost()
		c.Missing = []string{"no cost: the run has no life-cycle assessment (cfu amortize)"}
		return c
	}
	c := f.money
	c.Both = c.Power + c.Hardware // unknown if one of them is
	if !f.tokens {
		c.Missing = []string{"no cost of a token: footprint.arrow has no functional unit output_token"}
		return c
	}
	if !c.Power.Known() {
		c.Missing = append(c.Missing, "no cost of power: the footprint has no price of electricity; give cfu amortize --price or an inventory with one, and cost among --category")
	}
	if !c.Hardware.Known() {
		c.Missing = append(c.Missing, "no cost of hardware: the inventory has no price of it")
	}
	return c
}
