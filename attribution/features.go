package attribution

import (
	"cfubench/meter"
	"math"
	"time"
)

// Features names the columns of a feature row: what a Shapley model knows of a
// request from an ordinary run.
var Features = []string{
	"request",
	"prompt_tokens",
	"output_tokens",
	"output_tokens_shared",
	"prompt_output_ktokens2",
}

// promptFeature is the index of the prompt's tokens.
const promptFeature = 1

// FeaturesOf returns a row of Features for each request:
//
//   - one, for what any request costs;
//   - its prompt tokens and its output tokens, in thousands;
//   - its output tokens, in thousands, each divided by the mean number of
//     requests in decode while it was: a decoding step costs much the same
//     however many take part;
//   - the product of prompt and output tokens, in millions: what reading a
//     long context costs at each step.
func FeaturesOf(c Columns) [][]float64 {
	w := meter.Window{Start: 0, End: 1}
	for i := range c.Len() {
		w.End = max(w.End, c.Done[i], c.Sent[i]+1)
	}
	f := featuresOf(NewTimeline(c, w, Server{}))
	rows := make([][]float64, c.Len())
	for i := range rows {
		row := f.row(i)
		rows[i] = row[:]
	}
	return rows
}

// featureCount is the number of Features.
const featureCount = 5

// features computes the rows of a timeline as they are asked for.
type features struct {
	timeline *Timeline
	shared   []float64 // see meanInverse
}

func featuresOf(t *Timeline) features { return features{t, t.meanInverse(phaseDecode)} }

func (f features) row(i int) [featureCount]float64 {
	prompt, output := f.timeline.tokens(i)
	prompt, output = prompt/1000, output/1000
	return [featureCount]float64{1, prompt, output, output * f.shared[i], prompt * output}
}

// meanInverse returns for each request the mean, over its time in phase, of one
// over the number of requests in that phase, itself included; one if it spent
// no time there.
func (t *Timeline) meanInverse(phase uint32) []float64 {
	mean := make([]float64, t.Len())
	for i := range mean {
		mean[i] = 1
	}
	var present, integral float64
	var now time.Duration
	var s stages
	for _, code := range t.events(nil) {
		i, kind := int(code>>2), code&3
		t.stages(i, &s)
		if present > 0 {
			integral += float64(s[kind]-now) / present
		}
		now = s[kind]
		switch {
		case kind == phase:
			present++
			mean[i] = -integral
		case s.previous(kind) == phase:
			present--
			mean[i] = min(max((mean[i]+integral)/float64(s[phase+1]-s[phase]), 1/math.MaxInt32), 1)
		}
	}
	return mean
}
