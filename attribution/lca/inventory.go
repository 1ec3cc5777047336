package lca

// Inventory is the second phase of ISO 14044: what one assessment takes as
// given. Parts may be written inline or named from the presets; see
// docs/lca.md for the file format and docs/inventory.schema.json for its schema.
type Inventory struct {
	Schema      int
	Name        string
	Title       string
	Description string
	// Hardware is what serves: one part, or a part and what is added to it
	// (an accelerator board and the rest of its host).
	Hardware    []Hardware
	Electricity Electricity
	Facility    Site
	Model       Model
	// Price of electricity, nil if cost is not assessed.
	Price *Price
	// LifetimeInferences is the number of requests over which training and
	// experimentation are spread. Hardly any developer publishes it, so it is
	// mostly an assumption and says so.
	LifetimeInferences Datum
	BoundaryMix        BoundaryMix
	// File is where the inventory was read ("preset:olmo2-7b" for a preset).
	File string
}

// Hardware is the making of machines: what a number of devices and all that
// comes with them inside Covers cost before they first run.
type Hardware struct {
	Name  string `json:"name,omitzero"`
	Title string `json:"title"`
	// Devices is how many accelerators (or processors) the figures are for.
	Devices int `json:"devices"`
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

	Carbon        *Datum `json:"carbon,omitzero"`
	Water         *Datum `json:"water,omitzero"`
	ADPe          *Datum `json:"adpe,omitzero"`
	PrimaryEnergy *Datum `json:"primary_energy,omitzero"`
	Price         *Datum `json:"price,omitzero"`
	Lifespan      Datum  `json:"lifespan"`
	// Utilisation is the share of its life in which the hardware is busy; the
	// busy-hours convention needs it.
	Utilisation *Datum `json:"utilisation,omitzero"`
}

// impact is the hardware's figure in a category, nil if there is none.
func (h *Hardware) impact(c Category) *Datum {
	switch c {
	case GWP:
		return h.Carbon
	case Water:
		return h.Water
	case ADPe:
		return h.ADPe
	case PrimaryEnergy:
		return h.PrimaryEnergy
	case Cost:
		return h.Price
	}
	return nil
}

// Electricity is what a kilowatt-hour at the facility's meter has cost the
// world by the time it arrives.
type Electricity struct {
	Name   string `json:"name,omitzero"`
	Title  string `json:"title"`
	Region string `json:"region"`
	// Carbon is the location-based intensity, already characterised by its
	// source. Gases give the emissions themselves, characterised here by the
	// chosen set of GWPs; if both are given, Gases are used.
	Carbon *Datum            `json:"carbon,omitzero"`
	Gases  map[string]*Datum `json:"gases,omitzero"`
	// CharacterizedBy is the set of GWPs that the source of Carbon used:
	// "ar4", "ar5", "ar6" or "unknown".
	CharacterizedBy string `json:"characterized_by,omitzero"`
	// CarbonMarket is the market-based intensity (contracts and certificates).
	CarbonMarket  *Datum `json:"carbon_market,omitzero"`
	Water         *Datum `json:"water,omitzero"` // EWIF, L consumed per kWh generated
	ADPe          *Datum `json:"adpe,omitzero"`
	PrimaryEnergy *Datum `json:"primary_energy,omitzero"`
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
	// HostFactor is the energy of a whole server over that of its devices. It
	// is applied only to energy that was metered at devices or baseboards.
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
	Name     string   `json:"name,omitzero"`
	Title    string   `json:"title"`
	Training *Upfront `json:"training,omitzero"`
	// Experimentation is development: failed, exploratory and evaluation runs.
	Experimentation *Upfront `json:"experimentation,omitzero"`
	// Runs are published measurements of inference with this model.
	Runs []PublishedRun `json:"runs,omitzero"`
}

// Upfront is a cost that is paid once, before the first request.
type Upfront struct {
	Energy *Datum `json:"energy,omitzero"`
	// OverheadIncluded says that Energy has the facility's overhead (PUE) in it.
	OverheadIncluded bool `json:"overhead_included,omitzero"`
	// Carbon and Water, where published, are used as they are; otherwise they
	// follow from Energy and the inventory's electricity and facility.
	Carbon *Datum `json:"carbon,omitzero"`
	Water  *Datum `json:"water,omitzero"`
	// DeviceTime is the hardware's own utilisation time: devices × hours.
	DeviceTime *Datum `json:"device_time,omitzero"`
}

// PublishedRun is one published measurement of inference, as printed.
type PublishedRun struct {
	Rate     string `json:"rate"`     // requests per second, "inf" for all at once
	Requests int64  `json:"requests"` // that Energy, Carbon and Water are for
	Energy   Datum  `json:"energy"`
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
