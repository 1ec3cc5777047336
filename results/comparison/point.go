package comparison

import (
	"fmt"
	"strings"

	"cfubench/internal/stats"
	"cfubench/results/decision"
	"cfubench/results/summary"
)

// point is a load point with its valid cells and their values.
type point struct {
	summary.Point
	stats.Sample
	name   string
	from   int // the subject's place
	cells  []summary.CellSummary
	rounds []int // of the values
	kept   kept
}

// The windows that a load point's figures are of.
const (
	steadyWindow = "the steady window"
	wholeRun     = "the whole run, its beginning and end included: there was no steady window"
	bothWindows  = "the steady window of some repeats and the whole of others"
)

// window is what the point's figures are of.
func (p *point) window() string {
	steady := 0
	for _, c := range p.cells {
		if c.Steady != nil {
			steady++
		}
	}
	switch steady {
	case 0:
		return wholeRun
	case len(p.cells):
		return steadyWindow
	}
	return bothWindows
}

// windows reports whether points of different windows are in one ranking.
func windows(all []point) bool {
	for i := range all {
		if w := all[i].window(); w != all[0].window() || w == bothWindows {
			return true
		}
	}
	return false
}

// remark says what is different about a row; mixed is what windows says of all points.
func (c Choice) remark(r decision.Row, p *point, mixed bool) string {
	var list []string
	if w := p.window(); mixed && w != steadyWindow {
		list = append(list, "of "+w)
	}
	switch {
	case r.Borrowed:
		list = append(list, "one value and no batches: taken to be as noisy as the others may be")
	case r.Within() && !c.Batches:
		list = append(list, "one repeat: batches within it say how sure it is")
	}
	return strings.Join(list, "; ")
}

// doubts are warnings of what the ranking rests on; mixed is what windows says of all
// points.
func (c Choice) doubts(all []point, mixed bool, share float64) (warnings []string) {
	var whole, correlated, untold []string
	most := 0.0
	for _, p := range all {
		if mixed && p.window() != steadyWindow {
			whole = append(whole, p.name)
		}
		if lag := p.Correlated(); lag > 0 {
			correlated, most = append(correlated, p.name), max(most, lag)
		}
		if p.kept.untold(share) {
			lo, hi := p.kept.interval()
			untold = append(untold, fmt.Sprintf("%s (%d of %d, %.3g to %.3g %%)", p.name, p.kept.requests, p.kept.completed, 100*lo, 100*hi))
		}
	}
	if len(whole) > 0 {
		warnings = append(warnings, "whole runs are ranked among steady windows, for they had none, or not in every repeat: "+some(whole)+"; a beginning and an end cost more a request")
	}
	if len(correlated) > 0 {
		warnings = append(warnings, fmt.Sprintf("batch means are correlated (lag 1: up to %.2f), and what is said of how sure the ranking is too sure; run longer or repeat: %s", most, some(correlated)))
	}
	if len(untold) > 0 {
		warnings = append(warnings, fmt.Sprintf("more requests would tell whether the SLO is kept for %.4g %% of them: %s", 100*share, some(untold)))
	}
	return warnings
}

// named is how many names a warning has.
const named = 6

// some are names as a list, the first of many.
func some(names []string) string {
	if len(names) <= named {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:named], ", "), len(names)-named)
}
