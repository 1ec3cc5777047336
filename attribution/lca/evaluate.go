package lca

// evaluate computes C_FU's terms for the whole cell, in every category, from
// one set of input values:
//
//	inference       = E × factor                        (C_PerInference)
//	embodied        = device-hours × C_Embodied / lifespan
//	training        = (operation + own device-hours × C_Embodied / lifespan)
//	                  × requests of the cell / lifetime inferences
//	experimentation = the same of the development runs
//
// Terms without figures stay 0 and are marked absent in has.
func (s *system) evaluate(x []float64, out *costs) {
	s.operation(x, x[energyInput], s.lifted, s.overheadIncluded, inferenceOperation, out)
	s.embodied(x, s.hours, inferenceHardware, out)
	s.upfront(x, &s.training, trainingOperation, trainingHardware, out)
	s.upfront(x, &s.experimentation, experimentationOperation, experimentationHardware, out)

	share := s.requests / x[s.lifetime]
	for c := range out {
		for t := trainingOperation; t < terms; t++ {
			out[c][t] *= share
		}
	}
}

// value is an input, or fallback where it is absent.
func (s *system) value(x []float64, input int, fallback float64) float64 {
	if input == absent {
		return fallback
	}
	return x[input]
}

// operation is the impact of using kwh as metered: lifted from devices to the
// host by the host factor, and from the host to the facility by the PUE unless
// the facility's overhead is in it already.
func (s *system) operation(x []float64, kwh float64, lifted, overheadIncluded bool, t term, out *costs) {
	pue := s.value(x, s.pue, 1)
	if lifted && !overheadIncluded {
		kwh *= x[s.hostFactor]
	}
	it, facility := kwh, kwh*pue
	if overheadIncluded {
		it, facility = kwh/pue, kwh
	}
	intensity := s.value(x, s.carbon, 0)
	for _, g := range s.gases {
		intensity += x[g.input] * g.factor
	}
	out[energyAt][t] = facility
	out[gwpAt][t] = facility * intensity
	out[waterAt][t] = s.options.Water.litres(it, facility, pue, s.value(x, s.wue, 0), s.value(x, s.water, 0))
	out[adpeAt][t] = facility * s.value(x, s.adpe, 0)
	out[primaryAt][t] = facility * s.value(x, s.primary, 0)
	out[costAt][t] = facility * s.value(x, s.price, 0)
}

// embodied is the time share of the hardware's making: device-hours over the
// hours of its life, or over its busy hours.
func (s *system) embodied(x []float64, hours float64, t term, out *costs) {
	for c := range out {
		out[c][t] = 0
	}
	for i := range s.parts {
		p := &s.parts[i]
		life := x[p.lifespan]
		if s.options.Embodied == BusyHours {
			life *= x[p.utilisation]
		}
		perDevice := hours / (life * p.devices)
		for c, input := range p.impact {
			if input != absent {
				out[c][t] += x[input] * perDevice
			}
		}
	}
}

// upfront is what training or experimentation cost in all, not yet divided by
// the lifetime inferences. Published carbon and water are used as printed.
func (s *system) upfront(x []float64, u *upfrontInputs, operation, hardware term, out *costs) {
	s.operation(x, s.value(x, u.energy, 0), u.lifted, u.overheadIncluded, operation, out)
	if u.carbon != absent {
		out[gwpAt][operation] = x[u.carbon]
	}
	if u.water != absent {
		out[waterAt][operation] = x[u.water]
	}
	s.embodied(x, s.value(x, u.time, 0), hardware, out)
}
