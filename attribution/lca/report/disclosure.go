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
	// Model is the inventory's; Served what the engines said they run.
	Model   string           `json:"model"`
	Served  []string         `json:"served_models"`
	Serving []Serving        `json:"serving"`
	System  *System          `json:"system_design"`
	Cells   []DisclosureCell `json:"cells"`
	// LifetimeInferences is the number of inferences served, or assumed.
	LifetimeInferences Figure            `json:"total_inferences"`
	Development        Development       `json:"development"`
	Embodied           []Figure          `json:"embodied_hardware"`
	Unknown            map[string]string `json:"unknown,omitempty"`
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
}

// Development is what making the model took.
type Development struct {
	Training        []Figure `json:"training"`
	Experimentation []Figure `json:"experimentation"`
}

// Describe fills the block from assessments of one inventory. The caller adds
// Serving and System if there was a run.
func Describe(list []lca.Assessment) (DisclosureBlock, error) {
	if len(list) == 0 {
		return DisclosureBlock{}, fmt.Errorf("write disclosure: nothing was assessed")
	}
	inv := list[0].Inventory
	d := DisclosureBlock{
		Schema: 1, Model: inv.Model.Title,
		LifetimeInferences: figureOf(&inv.LifetimeInferences),
		Development:        Development{figuresOf(inv.Model.Training), figuresOf(inv.Model.Experimentation)},
		Unknown:            map[string]string{},
	}
	if inv.LifetimeInferences.Quality == lca.Assumption {
		d.Unknown["total_inferences"] = "assumed, not counted: " + inv.LifetimeInferences.Reason
	}
	if inv.Model.Training == nil {
		d.Unknown["development.training"] = "the inventory has no figure"
	}
	if inv.Model.Experimentation == nil {
		d.Unknown["development.experimentation"] = "the inventory has no figure"
	}
	for i := range inv.Hardware {
		h := &inv.Hardware[i]
		for _, datum := range []*lca.Datum{h.Carbon, h.Water, h.ADPe, h.PrimaryEnergy, h.Price, &h.Lifespan} {
			if datum != nil {
				d.Embodied = append(d.Embodied, figureOf(datum))
			}
		}
	}
	for i := range list {
		d.Cells = append(d.Cells, disclose(&list[i]))
	}
	return d, nil
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
		c.CFU = append(c.CFU, DisclosureFU{o.Category, o.Stage, o.Category.Unit(), o.Value / n, o.Lo / n, o.Hi / n})
	}
	if sci, err := a.SCI(); err == nil {
		c.SCI = &sci
	}
	return c
}

func figureOf(d *lca.Datum) Figure {
	return Figure{d.Place().Field, d.Value, d.Unit, d.Boundary, d.Quality, d.Source, d.Reason}
}

func figuresOf(u *lca.Upfront) []Figure {
	if u == nil {
		return nil
	}
	var list []Figure
	for _, d := range []*lca.Datum{u.Energy, u.Carbon, u.Water, u.DeviceTime} {
		if d != nil {
			list = append(list, figureOf(d))
		}
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
