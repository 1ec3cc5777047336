package si

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestShort(t *testing.T) {
	for want, v := range map[string]float64{
		"0": 0, "1.00": 0.9999, "0.123": 0.12345, "0.00123": 0.0012345, "1.23": 1.2345, "10.0": 9.999, "12.3": 12.345, "123": 123.45,
		"10,000": 9995, "123,000": 123456.7, "1,230,000": 1234567, "-573,000": -573200, "0.000123": 0.00012345, "1.23e-7": 1.2345e-7, "1.00e12": 1e12,
		"-0.500": -0.5, "–": math.NaN(),
	} {
		if got := Short(v); got != want {
			t.Errorf("Short(%v) = %q, want %q", v, got, want)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, tt := range []struct {
		v          float64
		unit, want string
	}{
		{3.02e-4, "g CO2e", "302 µg CO2e"}, {0.0025, "g", "2.50 mg"}, {1200, "J", "1.20 kJ"}, {3.4e6, "Wh", "3.40 MWh"},
		{999.6, "J", "1.00 kJ"}, {999.4, "J", "999 J"}, {0, "J", "0 J"}, {-42, "W", "-42.0 W"}, {1, "J", "1.00 J"}, {math.NaN(), "J", "– J"},
	} {
		if got := Format(tt.v, tt.unit); got != tt.want {
			t.Errorf("Format(%v, %q) = %q, want %q", tt.v, tt.unit, got, tt.want)
		}
	}
}

func TestCommon(t *testing.T) {
	for _, tt := range []struct {
		name   string
		values []float64
		want   string
	}{
		{"nothing known", []float64{math.NaN(), 0}, ""},
		{"tenths stay in the base unit", []float64{0.3, 0.4, 0.5}, ""},
		{"hundredths do not", []float64{0.03, 0.04, 0.05}, "m"},
		{"thousands do not", []float64{1200, 3400}, "k"},
		{"the middle one decides, not an outlier", []float64{2e-4, 3e-4, 4e-4, 90}, "µ"},
		{"unknown ones do not count", []float64{math.NaN(), 2e-3, math.Inf(1)}, "m"},
	} {
		if got := Common(tt.values...); got.Symbol != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got.Symbol, tt.want)
		}
	}
}

func TestTakes(t *testing.T) {
	for unit, want := range map[string]bool{
		"J": true, "J/req": true, "s, p50/p99": true, "gCO2e/req": true, "g CO2e": true, "J·s": true, "g/1000 req": true, "W": true,
		"": false, "%": false, "req/s": false, "tok/s/MW": false, "USD/M tok": false, "samples": false, "GB": false, "pJ/B": false,
	} {
		if got := Takes(unit); got != want {
			t.Errorf("Takes(%q) = %v, want %v", unit, got, want)
		}
	}
}

// A formatted figure read back is the figure, to three digits.
func TestFormatReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := math.Pow(10, rapid.Float64Range(-14, 16).Draw(t, "decades"))
		number, unit, _ := strings.Cut(Format(v, "J"), " ")
		got, err := strconv.ParseFloat(strings.ReplaceAll(number, ",", ""), 64)
		if err != nil || strings.Contains(number, "e") {
			t.Fatalf("%v is written %q", v, number)
		}
		for _, p := range prefixes {
			if p.Symbol+"J" == unit {
				got *= p.Factor
			}
		}
		if math.Abs(got/v-1) > 0.0051 {
			t.Errorf("%v is written %q", v, Format(v, "J"))
		}
	})
}

// Things are counted in whole numbers.
func TestCount(t *testing.T) {
	for want, n := range map[string]int{"5": 5, "1001": 1001, "12,300": 12345} {
		if got := Count(n); got != want {
			t.Errorf("%d are counted as %q, want %q", n, got, want)
		}
	}
}
