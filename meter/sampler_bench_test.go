package meter_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"cfubench/meter"
)

// BenchmarkSampler runs the sampler at 20 ms over 8 simulated GPUs for twenty
// seconds an iteration, of which its start is a small part. It reports the CPU time of
// the polls and of the whole process as a share of one core, and the lateness of reads.
// The simulated read takes no time: a driver's calls come on top. The floor is a process
// that does no more than wake up every 20 ms; "bare polls" is one goroutine that makes
// the same polls at each waking, and nothing of what a sampler has besides: a watchdog,
// a sink, an end.
func BenchmarkSampler(b *testing.B) {
	b.Run("floor", func(b *testing.B) {
		var process, elapsed time.Duration
		for b.Loop() {
			tick := time.NewTicker(20 * time.Millisecond)
			before, start := processTime(b), time.Now()
			for range 1000 {
				<-tick.C
			}
			process += processTime(b) - before
			elapsed += time.Since(start)
			tick.Stop()
		}
		b.ReportMetric(100*process.Seconds()/elapsed.Seconds(), "%core-process")
	})
	b.Run("bare polls", benchmarkBarePolls)
	b.Run("sampler", benchmarkSampler)
}

func benchmarkBarePolls(b *testing.B) {
	var process, elapsed time.Duration
	for b.Loop() {
		clock := meter.NewClock(time.Now())
		s := meter.NewSampler(clock, simulatedGPUs(clock, 8), 20*time.Millisecond)
		tick := time.NewTicker(20 * time.Millisecond)
		before, start := processTime(b), time.Now()
		for range 1000 {
			<-tick.C
			s.PollOnce()
		}
		process += processTime(b) - before
		elapsed += time.Since(start)
		tick.Stop()
	}
	b.ReportMetric(100*process.Seconds()/elapsed.Seconds(), "%core-process")
}

func simulatedGPUs(clock meter.Clock, n int) []meter.Source {
	var sources []meter.Source
	for i := range n {
		sources = append(sources, &gpu{clock: clock, name: fmt.Sprintf("gpu%d", i), update: 100 * time.Millisecond, power: 400 * meter.Watt})
	}
	return sources
}

func benchmarkSampler(b *testing.B) {
	const gpus, period = 8, 20 * time.Millisecond
	var polls, process, elapsed time.Duration
	var p50, p99, worst time.Duration
	var reads int64
	for b.Loop() {
		clock := meter.NewClock(time.Now())
		s := meter.NewSampler(clock, simulatedGPUs(clock, gpus), period)
		ctx, cancel := context.WithTimeout(b.Context(), 20*time.Second)
		before := processTime(b)
		if err := s.Run(ctx, func([]meter.Reading) error { return nil }); err != nil {
			b.Fatal(err)
		}
		process += processTime(b) - before
		cancel()
		for i, c := range s.Cost() {
			polls += c.CPU
			reads += c.Reads
			p50, p99, worst = max(p50, c.JitterP50), max(p99, c.JitterP99), max(worst, c.JitterMax)
			if i == 0 {
				elapsed += c.Elapsed
			}
		}
	}
	b.ReportMetric(100*polls.Seconds()/elapsed.Seconds(), "%core-polls")
	b.ReportMetric(100*process.Seconds()/elapsed.Seconds(), "%core-process")
	b.ReportMetric(float64(process.Nanoseconds())/float64(reads), "cpu-ns/read")
	b.ReportMetric(float64(p50.Microseconds()), "jitter-p50-µs")
	b.ReportMetric(float64(p99.Microseconds()), "jitter-p99-µs")
	b.ReportMetric(float64(worst.Microseconds()), "jitter-max-µs")
}

// processTime is the CPU time that this process has used.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
