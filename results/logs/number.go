package logs

import (
	"bytes"
	"math"
	"strconv"
	"unicode"
)

// decimal reads a decimal number times 10^scale, exactly where it has no more
// digits than that and rounded where it has. Numbers with an exponent are read
// as floating point.
func decimal(b []byte, scale int) (int64, bool) {
	i, negative := 0, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		negative, i = b[0] == '-', 1
	}
	if i == len(b) {
		return 0, false
	}
	var n int64
	digits, fraction, point, roundUp := 0, 0, false, false
	for ; i < len(b); i++ {
		d := b[i]
		switch {
		case d >= '0' && d <= '9':
			digits++
			if point {
				if fraction == scale {
					// One digit decides the rounding; the rest must be digits.
					if !allDigits(b[i+1:]) {
						return floating(b, scale)
					}
					roundUp, i = d >= '5', len(b)
					continue
				}
				fraction++
			}
			if n > (math.MaxInt64-9)/10 {
				return floating(b, scale)
			}
			n = n*10 + int64(d-'0')
		case d == '.' && !point:
			point = true
		default:
			return floating(b, scale)
		}
	}
	if digits == 0 {
		return 0, false
	}
	for ; fraction < scale; fraction++ {
		if n > math.MaxInt64/10 {
			return 0, false
		}
		n *= 10
	}
	if roundUp {
		n++
	}
	if negative {
		n = -n
	}
	return n, true
}

func allDigits(b []byte) bool {
	for _, d := range b {
		if d < '0' || d > '9' {
			return false
		}
	}
	return true
}

// floating reads what decimal does not.
func floating(b []byte, scale int) (int64, bool) {
	if bytes.ContainsAny(b, "xXpPiInN_") {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return 0, false
	}
	f = math.Round(f * math.Pow10(scale))
	if math.Abs(f) >= 1<<62 {
		return 0, false
	}
	return int64(f), true
}

// unit is what a number of a file counts: a power of ten of the base unit
// (ns, µW, µJ), or a factor where it is none.
type unit struct {
	name   string
	scale  int
	factor float64 // instead of scale, if not 0
}

func (u unit) known() bool { return u.name != "" }

// parse reads a number of the unit in the base unit.
func (u unit) parse(b []byte) (int64, bool) {
	if u.factor == 0 {
		return decimal(b, u.scale)
	}
	if bytes.ContainsAny(b, "xXpPiInN_") {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.Abs(f*u.factor) >= 1<<62 {
		return 0, false
	}
	return int64(math.Round(f * u.factor)), true
}

// parseComma is parse of a number that may have a decimal comma. A comma that
// may as well part thousands ("1,234") makes it no number.
func (u unit) parseComma(b []byte) (int64, bool) {
	if i := bytes.IndexByte(b, ','); i > 3 || len(b)-i != 4 {
		return u.parseDecimalComma(b)
	}
	return u.parse(b)
}

// parseDecimalComma is the same where a comma can only be a decimal one.
func (u unit) parseDecimalComma(b []byte) (int64, bool) {
	n, ok := u.parse(b)
	i := bytes.IndexByte(b, ',')
	if ok || i < 0 || bytes.IndexByte(b[i+1:], ',') >= 0 || bytes.IndexByte(b, '.') >= 0 {
		return n, ok
	}
	plain := bytes.Clone(b)
	plain[i] = '.'
	return u.parse(plain)
}

// The units of each quantity by the names that files and flags use.
var (
	timeUnits = map[string]unit{
		"s": {"s", 9, 0}, "ms": {"ms", 6, 0}, "us": {"us", 3, 0}, "µs": {"us", 3, 0}, "ns": {"ns", 0, 0},
	}
	powerUnits = map[string]unit{
		"W": {"W", 6, 0}, "mW": {"mW", 3, 0}, "kW": {"kW", 9, 0}, "uW": {"uW", 0, 0}, "µW": {"uW", 0, 0},
	}
	energyUnits = map[string]unit{
		"J": {"J", 6, 0}, "mJ": {"mJ", 3, 0}, "uJ": {"uJ", 0, 0}, "µJ": {"uJ", 0, 0}, "kJ": {"kJ", 9, 0}, "MJ": {"MJ", 12, 0},
		"Wh": {"Wh", 0, 3.6e9}, "kWh": {"kWh", 0, 3.6e12}, "mWh": {"mWh", 0, 3.6e6},
	}
)

// clip makes text of a file fit for an error: one line of bearable length.
func clip(text string) string {
	var b []rune
	for _, r := range text {
		if !unicode.IsPrint(r) {
			r = '?'
		}
		if len(b) == 80 {
			return string(b) + "…"
		}
		b = append(b, r)
	}
	return string(b)
}
