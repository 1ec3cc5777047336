package attribution_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cfubench/attribution"
	"cfubench/meter"
)

// load is a run of n requests at 64 in flight on average, out of order at the
// end as real ones are.
func load(n int) (attribution.Columns, meter.Window) {
	rng := rand.New(rand.NewPCG(3, uint64(n)))
	c := attribution.Columns{
		Sent: make([]time.Duration, n), First: make([]time.Duration, n), Done: make([]time.Duration, n),
		Prompt: make([]int32, n), Output: make([]int32, n),
	}
	gap := 30 * time.Millisecond
	now := time.Second
	for i := range n {
		now += time.Duration(rng.ExpFloat64() * float64(gap))
		c.Sent[i] = now
		c.First[i] = now + time.Duration((0.5+rng.Float64())*0.1*64*float64(gap))
		c.Done[i] = c.First[i] + time.Duration((0.5+rng.Float64())*0.9*64*float64(gap))
		c.Prompt[i], c.Output[i] = int32(20+rng.IntN(2000)), int32(1+rng.IntN(400))
	}
	return c, meter.Window{Start: 0, End: now + 10*time.Second}
}

// stamps streams tokens for reqs as they ended, so many events each, in step
// with all others: the engine's steps are 15 ms apart.
func stamps(reqs attribution.Columns, events int) attribution.TokenStream {
	const period = 15 * time.Millisecond
	at := make([]time.Duration, 0, events)
	return func(yield func(int64, []time.Duration, []int32) bool) error {
		for i := range reqs.Len() {
			at = at[:0]
			first, length := reqs.First[i], reqs.Done[i]-reqs.First[i]
			for k := range events {
				t := first + length*time.Duration(k)/time.Duration(events)
				at = append(at, max(first, t-t%period))
			}
			if !yield(int64(i), at, nil) {
				return nil
			}
		}
		return nil
	}
}

// counter makes a curve of n readings over w, at 480 to 520 W, as they come.
func counter(n int, w meter.Window, seed uint64) *attribution.Curve {
	rng := rand.New(rand.NewPCG(4, seed))
	step := (w.Length() + time.Second) / time.Duration(n)
	builder := attribution.NewBuilder(meter.Domain{Name: fmt.Sprintf("gpu%d", seed), Kind: meter.KindCounter, UpdatePeriod: step,
		Quantum: meter.Millijoule, Limit: 700 * meter.Watt, Floor: 100 * meter.Watt})
	var e meter.Energy
	for i := range n {
		at := time.Duration(i) * step
		builder.Add(meter.Reading{Before: at, After: at + 100*time.Microsecond, Energy: e, HasEnergy: true, Status: meter.StatusOK})
		e += meter.Energy((480 + 40*rng.Float64()) * step.Seconds() * 1e6)
	}
	c, _ := builder.Curve()
	return c
}

// BenchmarkScale attributes a run of N requests under three domains (step: one)
// of a tenth as many readings each by one convention, on one core, and reports the time, the
// CPU time (which other processes disturb less), and the most memory that
// the heap held. Tables are not read or written. The largest size needs
// CFU_SCALE=1.
func BenchmarkScale(b *testing.B) {
	sizes := []int{1e4, 1e5, 1e6}
	if os.Getenv("CFU_SCALE") != "" {
		sizes = append(sizes, 1e7)
	}
	for _, convention := range []attribution.Convention{attribution.Steps{}, attribution.Residency{}, attribution.Token{Prompt: 1, Output: 1}, attribution.Phase{}} {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s/requests=%d", convention.Name(), n), func(b *testing.B) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
				reqs, w := load(n)
				domains := 3
				if convention.Name() == "step" {
					reqs.Tokens, domains = stamps(reqs, eventsEach), 1
				}
				before := cpuTime(b)
				for b.Loop() {
					b.ReportMetric(float64(peakOf(b, func() { attributeAll(b, convention, reqs, w, domains, max(n/10, 1000)) }))/(1<<20), "peak-MiB")
				}
				b.ReportMetric((cpuTime(b)-before).Seconds()/float64(b.N), "cpu-s/op")
				runtime.KeepAlive(reqs)
			})
		}
	}
}

// eventsEach is how many token stamps a request has in the benchmark of step.
const eventsEach = 8

// cpuTime is what the process has used of the processors.
func cpuTime(b *testing.B) time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// attributeAll goes over so many domains with one allocation, and visits every
// row as a writer would.
func attributeAll(b *testing.B, c attribution.Convention, reqs attribution.Columns, w meter.Window, domains, readings int) {
	divider, err := attribution.NewDivider(reqs, w)
	if err != nil {
		b.Fatal(err)
	}
	for domain := range domains {
		curve := counter(readings, w, uint64(domain))
		a, err := divider.Divide(c, curve, attribution.Idle{Loaded: 100 * meter.Watt, Known: true})
		if err != nil {
			b.Fatal(err)
		}
		sum := a.IdleRow().Energy + a.UnattributedRow().Energy
		for i := range a.Len() {
			sum += a.Request(i).Energy
		}
		if sum != a.Counter.Energy {
			b.Fatalf("%s: rows sum to %d µJ, want %d", a.Domain.Name, sum, a.Counter.Energy)
		}
	}
}

// peakOf returns the most memory in use on the heap while f ran, from the
// runtime's own high-water mark of what it holds.
func peakOf(b *testing.B, f func()) uint64 {
	b.StopTimer()
	debug.FreeOSMemory()
	stop, done := make(chan struct{}), make(chan uint64)
	go func() {
		var peak uint64
		var m runtime.MemStats
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
			select {
			case <-stop:
				done <- peak
				return
			case <-tick.C:
			}
		}
	}()
	b.StartTimer()
	f()
	b.StopTimer()
	close(stop)
	peak := <-done
	b.StartTimer()
	return peak
}
