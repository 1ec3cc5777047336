package meter

import (
	"slices"
	"strings"
	"time"
)

// Calibrated returns src with what calibration measured (update periods, floors)
// and without the counters that it refused, and the refusals. A domain whose
// counter is refused and whose power gauge is live goes on as a gauge. The source
// is nil if no domain is left. A model keeps its stated period, which says how old
// its value may be and not how often it changes.
func Calibrated(src Source, calibrations []Calibration) (Source, []Refusal) {
	c := &calibrated{source: src}
	var left []Refusal
	for i, d := range src.Domains() {
		cal := calibrations[i]
		demoted := cal.Refused != "" && !cal.Drops(d)
		if cal.Refused != "" {
			left = append(left, Refusal{
				Source: d.Source, Domain: d.Name, Reason: cal.Refused,
				Remedy: "compare both with a meter at the wall before using either",
			})
		}
		if cal.Drops(d) {
			c.index = append(c.index, -1)
			continue
		}
		switch {
		case demoted:
			d.Kind, d.Quantum, d.Range, d.UpdatePeriod = KindPower, 0, 0, max(d.UpdatePeriod, gaugePeriod)
			d.Note = "power gauge in place of the counter, which is refused; " + d.Note
			d.Note = strings.TrimSuffix(d.Note, "; ")
		case cal.UpdatePeriod > 0 && d.Kind != KindModel:
			d.UpdatePeriod = cal.UpdatePeriod
		}
		if d.Floor == 0 && !demoted {
			d.Floor = cal.Floor
		}
		c.index = append(c.index, len(c.domains))
		c.domains = append(c.domains, d)
		c.demoted = append(c.demoted, demoted)
	}
	if len(c.domains) == 0 {
		return nil, left
	}
	return c, left
}

// gaugePeriod is the update period that a gauge in place of a counter is taken to
// have at least.
const gaugePeriod = 100 * time.Millisecond

// calibrated passes on the readings of the domains that are left.
type calibrated struct {
	source  Source
	domains []Domain
	index   []int  // new index of each of the source's domains, −1 if refused
	demoted []bool // by domain: its gauge is read and its counter is not
}

func (c *calibrated) Domains() []Domain { return slices.Clone(c.domains) }

func (c *calibrated) Read(dst []Reading) []Reading {
	from := len(dst)
	dst = c.source.Read(dst)
	kept := dst[:from]
	for _, r := range dst[from:] {
		if i := c.index[r.Domain]; i >= 0 {
			if r.Domain = i; c.demoted[i] {
				r.Energy, r.HasEnergy = 0, false
				if !r.HasPower && r.Status == StatusOK {
					continue // the gauge is read less often than the counter
				}
			}
			kept = append(kept, r)
		}
	}
	return kept
}

func (c *calibrated) Close() error { return c.source.Close() }

// Unwrap returns the source that was calibrated.
func (c *calibrated) Unwrap() Source { return c.source }

// As finds what src can do beyond Source: src as a T, or what it wraps.
func As[T any](src Source) (T, bool) {
	for {
		if t, ok := src.(T); ok {
			return t, true
		}
		w, ok := src.(interface{ Unwrap() Source })
		if !ok {
			var none T
			return none, false
		}
		src = w.Unwrap()
	}
}
