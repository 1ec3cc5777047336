package report

import (
	"encoding/json"
	"fmt"
	"io"
	"math"

	"cfubench/attribution/lca"
)

// number is a value as JSON can hold it: one without bound is null.
type number float64

// MarshalJSON writes all digits, or null.
func (n number) MarshalJSON() ([]byte, error) {
	if v := float64(n); !math.IsInf(v, 0) && !math.IsNaN(v) {
		return json.Marshal(v)
	}
	return []byte("null"), nil
}

// assessmentData is one cell's assessment as programs read it.
type assessmentData struct {
	Cell        string          `json:"cell"`
	Model       string          `json:"model"`
	Inventory   string          `json:"inventory"`
	Hash        string          `json:"inventory_sha256"`
	Choices     string          `json:"choices,omitempty"`
	Conventions Conventions     `json:"conventions"`
	Lifetime    number          `json:"lifetime"`
	Counted     string          `json:"lifetime_unit"`
	Usage       usageData       `json:"usage"`
	Rows        []rowData       `json:"footprint"`
	Sites       []siteData      `json:"sites,omitempty"`
	BreakEven   []breakEvenData `json:"break_even"`
	Variance    []varianceData  `json:"variance"`
	Warnings    []string        `json:"warnings"`
}

// usageData is what the cell used and delivered.
type usageData struct {
	Energy      number       `json:"energy_j"`
	Kind        string       `json:"energy_kind"`
	Boundary    lca.Boundary `json:"energy_boundary"`
	DeviceHours number       `json:"device_time_h"`
	Requests    int64        `json:"requests"`
	Output      int64        `json:"output_tokens"`
	Total       int64        `json:"total_tokens"`
	Answer      int64        `json:"answer_tokens"`
	Batches     int64        `json:"batches"`
	Talks       int64        `json:"conversations"`
	Within      int64        `json:"slo_requests"`
}

// rowData is a row of the footprint, with the mean and the median of the draws.
type rowData struct {
	FunctionalUnit string       `json:"functional_unit"`
	Category       lca.Category `json:"category"`
	Unit           string       `json:"unit"`
	Stage          lca.Stage    `json:"stage"`
	Kind           lca.Stage    `json:"kind"`
	Value          number       `json:"value"`
	Lo             number       `json:"lo"`
	Hi             number       `json:"hi"`
	Mean           number       `json:"mean"`
	Median         number       `json:"median"`
	Boundary       string       `json:"boundary"`
	Source         string       `json:"source"`
}

// siteData is what one place of serving comes to in a category, for the whole
// cell; the inventory's own place and the client's host have no name.
type siteData struct {
	Site      string       `json:"site"`
	Hosts     []string     `json:"hosts"`
	Grid      string       `json:"electricity"`
	Energy    number       `json:"energy_j"`
	Devices   number       `json:"part_of_devices"`
	Category  lca.Category `json:"category"`
	Unit      string       `json:"unit"`
	Operation number       `json:"operation"`
	Hardware  number       `json:"hardware"`
}

// breakEvenData is a break-even; requests without bound are null.
type breakEvenData struct {
	Category   lca.Category `json:"category"`
	Upfront    string       `json:"upfront_terms"`
	Request    string       `json:"request_terms"`
	Paid       number       `json:"upfront"`
	PerRequest number       `json:"per_request"`
	Requests   number       `json:"requests"`
	Lo         number       `json:"lo"`
	Hi         number       `json:"hi"`
}

// varianceData is an input's part of a category's variance.
type varianceData struct {
	Category lca.Category `json:"category"`
	Input    string       `json:"input"`
	Place    string       `json:"place"`
	Share    number       `json:"share"`
}

// Data prints each assessment as one JSON object a line.
type Data struct{ w io.Writer }

// NewData makes a Data that prints to w.
func NewData(w io.Writer) *Data { return &Data{w} }

// Add prints one assessment.
func (d *Data) Add(a *lca.Assessment) error {
	text, err := json.Marshal(dataOf(a))
	if err != nil {
		return fmt.Errorf("write assessment: %w", err)
	}
	_, err = d.w.Write(append(text, '\n'))
	return err
}

// Close has nothing left to print.
func (d *Data) Close() error { return nil }

func dataOf(a *lca.Assessment) assessmentData {
	u, o := a.Usage, a.Options
	lifetime, counted := a.Inventory.Lifetime()
	d := assessmentData{
		Cell: u.Cell, Model: a.Inventory.Model.Title, Inventory: a.Inventory.Name, Hash: a.Inventory.Hash, Choices: o.Choices(),
		Conventions: Conventions{o.GWP, o.Water, o.Basis, o.Embodied, o.Draws, o.Seed},
		Lifetime:    number(lifetime), Counted: string(counted),
		Usage: usageData{number(u.Energy.Joules()), string(kind(a)), u.Metered, number(u.BusyTime.Hours()), u.Requests, u.OutputTokens, u.TotalTokens, u.AnswerTokens,
			u.Batches, u.Conversations, u.SLORequests},
		Rows: []rowData{}, BreakEven: []breakEvenData{}, Variance: []varianceData{}, Warnings: append([]string{}, a.Warnings...),
	}
	for _, r := range a.Rows {
		d.Rows = append(d.Rows, rowData{r.FunctionalUnit, r.Category, r.Unit, r.Stage, r.Kind, number(r.Value), number(r.Lo), number(r.Hi),
			number(r.Mean), number(r.Median), r.Boundary, r.Source})
	}
	for _, s := range a.Sites() {
		d.Sites = append(d.Sites, siteData{s.Site, s.Hosts, s.Grid, number(s.Energy.Joules()), number(s.Devices), s.Category, a.Unit(s.Category),
			number(s.Operation), number(s.Hardware)})
	}
	for _, b := range a.BreakEven {
		d.BreakEven = append(d.BreakEven, breakEvenData{b.Category, b.UpfrontTerms, b.RequestTerms, number(b.Upfront.Value), number(b.PerRequest.Value),
			number(b.Requests), number(b.Lo), number(b.Hi)})
	}
	for _, v := range a.Variance {
		d.Variance = append(d.Variance, varianceData{v.Category, v.Input, v.Place.String(), number(v.Share)})
	}
	return d
}
