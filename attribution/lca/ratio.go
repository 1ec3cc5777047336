package lca

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ratioText is a share as people write it: "2/128", 0.25, or a whole figure.
type ratioText struct{ datum Datum }

// UnmarshalJSONFrom reads any of the three.
func (r *ratioText) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	switch dec.PeekKind() {
	case '"':
		var text string
		if err := json.UnmarshalDecode(dec, &text); err != nil {
			return err
		}
		v, ok := numberOrFraction(text)
		if !ok {
			return fmt.Errorf("%q is no number: give one, or a fraction such as 2/128", text)
		}
		r.datum = statedShare(v, "the inventory")
		return nil
	case '0':
		var v float64
		if err := json.UnmarshalDecode(dec, &v); err != nil {
			return err
		}
		r.datum = statedShare(v, "the inventory")
		return nil
	}
	return json.UnmarshalDecode(dec, &r.datum)
}

// recordRefs name records: one as a string, or several as an array.
type recordRefs []string

// UnmarshalJSONFrom reads either.
func (r *recordRefs) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == '"' {
		*r = recordRefs{""}
		return json.UnmarshalDecode(dec, &(*r)[0])
	}
	return json.UnmarshalDecode(dec, (*[]string)(r))
}

// numberOrFraction reads a finite number, "0.25", or a fraction, "2/128".
func numberOrFraction(text string) (v float64, ok bool) {
	over, under, isFraction := strings.Cut(text, "/")
	a, err := strconv.ParseFloat(strings.TrimSpace(over), 64)
	b := 1.0
	if err == nil && isFraction {
		b, err = strconv.ParseFloat(strings.TrimSpace(under), 64)
	}
	v = a / b
	return v, err == nil && math.Abs(v) <= math.MaxFloat64
}

// ParseShare reads a share of a machine: "2/128" or "0.25".
func ParseShare(text string) (float64, error) {
	if v, ok := numberOrFraction(text); ok && share.check(v) == "" {
		return v, nil
	}
	return 0, fmt.Errorf("share %q: give a number above 0 and at most 1, or a fraction such as 2/128", text)
}

// statedShare is a share that somebody stated: it is what it is.
func statedShare(v float64, by string) Datum {
	return Datum{Value: v, Unit: "1", Source: "stated in " + by, Year: 2026, Boundary: None, Quality: Measured, Spread: &Spread{Shape: Fixed}}
}
