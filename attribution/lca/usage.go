package lca

import (
	"fmt"
	"math"
	"time"

	"cfubench/meter"
)

// Usage is what one cell of a run (or a published measurement) consumed and
// delivered.
type Usage struct {
	Cell string
	// Counts of what was delivered; 0 where the unit does not occur. Failed
	// requests are not counted, their energy is.
	Requests, OutputTokens, TotalTokens int64
	// AnswerTokens are OutputTokens without those of reasoning, 0 where no request
	// reasoned or one's reasoning was not counted.
	AnswerTokens           int64
	Conversations, Batches int64
	// SLORequests is how many of Requests met the objective that SLO describes.
	SLORequests int64
	SLO         string
	// Outcomes are units that an evaluation counted: correct answers, scores.
	Outcomes []OutcomeCount
	// Energy of the whole cell, with the meter's bracket. EnergyLo and EnergyHi
	// both zero mean that no bracket is known.
	Energy, EnergyLo, EnergyHi meter.Energy
	// EnergyKind is the register's; "" for a published figure.
	EnergyKind meter.Kind
	// ProcessorEnergy is the part of Energy that was metered at processors and
	// their memory beside accelerators: all of it on a host without any.
	ProcessorEnergy meter.Energy
	// Meter is what the bracket does not hold: the meter's own error.
	Meter MeterError
	// Metered is what Energy covers. OverheadIncluded says that the facility's
	// overhead is in it already, so that no PUE is to be applied.
	Metered          Boundary
	OverheadIncluded bool
	// BusyTime is the hardware utilisation time of the formula: wall time of
	// the cell × devices.
	BusyTime time.Duration
	// Hosts are the parts of Energy by host, each with its own meters; they and
	// their brackets sum to the cell's. Empty where that is not known.
	Hosts []HostUsage
	// Devices is a number of Counts, accelerators if that is "".
	Devices int
	Counts  Counts
	// Hardware names what was metered (product names), to compare with the
	// inventory's; "" if unknown.
	Hardware string
	// Cores of the machine that the run saw, 0 if unknown: few of them are
	// hardly a whole server.
	Cores int
	// Model is what the server said it runs, to compare with the inventory's;
	// "" if unknown.
	Model string
	// Source says where these numbers stand: a raw table or a publication.
	Source string
}

// OutcomeCount is a functional unit that was counted after the run, with the
// 95 % interval of the count: a binomial one of successes.
type OutcomeCount struct {
	Name          string
	Count, Lo, Hi float64
	// Judged is how many of the cell's completed requests had an outcome,
	// themselves or with their conversation.
	Judged int64
}

// MeterError is a meter's own error, each part with its half-width at 95 % (two
// standard deviations). The zero value is unknown.
type MeterError struct {
	// Gain is relative to the energy, Offset is of the cell's whole energy,
	// Sampling is relative and independent from cell to cell.
	Gain, Sampling float64
	Offset         meter.Energy
	// Meter names the meter: cells of one meter share its gain.
	Meter string
}

// check says what is wrong with the usage.
func (u Usage) check() error {
	switch {
	case u.Requests <= 0:
		return fmt.Errorf("cell %q has %d completed requests: there is nothing to assess", u.Cell, u.Requests)
	case u.OutputTokens < 0 || u.TotalTokens < 0 || u.AnswerTokens < 0 || u.Conversations < 0 || u.Batches < 0 || u.SLORequests < 0:
		return fmt.Errorf("cell %q has a negative count", u.Cell)
	case u.SLORequests > u.Requests:
		return fmt.Errorf("cell %q has %d requests within the SLO of only %d", u.Cell, u.SLORequests, u.Requests)
	case u.Energy < 0:
		return fmt.Errorf("cell %q has a negative energy, %v", u.Cell, u.Energy)
	case (u.EnergyLo != 0 || u.EnergyHi != 0) && (u.EnergyLo > u.Energy || u.Energy > u.EnergyHi):
		return fmt.Errorf("cell %q: energy %v is outside its bracket %v to %v", u.Cell, u.Energy, u.EnergyLo, u.EnergyHi)
	case !u.Metered.isEquipment():
		return fmt.Errorf("cell %q: metered boundary %q is none of device, baseboard, host, facility", u.Cell, u.Metered)
	case u.ProcessorEnergy < 0 || u.ProcessorEnergy > u.Energy:
		return fmt.Errorf("cell %q has a processor energy of %v in %v", u.Cell, u.ProcessorEnergy, u.Energy)
	case !(u.Meter.Gain >= 0 && u.Meter.Gain <= math.MaxFloat64 && u.Meter.Sampling >= 0 && u.Meter.Sampling <= math.MaxFloat64 && u.Meter.Offset >= 0):
		return fmt.Errorf("cell %q has a meter whose error is negative or no number: gain %g, sampling %g, offset %v", u.Cell, u.Meter.Gain, u.Meter.Sampling, u.Meter.Offset)
	case len(u.Hosts) > 0 && u.ofHosts() != u.Energy:
		return fmt.Errorf("cell %q: its hosts used %v and the cell %v", u.Cell, u.ofHosts(), u.Energy)
	case !u.bracketed():
		return fmt.Errorf("cell %q: the brackets of its hosts do not hold their energies, or do not sum to the cell's, %v to %v", u.Cell, u.EnergyLo, u.EnergyHi)
	case u.BusyTime < 0:
		return fmt.Errorf("cell %q has a negative utilisation time, %v", u.Cell, u.BusyTime)
	}
	return nil
}

// ofHosts is what the hosts used together.
func (u Usage) ofHosts() meter.Energy {
	var sum meter.Energy
	for _, h := range u.Hosts {
		sum += h.Energy
	}
	return sum
}

// bracketed reports whether every host's bracket holds its energy, and all sum to
// the cell's where it has one.
func (u Usage) bracketed() bool {
	var lo, hi meter.Energy
	for _, h := range u.Hosts {
		if (h.EnergyLo != 0 || h.EnergyHi != 0) && (h.EnergyLo > h.Energy || h.Energy > h.EnergyHi) {
			return false
		}
		lo, hi = lo+h.EnergyLo, hi+h.EnergyHi
	}
	return len(u.Hosts) == 0 || u.EnergyLo == 0 && u.EnergyHi == 0 || lo == u.EnergyLo && hi == u.EnergyHi
}

// byHost are the parts of the energy that were metered apart: the hosts', or all
// of it where it is not known which used it.
func (u Usage) byHost() []HostUsage {
	if len(u.Hosts) > 0 {
		return u.Hosts
	}
	return []HostUsage{{
		Energy: u.Energy, EnergyLo: u.EnergyLo, EnergyHi: u.EnergyHi, EnergyKind: u.EnergyKind,
		ProcessorEnergy: u.ProcessorEnergy, Meter: u.Meter, Devices: u.Devices,
	}}
}

// Usage is a published run as a cell: what it consumed and delivered, with the
// rounding of the printed energy as its bracket where the figure gives one.
func (m Model) Usage(run PublishedRun) Usage {
	u := Usage{
		Cell:     m.Title + " @ " + run.Rate,
		Requests: run.Requests, OutputTokens: run.OutputTokens,
		// No EnergyKind: the register behind a printed figure is not known.
		Energy:           microjoules(run.Energy.Canonical()),
		Metered:          run.Energy.Boundary,
		OverheadIncluded: run.OverheadIncluded,
		Devices:          run.Devices,
		Source:           fmt.Sprintf("%s (%s)", run.Energy.Source, run.Energy.place),
	}
	if s := run.Energy.Spread; s != nil && s.Low < s.High {
		perUnit := run.Energy.canonical / run.Energy.Value
		u.EnergyLo, u.EnergyHi = microjoules(s.Low*perUnit), microjoules(s.High*perUnit)
	}
	if run.WallTime != nil {
		hours := run.WallTime.Canonical() * float64(run.Devices)
		u.BusyTime = time.Duration(math.Round(hours * float64(time.Hour)))
	}
	return u
}

// microjoules converts kWh.
func microjoules(kwh float64) meter.Energy {
	return meter.Energy(math.Round(kwh * 3.6e6 * float64(meter.Joule)))
}

// kilowattHours converts a meter's energy.
func kilowattHours(e meter.Energy) float64 { return e.Joules() / 3.6e6 }
