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
	// asked says that the category is assessed only where it is named: another
	// method's answer to what a category above answers.
	asked bool
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
		factor: to(air{"SO2": 1, "NOx": 0.7, "NH3": 1.88}), whole: "SO2", scale: 1e3, symbol: "g SO2 eq"},
	{name: "particulate_matter", title: "particulate matter (TRACI 2.1)", amount: "particulate matter", rate: "particulate matter intensity", key: "particulate_matter",
		factor: to(air{"PM2.5": 1, "SO2": 0.061111, "NOx": 0.0072222, "NH3": 0.066667}), whole: "PM2.5", scale: 1e3, symbol: "g PM2.5 eq"},
	{name: "smog", title: "smog formation (TRACI 2.1)", amount: "smog", rate: "smog intensity", key: "smog",
		factor: to(air{"NOx": 24.7936, "VOC": 3.59536, "CH4": 0.0143795}), whole: "NOx", scale: 1e3, symbol: "g O3 eq"},
	{name: "eutrophication", title: "eutrophication (TRACI 2.1)", amount: "eutrophication", rate: "eutrophication intensity", key: "eutrophication",
		factor: to(air{"NOx": 0.04429, "NH3": 0.1186}), whole: "NOx", scale: 1e3, symbol: "g N eq"},

	{name: "ef_acidification", title: "acidification (EF 3.1)", amount: "acidification, EF", rate: "acidification, EF intensity", key: "ef_acidification",
		factor: to(air{"SO2": 1.31, "NOx": 0.74, "NH3": 3.02}), whole: "SO2", scale: 1, symbol: "mol H+ eq", asked: true},
	{name: "ef_particulate_matter", title: "particulate matter (EF 3.1)", amount: "disease", rate: "disease intensity", key: "ef_particulate_matter",
		factor: to(air{"PM2.5": 2.38497e-4, "SO2": 8e-6, "NOx": 1.6e-6, "NH3": 2.1e-5}), whole: "PM2.5", asked: true},
	{name: "ef_ozone_formation", title: "photochemical ozone formation, human health (EF 3.1)", amount: "ozone formation, EF", rate: "ozone formation, EF intensity", key: "ef_ozone_formation",
		factor: to(air{"NOx": 1, "VOC": 1, "SO2": 0.0811, "CH4": 0.0101}), whole: "NOx", scale: 1e3, symbol: "g NMVOC eq", asked: true},
	{name: "ef_eutrophication_marine", title: "eutrophication, marine (EF 3.1)", amount: "eutrophication", rate: "eutrophication intensity", key: "ef_eutrophication_marine",
		factor: to(air{"NOx": 0.389, "NH3": 0.092}), whole: "NOx", scale: 1e3, symbol: "g N eq", asked: true},
	{name: "ef_eutrophication_terrestrial", title: "eutrophication, terrestrial (EF 3.1)", amount: "eutrophication, terrestrial", rate: "eutrophication, terrestrial intensity", key: "ef_eutrophication_terrestrial",
		factor: to(air{"NOx": 4.26, "NH3": 13.47}), whole: "NOx", scale: 1, symbol: "mol N eq", asked: true},

	{name: "recipe_acidification", title: "terrestrial acidification (ReCiPe 2016)", amount: "acidification", rate: "acidification intensity", key: "recipe_acidification",
		factor: to(air{"SO2": 1, "NOx": 0.36, "NH3": 1.96}), whole: "SO2", scale: 1e3, symbol: "g SO2 eq", asked: true},
	{name: "recipe_particulate_matter", title: "fine particulate matter (ReCiPe 2016)", amount: "particulate matter", rate: "particulate matter intensity", key: "recipe_particulate_matter",
		factor: to(air{"PM2.5": 1, "SO2": 0.29, "NOx": 0.11, "NH3": 0.24}), whole: "PM2.5", scale: 1e3, symbol: "g PM2.5 eq", asked: true},
	{name: "recipe_ozone_formation", title: "ozone formation, human health (ReCiPe 2016)", amount: "ozone formation", rate: "ozone formation intensity", key: "recipe_ozone_formation",
		factor: to(air{"NOx": 1, "VOC": 0.18}), whole: "NOx", scale: 1e3, symbol: "g NOx eq", asked: true},
	{name: "recipe_ozone_formation_ecosystems", title: "ozone formation, terrestrial ecosystems (ReCiPe 2016)", amount: "ozone formation", rate: "ozone formation intensity", key: "recipe_ozone_formation_ecosystems",
		factor: to(air{"NOx": 1, "VOC": 0.29}), whole: "NOx", scale: 1e3, symbol: "g NOx eq", asked: true},
}

// air are characterization factors of emissions to air, impact per kg, without
// regard to place and height. Those of TRACI 2.1 (US averages), EF 3.1 and ReCiPe
// 2016 v1.03 (midpoint, hierarchist) were compared with ecoinvent 3.9's tables of
// the methods, as bw2io 0.9.17 carries them (lcia_39_ecoinvent.zip). VOC is NMVOC
// of unstated make-up.
type air map[string]float64

// to characterises by the factors whatever the set of GWPs is.
func to(factors air) func(GWPSet, string) (float64, bool) {
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

// ParseCategories reads the names of impact categories, each once.
func ParseCategories(names []string) ([]Category, error) {
	var list []Category
	for _, name := range names {
		c, err := ParseCategory(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	return list, nil
}

// Drawn is the category of a figure: carbon, unless it is not assessed.
func (o Options) Drawn() Category {
	if len(o.Categories) > 0 && !slices.Contains(o.Categories, GWP) {
		return o.Categories[0]
	}
	return GWP
}
