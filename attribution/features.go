package attribution

import (
	"math"
	"time"
)

// Features names the columns of a feature row: what a calibration knows of a
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
	w := Window{0, 1}
	for i := range c.Len() {
		w.End = max(w.End, c.Done[i], c.Sent[i]+1)
	}
	return featuresOf(NewTimeline(c, w, Server{}))
}

func featuresOf(t *Timeline) [][]float64 {
	shared := t.meanInverse(phaseDecode)
	rows := make([][]float64, t.Len())
	for i := range rows {
		prompt, output := t.tokens(i)
		prompt, output = prompt/1000, output/1000
		rows[i] = []float64{1, prompt, output, output * shared[i], prompt * output}
	}
	return rows
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
	for _, code := range t.events(nil) {
		i, kind := int(code>>2), code&3
		s, _ := t.stages(i)
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
