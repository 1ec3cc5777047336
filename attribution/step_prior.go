package attribution

import (
	"encoding/json"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
)

// pool fits the costs of one domain and role to all cells together, as if they were one
// run; nil if that is still too little or gives nothing.
func pool(domain string, role Role, own *StepCosts, cells []*StepCosts) *StepCosts {
	out := &StepCosts{Domain: domain, Source: SourceCells}
	var context, batch, weight float64
	for _, f := range append([]*StepCosts{own}, cells...) {
		if f == nil || f.Domain != domain || f != own && f.Role != role || f.normal.n == 0 || f == own && len(cells) == 0 {
			continue
		}
		out.normal.add(&f.normal)
		out.Intervals += f.Intervals
		out.Steps += f.Steps
		out.StepTime = max(out.StepTime, f.StepTime)
		out.Interval = max(out.Interval, f.Interval)
		n := float64(f.Intervals)
		context, batch, weight = context+n*f.MeanContext, batch+n*f.MeanBatch, weight+n
	}
	if out.Intervals < minFitIntervals || len(cells) == 0 {
		return nil
	}
	out.MeanContext, out.MeanBatch = context/weight, batch/weight
	out.solve()
	if out.theta == [terms]float64{} {
		return nil
	}
	out.finish()
	return out
}

func (n *normal) add(m *normal) {
	for a := range terms {
		n.moment[a] += m.moment[a]
		for b := range terms {
			n.gram[a][b] += m.gram[a][b]
			n.scatter[a][b] += m.scatter[a][b]
		}
	}
	n.squares += m.squares
	n.n += m.n
}

// restore takes theta and the covariance from the estimates: of costs that were
// given and not fitted, whose own correlations are not known.
func (f *StepCosts) restore(w *work) {
	f.theta = [terms]float64{f.Step.Value, f.Prompt.Value, f.Decode.Value - f.Context.Value*f.MeanContext, f.Context.Value}
	f.theta[termDecode] = max(f.theta[termDecode], 0)
	f.covariance = [terms][terms]float64{}
	quantile := mathext.NormalQuantile(0.975)
	for t, e := range []Fitted{f.Step, f.Prompt, f.Decode, f.Context} {
		half := (e.Hi - e.Lo) / 2 / quantile
		f.covariance[t][t] = half * half
	}
	f.Steps, f.StepTime = w.steps, w.period
}

// ParsePrior reads step costs: one object or a list of them, as a run's summary
// holds them. One without a domain is for any. A cost under zero, or none above
// it, is refused.
func ParsePrior(text []byte) ([]*StepCosts, error) {
	var out []*StepCosts
	if err := json.Unmarshal(text, &out); err != nil {
		one := new(StepCosts)
		if json.Unmarshal(text, one) != nil {
			return nil, err
		}
		out = []*StepCosts{one}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("it holds no costs")
	}
	for _, f := range out {
		if f == nil {
			return nil, fmt.Errorf("it holds null for costs")
		}
		sum := 0.0
		for _, x := range []struct {
			key string
			e   *Fitted
		}{{"step_j", &f.Step}, {"prompt_token_j", &f.Prompt}, {"output_token_j", &f.Decode}, {"context_ktoken_j", &f.Context}} {
			if !(x.e.Value >= 0) || math.IsInf(x.e.Value, 0) || x.e.Lo > x.e.Hi {
				return nil, fmt.Errorf("its %s is %g (%g to %g): want joules of zero or more", x.key, x.e.Value, x.e.Lo, x.e.Hi)
			}
			if x.e.Lo == 0 && x.e.Hi == 0 {
				x.e.Lo, x.e.Hi = x.e.Value, x.e.Value // no interval was given
			}
			sum += x.e.Value
		}
		if sum == 0 {
			return nil, fmt.Errorf("all of its costs are zero")
		}
	}
	return out, nil
}
