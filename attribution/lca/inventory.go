package lca

import "slices"

// Inventory is the second phase of ISO 14044: what one assessment takes as
// given. Parts may be written inline or named from the presets; see
// docs/lca.md for the file format and docs/inventory.schema.json for its schema.
type Inventory struct {
	Schema      int
	Name        string
	Title       string
	Description string
	// Study is the goal and scope of ISO 14044 that only its author knows.
	Study *Study
	// Hardware is what serves: one part, or a part and what is added to it (an
	// accelerator board and the rest of its host). Electricity, Facility and
	// Price are those of the place where it serves.
	Hardware    []Hardware
	Electricity Electricity
	Facility    Site
	// Metered is the electricity of the hours in which a cell ran, by the site where
	// it did ("" is the inventory's own place); only what was metered then uses it.
	Metered map[string]*Electricity
	// Price of electricity, nil if cost is not assessed.
	Price *Price
	// Serving is how the hardware serves, and what else serves with it.
	Serving Serving
	Model   Model
	// Upfront is everything that is spread over the lifetime, and what each request
	// asks of other servers: the stages of the model, then the inventory's own.
	Upfront []Process
	// added is the last of them: the inventory's own.
	added int
	// LifetimeInferences is what the upfront stages are spread over: a number of
	// requests, output tokens or conversations, or months at LifetimeRate.
	// Hardly any developer publishes it, so it is mostly an assumption and says
	// so.
	LifetimeInferences Datum
	LifetimeRate       *Datum
	Allocation         Allocation
	// sharedBy is what the making was shared by before a lifetime was chosen that tells
	// nothing of it; "" where nothing was lost.
	sharedBy    FunctionalUnit
	BoundaryMix BoundaryMix
	// Hash is that of the text that was read (SHA-256, hexadecimal), with those of what
	// its stages take in, if they take any: runs of one name and other figures are told
	// apart by it.
	Hash string
	// File is where the inventory was read ("preset:olmo2-7b" for a preset).
	File string
}

// spreads reports whether anything is spread over the lifetime.
func (inv *Inventory) spreads() bool {
	return slices.ContainsFunc(inv.Upfront, func(p Process) bool { return p.Kind != Service })
}

// metered is the electricity of what a cell was metered to use at a site.
func (inv *Inventory) metered(site string) *Electricity {
	if e := inv.Metered[site]; e != nil {
		return e
	}
	return inv.yearly(site)
}

// yearly is the electricity of a site at all hours.
func (inv *Inventory) yearly(site string) *Electricity {
	for i := range inv.Serving.Sites {
		if l := &inv.Serving.Sites[i]; l.Name == site {
			return l.Grid()
		}
	}
	return &inv.Electricity
}

// Serving is the use of the serving hardware.
type Serving struct {
	// Share of the machine that serves: 2 of the 128 threads of a host, a MIG
	// slice. It multiplies the embodied hardware; energy is metered.
	Share *Datum `json:"share,omitzero"`
	// IdleTime is the device time that is provisioned and waits (nights,
	// redundancy, headroom), per device time that serves, at IdlePower a device.
	IdleTime  *Datum `json:"idle_time,omitzero"`
	IdlePower *Datum `json:"idle_power,omitzero"`
	// Machines are other machines beside the inventory's hardware: prefill and
	// decode apart, a retrieval host.
	Machines []Machine `json:"machines,omitzero"`
	// Sites are where hosts stand that are not at the inventory's own place.
	Sites []Location `json:"sites,omitzero"`
}

// Machine serves beside the inventory's hardware.
type Machine struct {
	Name string `json:"name"`
	// PerDevice is this machine's device time per device time of the run: one
	// host for eight accelerators is 1/8.
	PerDevice Datum `json:"per_device"`
	// Share of the machine that serves, all of it if nil.
	Share    *Datum           `json:"share,omitzero"`
	Hardware []part[Hardware] `json:"hardware"`
}

// Allocation is how the upfront stages are shared among what is delivered.
type Allocation struct {
	// By is "request", "output_token" or "conversation"; "" is by what the
	// lifetime counts.
	By FunctionalUnit `json:"by,omitzero"`
	// PerRequest is how many of By a mean request of the lifetime has; needed
	// where the lifetime counts something else.
	PerRequest *Datum `json:"per_request,omitzero"`
	Reason     string `json:"reason,omitzero"`
}

// Counts are what a part's devices are.
type Counts string

// What can be counted.
const (
	Accelerators Counts = "accelerators"
	Processors   Counts = "processors" // CPUs of a host
	Hosts        Counts = "hosts"      // whole machines
)

// Hardware is the making of machines: what a number of devices and all that
// comes with them inside Covers cost before they first run.
type Hardware struct {
	Name  string `json:"name,omitzero"`
	Title string `json:"title"`
	// Devices is how many of Counts the figures are for. A run on a host without
	// accelerators counts hosts.
	Devices int    `json:"devices"`
	Counts  Counts `json:"counts,omitzero"`
	// Covers is the boundary of the figures. AddsTo, if set, says that they are
	// what Covers has beyond AddsTo: the rest of a host around a baseboard.
	Covers Boundary `json:"covers"`
	AddsTo Boundary `json:"adds_to,omitzero"`
	// MixedBoundaries is why figures of another boundary than Covers stand in
	// this part; without it they are an error.
	MixedBoundaries string `json:"mixed_boundaries,omitzero"`
	// Matches are parts of device names by which a run's hardware is recognised
	// as this ("H100"), to warn when a run was metered on something else.
	Matches []string `json:"matches,omitzero"`

	// componentModel says that the figures are those of dies, memory and board,
	// and not of the product.
	componentModel bool

	// Impacts are the figures by the key of their category: carbon, water, ….
	Impacts map[string]*Datum `json:",embed"`
	// Emissions to air by substance, characterised here where Impacts has none.
	Emissions map[string]*Datum `json:"emissions,omitzero"`
	Lifespan  Datum             `json:"lifespan"`
	// Utilisation is the share of its life in which the hardware is busy; the
	// busy-hours convention needs it.
	Utilisation *Datum `json:"utilisation,omitzero"`
}

// impact is the hardware's figure in a category, nil if there is none.
func (h *Hardware) impact(c Category) *Datum { return h.Impacts[c.row().key] }

// Scope is what an intensity of a grid counts.
type Scope string

// Scopes of a grid's intensities.
const (
	Direct    Scope = "direct"     // emissions of generation alone
	LifeCycle Scope = "life_cycle" // with fuels, plants and losses
)

// Electricity is what a kilowatt-hour at the facility's meter has cost the
// world by the time it arrives.
type Electricity struct {
	Name   string `json:"name,omitzero"`
	Title  string `json:"title"`
	Region string `json:"region"`
	// Scope says what Carbon and Emissions count; "" is unknown.
	Scope Scope `json:"scope,omitzero"`
	// Impacts are the figures per kWh by the key of their category. Carbon is
	// the location-based intensity, already characterised by its source.
	Impacts map[string]*Datum `json:",embed"`
	// Emissions are the substances themselves, characterised here; where they
	// are whole in a category they are used instead of its figure.
	Emissions map[string]*Datum `json:"emissions,omitzero"`
	// CharacterizedBy is the set of GWPs that the source of Carbon used:
	// "ar4", "ar5", "ar6" or "unknown".
	CharacterizedBy string `json:"characterized_by,omitzero"`
	// CarbonMarket is the market-based intensity (contracts and certificates).
	CarbonMarket *Datum `json:"carbon_market,omitzero"`
	// AWARE characterises the water of generation by the scarcity where it is.
	AWARE *Datum `json:"aware,omitzero"`
}

// Site is what a facility adds to the energy of its servers, and what a
// server adds to that of its devices.
type Site struct {
	Name  string `json:"name,omitzero"`
	Title string `json:"title"`
	// PUE is facility energy over IT energy, at least 1.
	PUE *Datum `json:"pue,omitzero"`
	// WUE is litres consumed on site per kWh of IT energy.
	WUE *Datum `json:"wue,omitzero"`
	// AWARE characterises water taken on site by the scarcity there (Boulay et
	// al. 2018).
	AWARE *Datum `json:"aware,omitzero"`
	// HostFactor is the energy of a whole server over that of its accelerators.
	// It is applied only to energy that was metered at accelerators or their
	// baseboards; what was metered beside them at processors is in it already.
	HostFactor *Datum `json:"host_factor,omitzero"`
}

// Price is the price of electricity.
type Price struct {
	Name        string `json:"name,omitzero"`
	Title       string `json:"title"`
	Electricity Datum  `json:"electricity"`
}

// Model is the making of a model.
type Model struct {
	Name   string    `json:"name,omitzero"`
	Title  string    `json:"title"`
	Stages []Process `json:"stages,omitzero"`
	// Parameters, TrainingTokens and TrainingCompute (floating point operations)
	// are what published forms relate the making to; no cost follows from them.
	Parameters      *Datum `json:"parameters,omitzero"`
	TrainingTokens  *Datum `json:"training_tokens,omitzero"`
	TrainingCompute *Datum `json:"training_compute,omitzero"`
	// Runs are published measurements of inference with this model.
	Runs []PublishedRun `json:"runs,omitzero"`
}

// Process is one stage of what is paid before the first request or after the
// last, or a service, whose figures are per request: a run or a group of runs, with its own hardware, place and price. What
// it has not of its own it takes from the serving, with a warning.
type Process struct {
	Name string `json:"name"`
	Kind Stage  `json:"kind"`
	Note string `json:"note,omitzero"`
	// Energy as metered within its boundary. OverheadIncluded says that the
	// facility's overhead (PUE) is in it.
	Energy           *Datum `json:"energy,omitzero"`
	OverheadIncluded bool   `json:"overhead_included,omitzero"`
	// DeviceTime is the hardware's own utilisation time: devices × hours.
	DeviceTime *Datum `json:"device_time,omitzero"`
	// Printed are the operation's impacts as a publication printed them, by the
	// key of their category; where there is none, they follow from Energy and
	// the stage's electricity and facility.
	Printed map[string]*Datum `json:",embed"`

	Hardware    []part[Hardware]   `json:"hardware,omitzero"`
	Electricity *part[Electricity] `json:"electricity,omitzero"`
	Facility    *part[Site]        `json:"facility,omitzero"`
	Price       *part[Price]       `json:"price,omitzero"`
	// Year in which it ran, for the reader.
	Year int `json:"year,omitzero"`
	// Share is what part of the stage this product carries, with its reason: a
	// base model, a reward model or a group of runs that several products use.
	Share *Datum `json:"share,omitzero"`
	// Assessment and Records say that the stage is assessed elsewhere or was
	// metered: by one record, or by one a node.
	Assessment *Upstream  `json:"assessment,omitzero"`
	Records    recordRefs `json:"record,omitzero"`

	// of are the shares of the stages that this one was taken over by: a part of
	// a part.
	of []*Datum
	// closed says that Printed and Energy are all there is: impacts of another
	// assessment, to which no factor of this one is applied. That was made under
	// the conventions under, or is made anew under those asked for, of upstream.
	closed   bool
	under    *Options
	upstream *upstreamRun
	// processors is the share of a recorded energy that processors used, to
	// which no host factor applies.
	processors float64
	// metered are the parts of its records, the same whatever those were called by.
	metered []string
	// unmetered is what the meters of its records did not see, products on what they
	// were, counts what their device time is of.
	unmetered Unmetered
	products  []string
	counts    Counts
	// from is the inventory that the stage was taken from, "" for this one.
	// lentGrid and lentSite say that it has the electricity and the facility of
	// that inventory's serving, and none of its own.
	from               string
	lentGrid, lentSite bool
	// was is the kind that the stage had there, "" if it is of this one.
	was Stage
}

// Shares are the parts of parts of the stage that this product carries: their
// product is its share.
func (p *Process) Shares() []*Datum { return append(present(p.Share), p.of...) }

// Carried is the share of the stage that this product carries, 1 for all of it.
func (p *Process) Carried() float64 {
	carried := 1.0
	for _, share := range p.Shares() {
		carried *= share.Canonical()
	}
	return carried
}

// taken is how many functional units of another assessment the stage is, nothing where it
// is none.
func (p *Process) taken() []*Datum {
	if !p.closed {
		return nil
	}
	return present(p.Assessment.Count)
}

// Upstream is another assessment: so many functional units of it, or the whole
// making of its model.
type Upstream struct {
	// Inventory is a preset or a file, Run a run folder that has been amortized.
	Inventory string `json:"inventory,omitzero"`
	Run       string `json:"run,omitzero"`
	// Making takes the upfront stages of Inventory, each as it stands there.
	Making bool `json:"making,omitzero"`
	// Rate selects one of the published runs of Inventory's model, Cell one of
	// Run's cells.
	Rate string `json:"rate,omitzero"`
	Cell string `json:"cell,omitzero"`
	// FunctionalUnit and Count are how many of what were taken from it.
	FunctionalUnit string `json:"functional_unit,omitzero"`
	Count          *Datum `json:"count,omitzero"`
}

// PublishedRun is one published measurement of inference, as printed.
type PublishedRun struct {
	Rate     string `json:"rate"`     // requests per second, "inf" for all at once
	Requests int64  `json:"requests"` // that Energy, Carbon and Water are for
	// OutputTokens of Requests, 0 if they are not published.
	OutputTokens int64 `json:"output_tokens,omitzero"`
	Energy       Datum `json:"energy"`
	// OverheadIncluded says that Energy is not to be multiplied by a PUE.
	OverheadIncluded bool   `json:"overhead_included,omitzero"`
	Carbon           *Datum `json:"carbon,omitzero"`
	Water            *Datum `json:"water,omitzero"`
	// WallTime is the duration of the run, on Devices devices.
	WallTime *Datum `json:"wall_time,omitzero"`
	Devices  int    `json:"devices"`
	// BreakEven is the published number of requests whose inference emits as
	// much as training did, as printed ("20.9 B"), nil if none is.
	BreakEven *Datum `json:"break_even,omitzero"`
}

// Study is the goal and scope of an assessment that is to be signed (ISO 14044
// §4.2, §5.2): what no program can know.
type Study struct {
	Application       string   `json:"application,omitzero"`
	Reasons           string   `json:"reasons,omitzero"`
	Audience          string   `json:"audience,omitzero"`
	Commissioner      string   `json:"commissioner,omitzero"`
	Practitioner      string   `json:"practitioner,omitzero"`
	ComparativePublic bool     `json:"comparative_assertion_public,omitzero"`
	Function          string   `json:"function,omitzero"`
	ReferenceFlow     string   `json:"reference_flow,omitzero"`
	CutOff            string   `json:"cut_off,omitzero"`
	Categories        string   `json:"categories,omitzero"`  // why these, and their models
	Conformance       string   `json:"conformance,omitzero"` // with what the author states that it conforms
	Allocation        string   `json:"allocation,omitzero"`
	DataQuality       string   `json:"data_quality,omitzero"`
	Omitted           []string `json:"omitted,omitzero"`
	Conclusions       []string `json:"conclusions,omitzero"`
	Recommendations   []string `json:"recommendations,omitzero"`
	Review            []string `json:"review,omitzero"`
}
