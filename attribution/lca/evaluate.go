package lca

import "math"

// evaluate computes C_FU's terms for the whole cell, in every category, from
// one set of input values:
//
//	inference = E × factor                              (C_PerInference)
//	idle      = idle device-hours × power × factor, and their embodied share
//	embodied  = device-hours × C_Embodied / lifespan × share of the machine
//	upfront   = (operation + own device-hours × C_Embodied / lifespan)
//	            × this product's share × delivered by the cell / lifetime
//	service   = the same per request × requests
//
// Terms without figures stay 0 and are marked absent in has.
func (s *system) evaluate(x []float64, out *costs) {
	clear(out.v)
	s.serving(x, out)
	if len(s.upfront) > 0 {
		s.listed(x, s.amortized(x), out)
	}
}

// inFull evaluates with the making whole, not the part that the cell carries: what the
// making costs is then the same to the last bit for all cells that share it.
func (s *system) inFull(x []float64) *costs {
	out := s.newCosts()
	s.serving(x, out)
	s.listed(x, 1, out)
	return out
}

// serving adds what served: the metered energy, the machines and those that waited.
func (s *system) serving(x []float64, out *costs) {
	for i := range s.venues {
		s.serve(x, &s.venues[i], out)
	}
	for i := range s.machines {
		m := &s.machines[i]
		s.embodied(x, m, s.hours*s.value(x, m.perDevice, 1), inferenceTerm+1, out)
	}
	if s.idleTime != absent {
		for i := range s.venues {
			s.idle(x, &s.venues[i], out)
		}
		if s.options.Embodied == Calendar { // busy hours pay for the idle ones already
			for i := range s.machines {
				m := &s.machines[i]
				s.embodied(x, m, s.hours*s.value(x, m.perDevice, 1)*x[s.idleTime], idleTerm+1, out)
			}
		}
	}
}

// listed adds the stages that the inventory lists: of the making the part that is
// amortized, services by the request.
func (s *system) listed(x []float64, amortized float64, out *costs) {
	for i := range s.upfront {
		u := &s.upfront[i]
		share, t := amortized, upfrontTerm+2*i
		if u.process.Kind == Service {
			share = s.requests
		}
		for _, part := range u.shares {
			share *= x[part]
		}
		s.operation(x, &u.place, s.value(x, u.energy, 0), u.lifted, u.alone, u.overheadIncluded, t, share, out)
		s.embodied(x, &u.machine, s.value(x, u.time, 0)*share, t+1, out)
		for _, c := range s.active {
			if input := u.printed[c]; input != absent {
				out.row(c)[t] = x[input] * share
			}
		}
	}
}

// serve adds what the cell used at a venue: the metered energy of its hosts, and
// its part of the device time.
func (s *system) serve(x []float64, v *venueInputs, out *costs) {
	kwh := 0.0
	for _, host := range v.meters {
		x := x[host*meterInputs : (host+1)*meterInputs]
		kwh += math.Max(0, x[energyInput]*x[gainInput]*x[samplingInput]+x[offsetInput])
	}
	s.operation(x, &v.place, kwh, v.lifted, v.alone, s.overheadIncluded, inferenceTerm, 1, out)
	s.embodied(x, &v.machine, s.hours*v.devices, inferenceTerm+1, out)
}

// idle adds what machines of a venue cost while they wait.
func (s *system) idle(x []float64, v *venueInputs, out *costs) {
	hours := s.hours * v.devices * x[s.idleTime]
	if s.idlePower != absent {
		lifted, alone := 0.0, 1.0
		if v.idleLifted {
			lifted, alone = 1, 0
		}
		s.operation(x, &v.waiting, hours*x[s.idlePower]*s.value(x, v.machine.share, 1), lifted, alone, s.idleOverhead, idleTerm, 1, out)
	}
	if s.options.Embodied == Calendar {
		s.embodied(x, &v.machine, hours, idleTerm+1, out)
	}
}

// value is an input, or fallback where it is absent.
func (s *system) value(x []float64, input int, fallback float64) float64 {
	if input == absent {
		return fallback
	}
	return x[input]
}

// operation adds the impact of using kwh as metered: its lifted share brought
// from devices to the host by the host factor, which never makes it less than
// was metered, and from the host to the facility by the PUE unless the
// facility's overhead is in it already. share scales it all.
func (s *system) operation(x []float64, p *place, kwh, lifted, alone float64, overheadIncluded bool, t int, share float64, out *costs) {
	pue := s.value(x, p.pue, 1)
	kwh *= math.Max(alone+lifted*s.value(x, p.hostFactor, 1), 1)
	it, facility := kwh, kwh*pue
	if overheadIncluded {
		it, facility = kwh/pue, kwh
	}
	for _, c := range p.assessed {
		v := 0.0
		switch categoryTable[c].name {
		case Energy:
			v = facility
		case Cost:
			v = facility * s.value(x, p.price, 0)
		case Water:
			v = s.options.Water.litres(it, facility, pue, s.value(x, p.wue, 0), s.value(x, p.rates[c], 0))
		case WaterScarcity:
			water := x[p.rates[index(Water)]] // factor wants it
			v = (s.options.Water.litres(it, facility, pue, s.value(x, p.wue, 0), 0)*s.value(x, p.awareHere, 0) +
				s.options.Water.litres(it, facility, pue, 0, water)*x[p.awareThere]) / 1e3
		default:
			v = facility * (s.value(x, p.rates[c], 0) + sum(x, p.emissions[c]))
		}
		out.row(c)[t] += v * share
	}
}

// sum characterises substances.
func sum(x []float64, list []weighted) float64 {
	total := 0.0
	for _, w := range list {
		total += x[w.input] * w.factor
	}
	return total
}

// embodied adds the time share of a machine's making: device-hours over the
// hours of its life, or over its busy hours.
func (s *system) embodied(x []float64, m *machineInputs, hours float64, t int, out *costs) {
	hours *= s.value(x, m.share, 1)
	for i := range m.parts {
		p := &m.parts[i]
		life := x[p.lifespan]
		if s.options.Embodied == BusyHours {
			life *= x[p.utilisation]
		}
		perDevice := hours / (life * p.devices)
		for _, c := range s.active {
			if p.impact[c] != absent {
				out.row(c)[t] += x[p.impact[c]] * perDevice
			} else if p.emissions[c] != nil {
				out.row(c)[t] += sum(x, p.emissions[c]) * perDevice
			}
		}
	}
}

// at evaluates into new costs.
func (s *system) at(x []float64) *costs {
	out := s.newCosts()
	s.evaluate(x, out)
	return out
}

func (s *system) newCosts() *costs {
	terms := upfrontTerm + 2*len(s.upfront)
	return &costs{terms, make([]float64, terms*len(categoryTable))}
}
