package lca

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"cfubench/meter"
)

// absent is the index of an input that the inventory does not have.
const absent = -1

// Inputs that are no figure of the inventory, for each host that was metered: its
// energy within the bracket, and its meters' own error. They stand before all
// others, host by host.
const (
	energyInput = iota
	gainInput
	samplingInput
	offsetInput
	meterInputs
)

// Terms come in pairs, operation and hardware: those of serving, of idle
// machines, then of every upfront stage.
const (
	inferenceTerm = 0
	idleTerm      = 2
	upfrontTerm   = 4
)

// costs holds one cell's impacts, by category and term, in canonical units.
type costs struct {
	terms int
	v     []float64
}

func (x *costs) row(c int) []float64 { return x.v[c*x.terms : (c+1)*x.terms] }

// system is an inventory and a usage compiled to a function of its uncertain
// inputs: the point value, the interval, the tornado and the Monte Carlo all
// evaluate the same one.
type system struct {
	options Options
	// inputs: values at the point, their distributions and their figures. The
	// first ones, of the meters, have no Datum. Inputs of one group are drawn
	// together, 0 is none.
	values []float64
	spread []distribution
	data   []*Datum
	group  []int
	keys   map[inputKey]int
	groups int

	requests, delivered float64     // delivered is what the lifetime counts
	hours               float64     // device-hours of the cell
	hosts               []HostUsage // whose meters' inputs come first
	overheadIncluded    bool

	venues              []venueInputs
	machines            []machineInputs // beside the inventory's hardware
	idleTime, idlePower int
	idleOverhead        bool // the idle power was metered with the facility's overhead
	upfront             []upfrontInputs
	lifetime            int
	lifetimeRate        int
	perLifetime         int // units of the allocation, or of the lifetime, per request
	byRequest           bool
	currency            string
	active              []int // places of the assessed categories
	// has says which terms have figures, per category.
	has      [][]bool
	warnings []string
	// stageList is what stages lists, made once.
	stageList []stageTerms
	// whole is the system in every category that it has figures for, nil until somebody
	// asks for another than was chosen.
	whole *system
}

// inputKey makes figures one input that stand at one place.
type inputKey struct {
	place Place
	value float64
	datum *Datum
}

// weighted is a substance and its characterisation factor.
type weighted struct {
	input  int
	factor float64
}

// place is where electricity is used: its factors as inputs.
type place struct {
	hostFactor, pue, wue, price int
	awareHere, awareThere       int   // on site, at generation
	rates                       []int // per category
	emissions                   [][]weighted
	assessed                    []int // the categories that it turns energy into
}

type machineInputs struct {
	parts            []partInputs
	perDevice, share int
}

type partInputs struct {
	impact                []int
	emissions             [][]weighted
	lifespan, utilisation int
	devices               float64
}

// use makes the figure an input and gives its index.
func (s *system) use(d *Datum) int {
	if d == nil {
		return absent
	}
	key := inputKey{place: d.place, value: d.canonical}
	if d.place == (Place{}) {
		key.datum = d
	}
	if i, ok := s.keys[key]; ok {
		return i
	}
	s.keys[key] = s.input(d.canonical, distributionOf(d), d)
	return s.keys[key]
}

func (s *system) input(value float64, spread distribution, d *Datum) int {
	s.values, s.spread, s.data, s.group = append(s.values, value), append(s.spread, spread), append(s.data, d), append(s.group, 0)
	return len(s.values) - 1
}

// tie draws the inputs together from now on: they have one cause.
func (s *system) tie(inputs ...int) {
	s.groups++
	for _, i := range inputs {
		if i != absent && s.group[i] == 0 {
			s.group[i] = s.groups
		}
	}
}

func (s *system) warn(format string, args ...any) {
	s.warnings = append(s.warnings, fmt.Sprintf(format, args...))
}

// compile prepares the assessment of one cell. It refuses what cannot be
// assessed as asked and warns of what is left out.
func compile(inv *Inventory, u Usage, o Options) (*system, error) {
	s := &system{
		options: o, keys: map[inputKey]int{},
		hosts: u.byHost(), requests: float64(u.Requests), hours: u.BusyTime.Hours(),
		overheadIncluded: u.OverheadIncluded || u.Metered == Facility,
	}
	s.compileMeters()
	s.currency = currencyOfPrice(inv.Price)
	home, err := s.compileMachine(inv.Hardware, u.Counts)
	if err != nil {
		return nil, err
	}
	home.share = s.use(inv.Serving.Share)
	if err := s.compileVenues(inv, u, home); err != nil {
		return nil, err
	}
	for i := range inv.Serving.Machines {
		m := &inv.Serving.Machines[i]
		c, err := s.compileMachine(m.Parts(), "")
		if err != nil {
			return nil, err
		}
		c.perDevice, c.share = s.use(&m.PerDevice), s.use(m.Share)
		s.machines = append(s.machines, c)
	}
	s.idleTime, s.idlePower = s.use(inv.Serving.IdleTime), s.use(inv.Serving.IdlePower)
	if p := inv.Serving.IdlePower; p != nil {
		s.idleOverhead = p.Boundary == Facility
	}
	for i := range inv.Upfront {
		p, err := s.compileUpfront(&inv.Upfront[i], inv, home)
		if err != nil {
			return nil, err
		}
		s.upfront = append(s.upfront, p)
	}
	if err := s.compileLifetime(inv, u); err != nil {
		return nil, err
	}
	if err := s.findTerms(); err != nil {
		return nil, err
	}
	s.doubt(inv, u)
	return s, nil
}

func ratioOf(a, b meter.Energy) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// compileMeters sets the inputs of the metered energy of each host: its bracket,
// within which a meter says nothing, or the default of its kind, then the gain,
// sampling and offset of the host's meters. Hosts whose energy is modelled have
// one model's error.
func (s *system) compileMeters() {
	var modelled []int
	for i := range s.hosts {
		h := &s.hosts[i]
		s.compileMeter(h)
		if h.EnergyKind == meter.KindModel {
			modelled = append(modelled, i*meterInputs+energyInput)
		}
	}
	if len(modelled) > 1 {
		s.tie(modelled...)
	}
}

// metered is how many of the first inputs are the meters'.
func (s *system) metered() int { return len(s.hosts) * meterInputs }

func (s *system) compileMeter(u *HostUsage) {
	kwh := kilowattHours(u.Energy)
	anything := domain{low: math.Inf(-1), high: math.Inf(1)}
	d := distribution{shape: Fixed, value: kwh, within: notNegative}
	if u.EnergyLo < u.EnergyHi {
		d = distribution{shape: Uniform, value: kwh, low: kilowattHours(u.EnergyLo), high: kilowattHours(u.EnergyHi), within: notNegative}
	}
	if u.EnergyKind == meter.KindModel && kwh > 0 {
		// The bracket of a model is that of its input; the model's own error
		// is wider.
		d = newDistribution(DefaultSpread(Modelled), kwh, 1, notNegative)
	}
	s.input(kwh, d, nil)
	error95 := func(value, half float64, within domain) {
		d := distribution{shape: Fixed, value: value, within: within}
		if half > 0 {
			d = newDistribution(Spread{Shape: Normal, SD: half / 2}, value, 1, within)
		}
		s.input(value, d, nil)
	}
	error95(1, u.Meter.Gain, positive)
	error95(1, u.Meter.Sampling, positive)
	error95(0, kilowattHours(u.Meter.Offset), anything)
}

// lift says which share of an energy the host factor multiplies, and which is
// kept beside it. Without a factor all of it is kept; with one, processors are
// part of the host that the factor adds, unless there is nothing else. (Where
// they took more than the factor adds, operation takes what was metered.)
func (s *system) lift(factor int, metered Boundary, processors float64) (lifted, alone float64) {
	switch {
	case factor == absent || metered.equipment() == Host || processors >= 1:
		return 0, 1
	default:
		return 1 - processors, 0
	}
}

// currencyOfPrice is the currency in which cost is counted, USD without a price.
func currencyOfPrice(p *Price) string {
	if p == nil {
		return "USD"
	}
	return currencyOf(p.Electricity.Unit)
}

// useMoney leaves out a figure in another currency: they are never added.
func (s *system) useMoney(d *Datum, what string) int {
	if d == nil {
		return absent
	}
	if c := currencyOf(d.Unit); c != s.currency {
		s.doubtMoney("cost: %s of %s is in %s and the serving's electricity in %s: left out, for currencies are never added", what, d.place, c, s.currency)
		return absent
	}
	return s.use(d)
}

// doubtMoney warns where cost is assessed.
func (s *system) doubtMoney(format string, args ...any) {
	if len(s.options.Categories) == 0 || slices.Contains(s.options.Categories, Cost) {
		s.warn(format, args...)
	}
}

// compilePlace makes inputs of a place's factors.
func (s *system) compilePlace(e *Electricity, f *Site, price *Price) (place, error) {
	p := place{
		hostFactor: s.use(f.HostFactor), pue: s.use(f.PUE), wue: s.use(f.WUE), price: absent,
		awareHere: s.use(f.AWARE), awareThere: s.use(e.AWARE),
		rates: make([]int, len(categoryTable)), emissions: make([][]weighted, len(categoryTable)),
	}
	if price != nil {
		p.price = s.useMoney(&price.Electricity, "the price of electricity")
	}
	for c := range categoryTable {
		row := &categoryTable[c]
		p.rates[c] = absent
		if row.rate == "" {
			continue
		}
		if row.name == GWP && s.options.Basis == MarketBased {
			if e.CarbonMarket == nil {
				return p, fmt.Errorf("electricity %q has no market-based carbon intensity: give carbon_market or use the location basis", e.Title)
			}
			p.rates[c] = s.use(e.CarbonMarket)
			continue
		}
		if p.emissions[c] = s.characterise(row, e.Emissions); p.emissions[c] != nil {
			continue
		}
		p.rates[c] = s.use(e.Impacts[row.key])
		if row.name == GWP && p.rates[c] != absent && e.CharacterizedBy != string(s.options.GWP) {
			s.warn("carbon intensity %q was characterised by its source (GWP set: %s): choosing %s does not change it", e.Title, e.CharacterizedBy, s.options.GWP)
		}
	}
	return p, nil
}

// characterise weighs the substances that count in the category, nil where they
// are not whole.
func (s *system) characterise(row *categoryRow, emissions map[string]*Datum) []weighted {
	if row.factor == nil || emissions[row.whole] == nil {
		return nil
	}
	var list []weighted
	for _, substance := range slices.Sorted(maps.Keys(emissions)) {
		if factor, ok := row.factor(s.options.GWP, substance); ok {
			list = append(list, weighted{s.use(emissions[substance]), factor})
		}
	}
	return list
}

// compileMachine makes inputs of the parts of one machine. Its parts live and
// die together. A run that counts hosts has one host for all the processors in
// it.
func (s *system) compileMachine(parts []Hardware, counts Counts) (machineInputs, error) {
	m := machineInputs{perDevice: absent, share: absent}
	var lives []int
	for i := range parts {
		h := &parts[i]
		p := partInputs{
			lifespan: s.use(&h.Lifespan), utilisation: s.use(h.Utilisation), devices: float64(h.Devices),
			impact: make([]int, len(categoryTable)), emissions: make([][]weighted, len(categoryTable)),
		}
		if counts == Hosts && h.Counts == Processors {
			p.devices = 1
		}
		for c := range categoryTable {
			row := &categoryTable[c]
			p.impact[c] = absent
			switch d := h.impact(row.name); {
			case row.name == Cost:
				p.impact[c] = s.useMoney(d, "the price of hardware")
			case d != nil:
				p.impact[c] = s.use(d)
			default:
				p.emissions[c] = s.characterise(row, h.Emissions)
			}
		}
		if s.options.Embodied == BusyHours && h.Utilisation == nil {
			return m, fmt.Errorf("hardware %q has no utilisation: give the busy share of its life, or use the calendar convention", h.Title)
		}
		lives = append(lives, p.lifespan)
		m.parts = append(m.parts, p)
	}
	if len(lives) > 1 {
		s.tie(lives...)
	}
	return m, nil
}

// compileLifetime makes inputs of what the upfront stages are spread over.
func (s *system) compileLifetime(inv *Inventory, u Usage) error {
	s.lifetime, s.lifetimeRate, s.perLifetime = s.use(&inv.LifetimeInferences), s.use(inv.LifetimeRate), absent
	counted, by := inv.lifetimeUnit(), inv.Allocation.By
	if by == "" {
		by = counted
	}
	s.delivered = float64(u.count(by))
	if inv.spreads() && s.delivered == 0 {
		return fmt.Errorf("the making is shared by %s, of which the cell has no count: share it by request", by)
	}
	if by != counted {
		s.perLifetime, s.byRequest = s.use(inv.Allocation.PerRequest), by == PerRequest
	}
	return nil
}

// amortized is the share of the upfront stages that the cell carries.
func (s *system) amortized(x []float64) float64 {
	life := x[s.lifetime]
	if s.lifetimeRate != absent {
		life *= x[s.lifetimeRate]
	}
	if s.perLifetime != absent {
		// The lifetime counts requests and the cell's tokens are shared over all
		// the tokens of the lifetime, or the other way round.
		if s.byRequest {
			life /= x[s.perLifetime]
		} else {
			life *= x[s.perLifetime]
		}
	}
	return s.delivered / life
}

// lifetimeRequests is how many such requests as the cell's the lifetime has, at the
// point.
func (s *system) lifetimeRequests() float64 { return s.requests / s.amortized(s.values) }
