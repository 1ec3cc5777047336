package attribution_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"text/tabwriter"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/shapley"
	"cfubench/attribution/simulated"
	"cfubench/internal/batchsim"
	"cfubench/meter"
)

const simIdle = 100 * meter.Watt

// register is a counter that is published every period and polled so that no
// publication is missed.
func register(period time.Duration) simulated.Sensor {
	return simulated.Sensor{Period: period, Jitter: period / 70, Poll: period / 5,
		Late: 300 * time.Microsecond, Call: 300 * time.Microsecond, Quantum: meter.Millijoule}
}

// served is one simulated run with what its sensor said.
type served struct {
	load  batchsim.Load
	trace *batchsim.Trace
	fair  []float64
	curve *attribution.Curve
}

func serve(l batchsim.Load, seed uint64, period, jitter time.Duration) served {
	rng := rand.New(rand.NewPCG(seed, 3))
	l.Engine.Delivery.Jitter = jitter
	trace := l.Engine.Run(rng, 2*time.Second, l.Jobs)
	read := register(period).Read(rng, trace.Power(simIdle), 700*meter.Watt, 0)
	curve, _ := attribution.NewCurve(read.Domain, read.Readings)
	return served{l, trace, trace.StepShapley(l.Engine.Physics), curve}
}

func (s served) attribute(t interface{ Fatal(...any) }, c attribution.Convention) attribution.Result {
	r, err := attribution.Attribute(c, s.trace.Requests(), s.curve, s.trace.Window(), attribution.Idle{Loaded: simIdle, Known: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// distance is the normalised L1 of the shares above idle from the fair ones.
func (s served) distance(r attribution.Result) float64 {
	shares := make([]float64, len(s.fair))
	sum, want := 0.0, 0.0
	for i := range shares {
		shares[i] = max((r.Shares[i].Energy - r.Shares[i].Idle).Joules(), 0)
		sum += shares[i]
		want += s.fair[i]
	}
	for i := range shares {
		shares[i] *= want / sum
	}
	return shapley.Distance(shares, s.fair)
}

func TestExplore(t *testing.T) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	loads := batchsim.Standard()
	for seed := uint64(1); seed <= 10; seed++ {
		loads = append(loads, batchsim.Drawn(seed))
	}
	for _, period := range []time.Duration{100 * ms, 20 * ms} {
		for _, jitter := range []time.Duration{0, 4 * ms} {
			for _, l := range loads {
				s := serve(l, 1, period, jitter)
				fmt.Fprintf(w, "%v\t%v\t%s\t%d\t%d", period, jitter, l.Name, len(l.Jobs), len(s.trace.Steps))
				for _, c := range []attribution.Convention{attribution.Steps{}, attribution.Phase{}, attribution.Residency{}} {
					r := s.attribute(t, c)
					fmt.Fprintf(w, "\t%.3f", s.distance(r))
					if r.Costs != nil {
						fmt.Fprintf(w, "\t%v %s", r.Costs, r.Costs.Doubt)
						p := l.Engine.Physics
						fmt.Fprintf(w, " true %.3f %.4f %.4f", p.StepJ, p.PromptJ, p.DecodeJ+r.Costs.MeanContext*p.ContextJ)
					} else if c.Name() == "step" {
						fmt.Fprintf(w, "\t%v", r.Notes)
					}
				}
				fmt.Fprintln(w)
			}
		}
	}
	w.Flush()
}

func TestCoverage(t *testing.T) {
	in := make(map[string]int)
	n := 0
	for seed := uint64(100); seed < 200; seed++ {
		l := batchsim.Drawn(seed)
		period := []time.Duration{20 * ms, 100 * ms}[seed%2]
		jitter := []time.Duration{0, 0, 4 * ms}[seed%3]
		s := serve(l, seed, period, jitter)
		r := s.attribute(t, attribution.Steps{})
		if r.Costs == nil {
			fmt.Println(seed, l.Name, r.Notes)
			continue
		}
		n++
		p := l.Engine.Physics
		bad := ""
		for _, x := range []struct {
			name string
			e    attribution.Estimate
			want float64
		}{{"W", r.Costs.Step, p.StepJ}, {"P", r.Costs.Prompt, p.PromptJ}, {"D", r.Costs.Decode, p.DecodeJ + r.Costs.MeanContext*p.ContextJ}} {
			if x.e.Lo <= x.want && x.want <= x.e.Hi {
				in[x.name]++
			} else {
				bad += fmt.Sprintf(" %s z=%.1f (%+.1f %%)", x.name, (x.e.Value-x.want)/(x.e.Hi-x.e.Value)*2, 100*(x.e.Value/x.want-1))
			}
		}
		fmt.Printf("%d %v %v %s n=%d %.3f%s %s\n", seed, period, jitter, l.Name, r.Costs.Intervals, s.distance(r), bad, r.Costs.Doubt)
	}
	fmt.Println(n, in)
}
