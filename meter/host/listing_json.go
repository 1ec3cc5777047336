package host

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"cfubench/meter"
)

// object is one line of the JSON of a listing; null is what is not known. What only
// a calibration knows is null without one.
type object struct {
	Domain         *string      `json:"domain"`
	Device         *string      `json:"device"`
	Source         string       `json:"source"`
	Kind           *meter.Kind  `json:"kind"`
	Scope          *meter.Scope `json:"scope"`
	Unit           *string      `json:"unit"`
	Readable       bool         `json:"readable"`
	InSum          bool         `json:"in_sum"`
	Reason         *string      `json:"reason"`
	Remedy         *string      `json:"remedy"`
	Limit          *json.Number `json:"limit_uw"`
	Poll           *json.Number `json:"poll_ns"`
	UpdatePeriod   *json.Number `json:"update_period_ns"`
	UpdateP5       *json.Number `json:"update_period_p5_ns"`
	UpdateP95      *json.Number `json:"update_period_p95_ns"`
	CallP50        *json.Number `json:"call_ns_p50"`
	CallP99        *json.Number `json:"call_ns_p99"`
	CounterToPower *float64     `json:"counter_to_power_ratio"`
	Warnings       []string     `json:"warnings"`
}

// WriteJSON prints the entries as JSON, one object a line. A source that could not
// be opened at all is a domain with the source's name. The warnings of a device are
// with the first of its domains.
func (l Listing) WriteJSON(w io.Writer) error {
	states := slices.Clone(l.States)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, e := range l.Entries {
		o := object{
			Domain: known(e.Domain), Device: known(e.Device), Source: e.Source, Kind: known(e.Kind), Scope: known(e.Scope), Unit: known(unit(e.Kind)),
			Readable: e.Readable, InSum: e.Summed, Reason: known(e.Reason), Remedy: known(e.Remedy),
			Limit: number(e.Limit), Poll: number(e.Poll), UpdatePeriod: number(e.UpdatePeriod), CallP50: number(e.CallP50),
			Warnings: []string{},
		}
		if o.Domain == nil {
			o.Domain = &e.Source
		}
		if c := e.Calibration; c != nil {
			o.UpdateP5, o.UpdateP95, o.CallP99 = number(c.UpdateP5), number(c.UpdateP95), number(c.CallP99)
			if c.CounterToPower > 0 {
				o.CounterToPower = &c.CounterToPower
			}
			o.Warnings = append(o.Warnings, c.Warnings...)
		}
		for i, s := range states {
			if s.Device == e.Device {
				o.Warnings = append(o.Warnings, s.Doubts...)
				states[i].Doubts = nil
			}
		}
		if err := enc.Encode(o); err != nil {
			return err
		}
	}
	return nil
}

// known is nil for the empty string.
func known[S ~string](s S) *S {
	if s == "" {
		return nil
	}
	return &s
}

// number is nil for zero, which stands for not known.
func number[N time.Duration | meter.Power](v N) *json.Number {
	if v == 0 {
		return nil
	}
	n := json.Number(fmt.Sprint(int64(v)))
	return &n
}

// unit is what a reading of the kind counts in, as the tables' columns do.
func unit(k meter.Kind) string {
	switch k {
	case meter.KindCounter, meter.KindModel:
		return "uJ"
	case meter.KindPower:
		return "uW"
	}
	return ""
}
