package shapley

import (
	"fmt"
	"sort"

	"cfubench/attribution"
	"cfubench/internal/leastsquares"
)

// ridge is the penalty on a coefficient, relative to the mean square of its
// feature: enough to keep features that nearly coincide from fighting.
const ridge = 1e-4

// Fit returns the coefficients, none negative, that best predict the Shapley
// values of the groups' requests: least squares of predicted less measured
// value, relative to the group's whole energy so that all groups count the
// same, with a small ridge penalty.
func Fit(groups []Group) ([]float64, error) {
	n := len(attribution.Features)
	gram, moment := make([][]float64, n), make([]float64, n)
	for k := range gram {
		gram[k] = make([]float64, n)
	}
	rows := 0
	for i, g := range groups {
		phi, err := g.Values()
		if err != nil {
			return nil, fmt.Errorf("group %d: %w", i, err)
		}
		total := 0.0
		for _, v := range phi {
			total += v
		}
		if total <= 0 {
			return nil, fmt.Errorf("group %d cost nothing: what it used was not seen", i)
		}
		for r, x := range g.features() {
			rows++
			for a := range n {
				moment[a] += x[a] * phi[r] / (total * total)
				for b := range n {
					gram[a][b] += x[a] * x[b] / (total * total)
				}
			}
		}
	}
	if rows <= n {
		return nil, fmt.Errorf("%d requests are too few to fit %d coefficients", rows, n)
	}
	for k := range n {
		gram[k][k] *= 1 + ridge
	}
	return leastsquares.NonNegative(gram, moment), nil
}

// Predicted returns the shares, relative to their sum, that coefficients give
// the requests of g.
func Predicted(g Group, coefficients []float64) []float64 {
	rows := g.features()
	out := make([]float64, len(rows))
	for i, x := range rows {
		for k, c := range coefficients {
			out[i] += c * x[k]
		}
	}
	return normalised(out)
}

// Error is how far a convention lies from the Shapley values.
type Error struct {
	Convention string  `json:"convention"`
	Arrivals   string  `json:"arrivals"`
	Groups     int     `json:"groups"`
	Mean       float64 `json:"mean_l1"` // normalised L1, mean over groups
	Max        float64 `json:"max_l1"`
}

// Names of the two rows of Evaluate that are no conventions of a run.
const (
	Calibrated = "shapley (calibrated, held out)"
	Standalone = "standalone"
)

// Evaluate holds the conventions' shares, the standalone measurement, and the
// Shapley model against the groups' Shapley values, apart for each kind of
// arrivals. A group's prediction comes from a fit on all other groups, so
// every group is held out once. Rows are ordered by arrivals, then error.
func Evaluate(groups []Group) ([]Error, error) {
	type key struct{ convention, arrivals string }
	distances := make(map[key][]float64)
	for i, g := range groups {
		phi, err := g.Values()
		if err != nil {
			return nil, fmt.Errorf("group %d: %w", i, err)
		}
		phi = normalised(phi)
		others := append(append([]Group(nil), groups[:i]...), groups[i+1:]...)
		fit, err := Fit(others)
		if err != nil {
			return nil, fmt.Errorf("fit without group %d: %w", i, err)
		}
		add := func(name string, shares []float64) {
			k := key{name, g.Arrivals}
			distances[k] = append(distances[k], Distance(shares, phi))
		}
		add(Calibrated, Predicted(g, fit))
		add(Standalone, g.Alone())
		for name, shares := range g.Shares {
			add(name, shares)
		}
	}
	var out []Error
	for k, ds := range distances {
		e := Error{Convention: k.convention, Arrivals: k.arrivals, Groups: len(ds)}
		for _, d := range ds {
			e.Mean += d / float64(len(ds))
			e.Max = max(e.Max, d)
		}
		out = append(out, e)
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.Arrivals != b.Arrivals {
			return a.Arrivals > b.Arrivals // "static" after "staggered", reversed
		}
		if a.Mean != b.Mean {
			return a.Mean < b.Mean
		}
		return a.Convention < b.Convention
	})
	return out, nil
}
