package report

import (
	"encoding/json"
	"fmt"
	"io"

	"cfubench/attribution/lca"
)

// DisclosureBlock is what arXiv 2606.07632, §6, asks developers to publish with
// a model, in a form that a program can read. What is not known is null, with
// the reason under Unknown.
type DisclosureBlock struct {
	Schema int `json:"schema"`
	// Inventory names the inventory and its file.
	Inventory     string `json:"inventory"`
	InventoryFile string `json:"inventory_file"`
	InventoryHash string `json:"inventory_sha256"`
	Choices       string `json:"choices,omitempty"`
	// Served is what the engines said they run.
	Served  []string          `json:"served_models"`
	Serving []Serving         `json:"serving"`
	System  *System           `json:"system_design"`
	Models  []ModelDisclosure `json:"models"`
	// LifetimeInferences is the number of inferences served, or assumed.
	LifetimeInferences Figure            `json:"total_inferences"`
	Conventions        Conventions       `json:"conventions"`
	Hardware           []HardwareFigures `json:"embodied_hardware"`
	// Provision is how the hardware serves (its share, idle time and power), Machines
	// are others beside it, and Allocation is how what is shared is shared, with its
	// figures.
	Provision         []Figure         `json:"provision,omitempty"`
	Machines          []MachineFigures `json:"machines,omitempty"`
	Allocation        string           `json:"allocation"`
	AllocationFigures []Figure         `json:"allocation_figures,omitempty"`
	// Place has the figures of the grid, the facility and the price.
	Place    []Figure          `json:"place"`
	Warnings []string          `json:"warnings"`
	Unknown  map[string]string `json:"unknown,omitempty"`
}

// ModelDisclosure is one model: its development and its operating points.
type ModelDisclosure struct {
	Model       string            `json:"model"`
	Development []StageDisclosure `json:"development"`
	Cells       []DisclosureCell  `json:"cells"`
}

// StageDisclosure is one stage of a model's making.
type StageDisclosure struct {
	Stage            string    `json:"stage"`
	Kind             lca.Stage `json:"kind"`
	OverheadIncluded bool      `json:"overhead_included"`
	Year             int       `json:"year,omitempty"`
	Figures          []Figure  `json:"figures"`
}

// HardwareFigures are a part's figures and what they are for.
type HardwareFigures struct {
	Title   string       `json:"title"`
	Devices int          `json:"devices"`
	Counts  lca.Counts   `json:"counts,omitempty"`
	Covers  lca.Boundary `json:"covers"`
	AddsTo  lca.Boundary `json:"adds_to,omitempty"`
	Figures []Figure     `json:"figures"`
}

// MachineFigures are the figures of machines beside the inventory's hardware.
type MachineFigures struct {
	Name    string   `json:"name"`
	Figures []Figure `json:"figures"`
}

// Conventions are the choices of the assessment.
type Conventions struct {
	GWP      lca.GWPSet       `json:"gwp"`
	Water    lca.WaterVariant `json:"water_variant"`
	Basis    lca.Basis        `json:"basis"`
	Embodied lca.Convention   `json:"embodied"`
	Draws    int              `json:"monte_carlo_draws"`
	Seed     uint64           `json:"monte_carlo_seed"`
}

// Serving is the configuration of one engine.
type Serving struct {
	Engine  string `json:"engine"`
	Version string `json:"version,omitempty"`
	Batch   int    `json:"batch,omitempty"`
	Command string `json:"command,omitempty"`
}

// System is the machine that served.
type System struct {
	OS      string   `json:"os"`
	CPU     string   `json:"cpu"`
	Cores   int      `json:"cores"`
	Memory  int64    `json:"memory_bytes"`
	Metered []string `json:"metered_domains"`
}

// DisclosureCell is one operating point: scale, energy and C_FU per request.
type DisclosureCell struct {
	Cell       string         `json:"cell"`
	Requests   int64          `json:"requests"`
	Tokens     *int64         `json:"output_tokens"`
	EnergyJ    float64        `json:"energy_j"`
	EnergyKind string         `json:"energy_kind"`
	Boundary   lca.Boundary   `json:"energy_boundary"`
	Devices    int            `json:"devices"`
	CFU        []DisclosureFU `json:"c_fu_per_request"`
	SCI        *lca.SCI       `json:"sci"`
}

// DisclosureFU is C_FU of a request in one category and stage.
type DisclosureFU struct {
	Category lca.Category `json:"category"`
	Stage    lca.Stage    `json:"stage"`
	Unit     string       `json:"unit"`
	Value    float64      `json:"value"`
	Lo       float64      `json:"lo"`
	Hi       float64      `json:"hi"`
}

// Figure is one inventory figure with its provenance.
type Figure struct {
	Field    string       `json:"field"`
	Value    float64      `json:"value"`
	Unit     string       `json:"unit"`
	Boundary lca.Boundary `json:"boundary"`
	Quality  lca.Quality  `json:"quality"`
	Source   string       `json:"source"`
	Reason   string       `json:"reason,omitempty"`
	// For is how many devices a figure of hardware is for: "8 accelerators".
	For string `json:"for,omitempty"`
}

// Describe fills the block from assessments of one inventory. The caller adds
// Serving and System if there was a run.
func Describe(list []lca.Assessment) (DisclosureBlock, error) {
	if len(list) == 0 {
		return DisclosureBlock{}, fmt.Errorf("write disclosure: nothing was assessed")
	}
	inv, o := &list[0].Inventory, list[0].Options
	d := DisclosureBlock{
		Schema: 2, Inventory: inv.Name, InventoryFile: inv.File, InventoryHash: inv.Hash, Choices: o.Choices(),
		LifetimeInferences: figureOf(&inv.LifetimeInferences),
		Conventions:        Conventions{o.GWP, o.Water, o.Basis, o.Embodied, o.Draws, o.Seed},
		Warnings:           lca.Warnings(list), Unknown: map[string]string{},
	}
	if inv.LifetimeInferences.Quality == lca.Assumption {
		d.Unknown["total_inferences"] = "assumed, not counted: " + inv.LifetimeInferences.Reason
	}
	for i := range inv.Hardware {
		h := &inv.Hardware[i]
		d.Hardware = append(d.Hardware, HardwareFigures{h.Title, h.Devices, h.Counts, h.Covers, h.AddsTo, figuresOf(inv, h.Figures())})
	}
	d.Allocation, d.AllocationFigures = allocation(inv), figuresOf(inv, inv.SpreadFigures())
	d.Provision = figuresOf(inv, inv.Serving.Figures())
	for i := range inv.Serving.Machines {
		m := &inv.Serving.Machines[i]
		d.Machines = append(d.Machines, MachineFigures{m.Name, figuresOf(inv, m.Figures())})
	}
	d.Place = append(figuresOf(inv, inv.Electricity.Figures()), figuresOf(inv, inv.Facility.Figures())...)
	if inv.Price != nil {
		d.Place = append(d.Place, figureOf(&inv.Price.Electricity))
	}
	for i := range inv.Serving.Sites {
		d.Place = append(d.Place, figuresOf(inv, inv.Serving.Sites[i].Figures())...)
	}
	for i := range list {
		d.Place = append(d.Place, figuresOf(&list[i].Inventory, list[i].Inventory.HourlyFigures())...)
		d.add(&list[i])
	}
	return d, nil
}

// add puts the cell under its model.
func (d *DisclosureBlock) add(a *lca.Assessment) {
	title := a.Inventory.Model.Title
	if n := len(d.Models); n == 0 || d.Models[n-1].Model != title {
		m := ModelDisclosure{Model: title, Development: []StageDisclosure{}}
		kinds := map[lca.Stage]bool{}
		for i := range a.Inventory.Upfront {
			p := &a.Inventory.Upfront[i]
			kinds[p.Kind] = true
			m.Development = append(m.Development, StageDisclosure{p.Name, p.Kind, p.OverheadIncluded, p.Year, figuresOf(&a.Inventory, p.Figures())})
		}
		for _, kind := range []lca.Stage{lca.Training, lca.Experimentation} {
			if !kinds[kind] {
				d.Unknown[title+": development."+string(kind)] = "the inventory has no figure"
			}
		}
		d.Models = append(d.Models, m)
	}
	m := &d.Models[len(d.Models)-1]
	m.Cells = append(m.Cells, disclose(a))
}

func disclose(a *lca.Assessment) DisclosureCell {
	u := a.Usage
	c := DisclosureCell{
		Cell: u.Cell, Requests: u.Requests, EnergyJ: u.Energy.Joules(), EnergyKind: string(kind(a)), Boundary: u.Metered, Devices: u.Devices,
	}
	if u.OutputTokens > 0 {
		c.Tokens = &u.OutputTokens
	}
	n := float64(u.Requests)
	for _, o := range a.Outcomes {
		c.CFU = append(c.CFU, DisclosureFU{o.Category, o.Stage, a.Unit(o.Category), o.Value / n, o.Lo / n, o.Hi / n})
	}
	if sci, err := a.SCI(); err == nil {
		c.SCI = &sci
	}
	return c
}

func figureOf(d *lca.Datum) Figure {
	return Figure{d.Place().Field, d.Value, d.Unit, d.Boundary, d.Quality, d.Source, d.Reason, ""}
}

// figuresOf are figures of the inventory.
func figuresOf(inv *lca.Inventory, data []*lca.Datum) []Figure {
	var list []Figure
	parts := inv.PartsOfFigures()
	for _, d := range data {
		f := figureOf(d)
		if h := parts[d]; h != nil {
			f.For = deviceCount(h)
		}
		list = append(list, f)
	}
	return list
}

// Disclosure writes the block as indented JSON.
func Disclosure(w io.Writer, d DisclosureBlock) error {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("write disclosure: %w", err)
	}
	_, err = w.Write(append(text, '\n'))
	return err
}
