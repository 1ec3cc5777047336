package lca

import (
	"fmt"
	"slices"
	"strings"

	"cfubench/meter"
)

// Location is a place beside the inventory's own at which hosts of a run stand:
// another region, another hall. What was metered there is characterised by its
// own grid, facility and price; where it lacks a figure, nothing of the
// inventory's own place stands in for it.
type Location struct {
	Name string `json:"name"`
	// Hosts are named as run.json names them (domains[].host): by the address at
	// which the run reached an agent or an exporter.
	Hosts       []string          `json:"hosts"`
	Electricity part[Electricity] `json:"electricity"`
	Facility    part[Site]        `json:"facility"`
	Price       *part[Price]      `json:"price,omitzero"`
	// Hardware is what the devices there are, the inventory's if it is empty.
	Hardware []part[Hardware] `json:"hardware,omitzero"`
}

// Grid is the location's electricity.
func (l *Location) Grid() *Electricity { return &l.Electricity.value }

// Site is the location's facility.
func (l *Location) Site() *Site { return &l.Facility.value }

// Figures lists the location's figures.
func (l *Location) Figures() []*Datum {
	all := append(l.Grid().Figures(), l.Site().Figures()...)
	if l.Price != nil {
		all = append(all, &l.Price.value.Electricity)
	}
	for i := range l.Hardware {
		all = append(all, l.Hardware[i].value.Figures()...)
	}
	return all
}

// locations checks and resolves the places at which hosts stand.
func (l *loader) locations(list []Location, where at) {
	names, at := map[string]bool{}, map[string]string{}
	for i := range list {
		p, here := &list[i], where.index(i)
		switch {
		case p.Name == "":
			l.add(here.field("name"), "missing: name the site")
		case names[p.Name]:
			l.add(here.field("name"), "%q is given twice: give each site its own name", p.Name)
		}
		names[p.Name] = true
		if len(p.Hosts) == 0 {
			l.add(here.field("hosts"), "missing: name the hosts that stand there, as domains[].host of run.json does")
		}
		for k, host := range p.Hosts {
			other, given := at[host]
			switch {
			case host == "":
				l.add(here.field("hosts").index(k), "is empty: name the host; that which ran cfu itself stands at the inventory's own place")
			case given:
				l.add(here.field("hosts").index(k), "%q is given at site %s, too: a host stands at one", host, other)
			}
			at[host] = p.Name
		}
		l.electricityPart(&p.Electricity, here.field("electricity"))
		l.facilityPart(&p.Facility, here.field("facility"))
		if p.Price != nil {
			l.pricePart(p.Price, here.field("price"))
		}
		l.ownStack(p.Hardware, here.field("hardware"))
	}
}

// HostUsage is what one host of a cell used.
type HostUsage struct {
	// Host is the domains' own name for it, "" for the host that ran the client
	// and the meters.
	Host string
	// Energy is the host's part of the cell's, with its meters' bracket and kind;
	// both ends of the bracket zero mean that none is known.
	Energy, EnergyLo, EnergyHi meter.Energy
	EnergyKind                 meter.Kind
	// ProcessorEnergy is what of Energy was metered at processors beside
	// accelerators.
	ProcessorEnergy meter.Energy
	// Meter is the own error of the host's meters, common to all its domains and
	// independent of other hosts'.
	Meter MeterError
	// Hours are when Energy was used, by the wall clock, cut where the hourly mix
	// of its place changes; empty without one, or where it is not known.
	Hours   []HourEnergy
	Devices int
}

// venue is a place of serving and what the cell used there.
type venue struct {
	location    *Location // nil for the inventory's own place
	electricity *Electricity
	facility    *Site
	price       *Price
	hardware    []Hardware // nil for the inventory's
	hosts       []HostUsage
	meters      []int   // the places of hosts in the cell's energy by host
	devices     float64 // the venue's part of the cell's
	processors  meter.Energy
	of          meter.Energy // what processors are a part of
}

// site is the location's name, "" for the inventory's own place.
func (v *venue) site() string {
	if v.location == nil {
		return ""
	}
	return v.location.Name
}

// name is the venue's in words.
func (v *venue) name() string {
	if v.location == nil {
		return "the inventory's own place"
	}
	return "site " + v.location.Name
}

// venues are the places at which something of the cell was metered, the
// inventory's own first.
func (inv *Inventory) venues(u Usage) []venue {
	list := []venue{{electricity: inv.metered(""), facility: &inv.Facility, price: inv.Price}}
	away := map[string]*Location{}
	for i := range inv.Serving.Sites {
		for _, host := range inv.Serving.Sites[i].Hosts {
			away[host] = &inv.Serving.Sites[i]
		}
	}
	hosts, devices := u.byHost(), 0
	for i := range inv.Serving.Sites {
		l := &inv.Serving.Sites[i]
		v := venue{location: l, electricity: inv.metered(l.Name), facility: l.Site()}
		if l.Price != nil {
			v.price = &l.Price.value
		}
		if len(l.Hardware) > 0 {
			v.hardware = values(l.Hardware)
		}
		list = append(list, v)
	}
	for i, h := range hosts {
		v := &list[slices.IndexFunc(list, func(v venue) bool { return v.location == away[h.Host] })]
		v.hosts, v.meters = append(v.hosts, h), append(v.meters, i)
		v.of, v.processors = v.of+h.Energy, v.processors+h.ProcessorEnergy
		devices += h.Devices
	}
	list = slices.DeleteFunc(list, func(v venue) bool { return len(v.hosts) == 0 })
	for i := range list {
		v := &list[i]
		used := 0
		for _, h := range v.hosts {
			used += h.Devices
		}
		v.devices = float64(len(v.hosts)) / float64(len(hosts))
		if devices > 0 {
			v.devices = float64(used) / float64(devices)
		}
	}
	return list
}

// venueInputs are the inputs of a place of serving.
type venueInputs struct {
	venue
	place         place
	waiting       place // of idle machines: they do not run by the hour
	machine       machineInputs
	lifted, alone float64 // parts of the metered energy that the host factor multiplies, and that it leaves
	idleLifted    bool
}

// compileVenues makes inputs of the places of serving. home is the inventory's
// own hardware.
func (s *system) compileVenues(inv *Inventory, u Usage, home machineInputs) error {
	for _, v := range inv.venues(u) {
		in := venueInputs{venue: v, machine: home}
		var err error
		if in.place, err = s.compilePlace(v.electricity, v.facility, v.price); err != nil {
			return err
		}
		in.waiting = in.place
		if yearly := inv.yearly(v.site()); yearly != v.electricity && inv.Serving.IdlePower != nil { // other hours
			if in.waiting, err = s.compilePlace(yearly, v.facility, v.price); err != nil {
				return err
			}
		}
		if v.hardware != nil {
			if in.machine, err = s.compileMachine(v.hardware, u.Counts); err != nil {
				return fmt.Errorf("%s: %w", v.name(), err)
			}
			in.machine.share = home.share
		}
		in.lifted, in.alone = s.lift(in.place.hostFactor, u.Metered, ratioOf(v.processors, v.of))
		if p := inv.Serving.IdlePower; p != nil {
			in.idleLifted = in.place.hostFactor != absent && p.Boundary.equipment() != Host
		}
		s.venues = append(s.venues, in)
	}
	return nil
}

// lacking names the first venue whose place cannot turn energy into the
// category, "" if all can.
func (s *system) lacking(c int) string {
	for i := range s.venues {
		if v := &s.venues[i]; !v.place.factor(s, c) {
			return v.name()
		}
	}
	return ""
}

// doubtVenues warns of what the places of serving lack and of hosts that the
// inventory and the run do not agree on.
func (s *system) doubtVenues(inv *Inventory, u Usage) {
	var away []string
	for i := range s.venues {
		v := &s.venues[i]
		of, factor := "the inventory", "the host factor"
		if v.location != nil {
			of, factor = v.name(), "the host factor of "+v.name()
			away = append(away, v.location.Name)
		}
		if !s.overheadIncluded && v.place.pue == absent {
			s.warn("%s has no PUE: the facility's overhead is not counted", of)
		}
		if v.place.hostFactor == absent || v.processors == 0 {
			continue
		}
		switch {
		case v.lifted == 0:
			s.warn("%s is over the energy of accelerators and none was metered: it is not applied", factor)
		case v.lifted*s.values[v.place.hostFactor] < 1:
			s.warn("%s over the energy of accelerators comes to less than was metered with processors (%v of them): it is not applied", factor, v.processors)
		default:
			s.warn("%s is over the energy of accelerators: %v of processors were metered beside them and are in it", factor, v.processors)
		}
	}
	if s.options.PUE > 0 && s.overheadIncluded {
		s.warn("the PUE that was chosen changes no energy of inference: the facility's overhead is in it")
	}
	s.doubtHours(inv)
	if len(inv.Serving.Sites) == 0 {
		return
	}
	if len(u.Hosts) == 0 {
		s.warn("it is not known which host used the energy: all of it counts at the inventory's own place, none at its sites")
		return
	}
	var seen []string
	for _, h := range u.Hosts {
		if h.Host != "" {
			seen = append(seen, h.Host)
		}
	}
	metered := "no host but the one that ran cfu was metered"
	if len(seen) > 0 {
		metered = "metered were " + strings.Join(seen, ", ")
	}
	for _, l := range inv.Serving.Sites {
		if !slices.ContainsFunc(l.Hosts, func(host string) bool { return slices.Contains(seen, host) }) {
			s.warn("site %s: none of its hosts (%s) was metered: %s", l.Name, strings.Join(l.Hosts, ", "), metered)
		}
	}
	if len(away) > 0 {
		for _, chosen := range []struct {
			flag  string
			given bool
		}{{"--grid", s.options.Grid != ""}, {"--pue", s.options.PUE > 0}, {"--price", s.options.Price > 0}} {
			if chosen.given {
				s.warn("%s replaces the figure of the inventory's own place: site %s keeps its own", chosen.flag, strings.Join(away, ", "))
			}
		}
	}
}

// doubtHours warns of a place that has an hourly mix and of another that has
// none.
func (s *system) doubtHours(inv *Inventory) {
	for site := range s.options.Hourly {
		if !slices.ContainsFunc(s.venues, func(v venueInputs) bool { return v.site() == site }) && site == "" {
			s.warn("nothing was metered at the inventory's own place: its hourly mix is not used")
		}
	}
	for i := range s.venues {
		if v := &s.venues[i]; len(s.options.Hourly) > 0 && inv.Metered[v.site()] == nil {
			s.warn("%s has no hourly mix: its electricity is %q at all hours", v.name(), v.electricity.Title)
		}
	}
}

// SiteImpact is what one place of serving comes to in a category, for the whole
// cell: the parts of inference and of the hardware that the cell has there.
type SiteImpact struct {
	// Site is the location's name, "" for the inventory's own place.
	Site  string
	Hosts []string // "" for the host that ran the client
	Grid  string
	// Energy was metered there; Devices is its part of the cell's devices.
	Energy    meter.Energy
	Devices   float64
	Category  Category
	Operation float64
	// Hardware is its part of the embodied hardware, machines beside the
	// inventory's own apart.
	Hardware float64
}

// Sites lists the places of serving in every category, none where the cell was
// metered at the inventory's own place alone. Operations sum to that of
// inference.
func (a *Assessment) Sites() []SiteImpact {
	s := a.system
	if len(s.venues) == 1 && s.venues[0].location == nil {
		return nil
	}
	var list []SiteImpact
	for i := range s.venues {
		v, out := &s.venues[i], s.newCosts()
		s.serve(s.values, v, out)
		for _, category := range s.categories() {
			row := out.row(index(category))
			impact := SiteImpact{Grid: v.electricity.Title, Energy: v.of, Devices: v.devices, Category: category, Operation: row[inferenceTerm], Hardware: row[inferenceTerm+1]}
			if v.location != nil {
				impact.Site = v.location.Name
			}
			for _, h := range v.hosts {
				impact.Hosts = append(impact.Hosts, h.Host)
			}
			list = append(list, impact)
		}
	}
	return list
}
