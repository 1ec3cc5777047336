package comparison

import (
	"cmp"
	"fmt"
	"slices"

	"cfubench/internal/stats"
	"cfubench/results/summary"
)

// kept is how many of the completed requests of a load point kept the SLO; the zero
// value where there is none.
type kept struct{ requests, completed int }

// keptBy counts over cells.
func keptBy(cells []summary.CellSummary) (k kept) {
	for _, c := range cells {
		m := c.Best()
		if !m.Goodput.Known() {
			return kept{}
		}
		k.requests, k.completed = k.requests+m.SLORequests, k.completed+m.Completed
	}
	return k
}

// misses says that too few requests keep the SLO, "" where enough do or there is
// none.
func (k kept) misses(share float64) string {
	if float64(k.requests) >= share*float64(k.completed) {
		return ""
	}
	text := "keeps the SLO for " + k.String()
	if k.untold(share) {
		text += ": more would tell"
	}
	return text
}

// nearest is the point of which the largest share of requests keeps the SLO, the first
// of equals.
func nearest(all []point) point {
	return slices.MaxFunc(all, func(a, b point) int {
		return cmp.Compare(a.kept.share(), b.kept.share())
	})
}

func (k kept) share() float64 { return float64(k.requests) / float64(max(1, k.completed)) }

// untold reports whether the interval of the share holds the one that is asked for,
// on whichever side of it the estimate lies.
func (k kept) untold(share float64) bool {
	lo, hi := k.interval()
	return k.completed > 0 && share < 1 && lo < share && share <= hi
}

func (k kept) interval() (lo, hi float64) {
	return stats.Wilson(float64(k.requests), float64(k.completed))
}

// String is the share with its 95 % interval (Wilson's).
func (k kept) String() string {
	lo, hi := k.interval()
	return fmt.Sprintf("%.3g %% of %d requests (%.3g to %.3g %%)", 100*k.share(), k.completed, 100*lo, 100*hi)
}
