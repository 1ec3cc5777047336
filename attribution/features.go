package attribution

import "time"

// features are what a calibration knows of each request.
type features struct {
	Columns
	occupancy []float64 // mean number in flight while it was
}

// Features lists the columns of a feature row.
var Features = []string{"prompt_tokens", "output_tokens", "output_tokens_per_occupancy"}

func (f features) row(i int) []float64 {
	prompt, output := f.tokens(i)
	return []float64{prompt, output, output / max(f.occupancy[i], 1)}
}

// featuresOf computes the features of all requests of a timeline.
func featuresOf(t *Timeline) features {
	return features{Columns: t.Columns, occupancy: t.occupancies()}
}

// occupancies returns, for each request, the mean number of requests in
// flight while it was, itself included; zero if it was not in the window.
func (t *Timeline) occupancies() []float64 {
	mean := make([]float64, t.Len())
	var present, integral float64
	var now time.Duration
	for _, code := range t.events(nil) {
		i, kind := int(code>>2), code&3
		s, _ := t.stages(i)
		integral += present * float64(s[kind]-now)
		now = s[kind]
		switch {
		case kind == phaseDone:
			present--
			mean[i] = (mean[i] + integral) / float64(s[phaseDone]-s[phaseQueue])
		case s.previous(kind) == phaseDone:
			present++
			mean[i] = -integral
		}
	}
	return mean
}
