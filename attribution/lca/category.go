package lca

import (
	"fmt"
	"slices"
)

// Category is an impact category.
type Category string

// Impact categories that the code names. The table below has them all.
const (
	Energy        Category = "energy"         // electricity at the facility's meter
	GWP           Category = "gwp"            // global warming potential, 100 years
	Water         Category = "water"          // water consumption
	ADPe          Category = "adpe"           // abiotic depletion, elements
	PrimaryEnergy Category = "primary_energy" // primary energy
	Cost          Category = "cost"           // money
	WaterScarcity Category = "water_scarcity" // water consumption weighted by where it is taken
)

// categoryRow is all that the program knows of one impact category: adding a
// category is adding a row.
type categoryRow struct {
	name  Category
	title string
	// amount and rate are the dimensions of a figure of equipment or of a stage
	// and of one per kWh; "" where there is none.
	amount, rate string
	// key names the figure in hardware, in electricity (per kWh) and, printed,
	// in a stage; stageKey replaces it in a stage.
	key, stageKey string
	// factor characterises a substance emitted to air, kg per kg; nil where the
	// category has no substances. whole is the substance without which the
	// emissions are no account of the category.
	factor func(set GWPSet, substance string) (float64, bool)
	whole  string
	// scale and symbol are how people read the canonical unit: 1e3 and "g".
	scale  float64
	symbol string
}

// categoryTable holds the categories in the order of the tables.
var categoryTable = []categoryRow{
	{name: Energy, title: "electricity", amount: "energy", scale: 1e3, symbol: "Wh"},
	{name: GWP, title: "global warming (GWP100)", amount: "carbon", rate: "carbon intensity", key: "carbon",
		factor: GWPSet.factor, whole: "CO2", scale: 1e3, symbol: "g CO2e"},
	{name: Water, title: "water consumption", amount: "water", rate: "water intensity", key: "water", scale: 1, symbol: "L"},
	{name: ADPe, title: "abiotic depletion, elements", amount: "depletion", rate: "depletion intensity", key: "adpe", scale: 1e3, symbol: "g Sb eq"},
	{name: PrimaryEnergy, title: "primary energy", amount: "primary energy", rate: "primary energy intensity", key: "primary_energy", scale: 1e6, symbol: "J"},
	{name: Cost, title: "cost", amount: "money", key: "price", stageKey: "cost"},
	{name: WaterScarcity, title: "water scarcity (AWARE)", amount: "water scarcity", key: "water_scarcity", scale: 1, symbol: "m3 world eq"},
	{name: "adpf", title: "abiotic depletion, fossil", amount: "primary energy", rate: "primary energy intensity", key: "adpf", scale: 1e6, symbol: "J"},
	{name: "acidification", title: "acidification (TRACI 2.1)", amount: "acidification", rate: "acidification intensity", key: "acidification",
		factor: traci(map[string]float64{"SO2": 1, "NOx": 0.7, "NH3": 1.88}), whole: "SO2", scale: 1e3, symbol: "g SO2 eq"},
	{name: "particulate_matter", title: "particulate matter (TRACI 2.1)", amount: "particulate matter", rate: "particulate matter intensity", key: "particulate_matter",
		factor: traci(map[string]float64{"PM2.5": 1, "SO2": 0.0611, "NOx": 0.00722, "NH3": 0.0667}), whole: "PM2.5", scale: 1e3, symbol: "g PM2.5 eq"},
	{name: "smog", title: "smog formation (TRACI 2.1)", amount: "smog", rate: "smog intensity", key: "smog",
		factor: traci(map[string]float64{"NOx": 24.8, "VOC": 3.6}), whole: "NOx", scale: 1e3, symbol: "g O3 eq"},
	{name: "eutrophication", title: "eutrophication (TRACI 2.1)", amount: "eutrophication", rate: "eutrophication intensity", key: "eutrophication",
		factor: traci(map[string]float64{"NOx": 0.0443, "NH3": 0.119}), whole: "NOx", scale: 1e3, symbol: "g N eq"},
}

// traci characterises emissions to air by factors of TRACI 2.1 (Bare 2012,
// EPA/600/R-12/554), US averages; TRACI 2.2 kept them but for eutrophication.
func traci(factors map[string]float64) func(GWPSet, string) (float64, bool) {
	return func(_ GWPSet, substance string) (float64, bool) {
		f, ok := factors[substance]
		return f, ok
	}
}

// substances lists what can be emitted to air.
func substances() []string { return append(gases(), "SO2", "NOx", "PM2.5", "NH3", "VOC", "Hg") }

// Categories lists every category in the order of the tables.
func Categories() []Category {
	list := make([]Category, len(categoryTable))
	for i, row := range categoryTable {
		list[i] = row.name
	}
	return list
}

// index is the place of c in the table, -1 if it is none.
func index(c Category) int {
	return slices.IndexFunc(categoryTable, func(row categoryRow) bool { return row.name == c })
}

// row is the category's row, the zero row if it is none.
func (c Category) row() categoryRow {
	if i := index(c); i >= 0 {
		return categoryTable[i]
	}
	return categoryRow{}
}

// printedKey names the category's figure in a stage.
func (row categoryRow) printedKey() string {
	if row.stageKey != "" {
		return row.stageKey
	}
	return row.key
}

// Unit is the unit in which every value of the category is given. Cost is in
// the inventory's currency: Assessment.Unit says which.
func (c Category) Unit() string { return dimensionOf(c.row().amount).canonical }

// Title is the category in words.
func (c Category) Title() string {
	if title := c.row().title; title != "" {
		return title
	}
	return string(c)
}

// ParseCategory reads a category's name.
func ParseCategory(name string) (Category, error) {
	if c := Category(name); index(c) >= 0 {
		return c, nil
	}
	return "", fmt.Errorf("impact category %q is unknown: use one of %v", name, Categories())
}
