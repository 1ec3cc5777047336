package nvml

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/meter"
)

const (
	statePeriod   = time.Second
	processPeriod = 10 * time.Second
	// stateStagger is the time between the looks at one GPU and the next: a look
	// is a dozen calls, which wait for one another in the driver.
	stateStagger = 20 * time.Millisecond
	// spacingsKept is enough for a median: more than a minute of samples.
	spacingsKept = 4096
)

// observed is what an Observer asks of a GPU; *Device has it.
type observed interface {
	State() State
	Processes() ([]int, error)
	Samples(dst []Sample) ([]Sample, error)
}

// Observer watches the slow state of GPUs over a run: what explains an outlier
// afterwards. Summaries may be called while Run runs.
type Observer struct {
	devices []observed
	own     func(pid int) bool

	mu        sync.Mutex
	summaries []Summary
	buffered  []buffer
}

// buffer is what the samples of one GPU have come to.
type buffer struct {
	last     Sample
	spacings []time.Duration
	area     float64 // µW·ns, by the trapezoid rule
	over     time.Duration
}

// Summary is what one GPU's slow state was between the first look and the last.
type Summary struct {
	Device         string         `json:"device"`
	Looks          int            `json:"looks"`
	SMMin          int            `json:"sm_clock_min_mhz"`
	SMMax          int            `json:"sm_clock_max_mhz"`
	TemperatureMax int            `json:"temperature_max_celsius"`
	LimitMin       meter.Power    `json:"limit_min_uw"`
	LimitMax       meter.Power    `json:"limit_max_uw"`
	Throttled      map[string]int `json:"throttled_looks,omitempty"` // looks by reason
	Persistence    bool           `json:"persistence"`
	MIG            bool           `json:"mig"`
	UncorrectedECC int64          `json:"uncorrected_ecc_errors"`
	// The driver's own power samples: their number, the median time between two
	// and the mean power over them, to hold the counter's against.
	Samples          int           `json:"buffered_samples"`
	SampleSpacing    time.Duration `json:"buffered_sample_spacing_ns"`
	SampleMean       meter.Power   `json:"buffered_mean_power_uw"`
	ForeignProcesses []int         `json:"foreign_processes,omitempty"`
	Unknown          []string      `json:"unknown,omitempty"`
}

// NewObserver returns the observer of those sources that are GPUs of this
// package. own tells the engine's processes from foreign ones; nil says that
// they are not known, and so does each summary.
func NewObserver(sources []meter.Source, own func(pid int) bool) *Observer {
	o := &Observer{own: own}
	for _, s := range sources {
		if d, ok := meter.As[observed](s); ok {
			o.devices = append(o.devices, d)
		}
	}
	o.summaries = make([]Summary, len(o.devices))
	o.buffered = make([]buffer, len(o.devices))
	return o
}

// Run looks once a second, and at the processes every ten, until ctx ends. Each
// GPU is looked at by itself, so that one whose driver does not return holds up
// neither the others nor, for longer than meter.Patience, the end. It returns
// nil.
func (o *Observer) Run(ctx context.Context) error {
	var looking errgroup.Group
	for i, d := range o.devices {
		looking.Go(func() error {
			o.watch(ctx, i, d)
			return nil
		})
	}
	<-ctx.Done()
	// Nothing fails: what a GPU does not tell is in its summary.
	meter.Within(meter.Patience, func() { _ = looking.Wait() })
	return nil
}

// watch looks at the i-th GPU until ctx ends.
func (o *Observer) watch(ctx context.Context, i int, d observed) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(i) * stateStagger):
	}
	tick := time.NewTicker(statePeriod)
	defer tick.Stop()
	for looks := 0; ctx.Err() == nil; looks++ {
		o.note(i, d.State())
		samples, err := d.Samples(nil)
		// The first look empties the buffer of what was before.
		if looks > 0 || err != nil {
			o.noteSamples(i, samples, err)
		}
		if o.own != nil && looks%int(processPeriod/statePeriod) == 0 {
			pids, err := d.Processes()
			o.noteProcesses(i, pids, err)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (o *Observer) note(i int, s State) {
	o.mu.Lock()
	defer o.mu.Unlock()
	sum := &o.summaries[i]
	if sum.Looks == 0 {
		sum.Device, sum.SMMin, sum.LimitMin = s.Device, s.SM, s.Limit
		sum.Throttled = map[string]int{}
		if o.own == nil {
			sum.unknown("foreign processes: which are the engine's is not known")
		}
	}
	sum.Looks++
	sum.SMMin, sum.SMMax = min(sum.SMMin, s.SM), max(sum.SMMax, s.SM)
	sum.LimitMin, sum.LimitMax = min(sum.LimitMin, s.Limit), max(sum.LimitMax, s.Limit)
	sum.TemperatureMax = max(sum.TemperatureMax, s.Temperature)
	for _, reason := range s.Throttled {
		sum.Throttled[reason]++
	}
	sum.Persistence, sum.MIG, sum.UncorrectedECC = s.Persistence, s.MIG, s.ECC
	for _, u := range s.Unknown {
		sum.unknown(u)
	}
}

func (o *Observer) noteProcesses(i int, pids []int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	sum := &o.summaries[i]
	if err != nil {
		sum.unknown(err.Error())
		return
	}
	for _, pid := range pids {
		if !o.own(pid) && !slices.Contains(sum.ForeignProcesses, pid) {
			sum.ForeignProcesses = append(sum.ForeignProcesses, pid)
		}
	}
}

func (o *Observer) noteSamples(i int, samples []Sample, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	sum, b := &o.summaries[i], &o.buffered[i]
	if err != nil {
		sum.unknown(err.Error())
		return
	}
	for _, s := range samples {
		if apart := s.Before - b.last.Before; sum.Samples > 0 && apart > 0 {
			if len(b.spacings) < spacingsKept {
				b.spacings = append(b.spacings, apart)
			}
			b.area += (float64(b.last.Power) + float64(s.Power)) / 2 * float64(apart)
			b.over += apart
		}
		b.last = s
		sum.Samples++
	}
	if b.over == 0 {
		return
	}
	sum.SampleMean = meter.Power(b.area / float64(b.over))
}

func (s *Summary) unknown(what string) {
	if !slices.Contains(s.Unknown, what) {
		s.Unknown = append(s.Unknown, what)
	}
}

// Summaries returns one summary a GPU.
func (o *Observer) Summaries() []Summary {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := slices.Clone(o.summaries)
	for i := range out {
		if sorted := slices.Sorted(slices.Values(o.buffered[i].spacings)); len(sorted) > 0 {
			out[i].SampleSpacing = sorted[len(sorted)/2]
		}
		out[i].Throttled = maps.Clone(out[i].Throttled)
		out[i].ForeignProcesses = slices.Clone(out[i].ForeignProcesses)
		out[i].Unknown = slices.Clone(out[i].Unknown)
	}
	return out
}

// Doubts says in a line each what about s makes its GPU's figures doubtful.
func (s Summary) Doubts() []string {
	var w []string
	if len(s.ForeignProcesses) > 0 {
		w = append(w, fmt.Sprintf("processes %v that are not the engine's computed on it: its energy is not the engine's alone", s.ForeignProcesses))
	}
	for _, reason := range slices.Sorted(maps.Keys(s.Throttled)) {
		w = append(w, fmt.Sprintf("clocks were held back (%s) in %d of %d looks", reason, s.Throttled[reason], s.Looks))
	}
	if s.LimitMin != s.LimitMax {
		w = append(w, fmt.Sprintf("its power limit changed between %v and %v", s.LimitMin, s.LimitMax))
	}
	if s.UncorrectedECC > 0 {
		w = append(w, fmt.Sprintf("%d uncorrected memory errors since the driver was loaded", s.UncorrectedECC))
	}
	return w
}
