package runfolder

import (
	"math"
	"slices"
	"time"

	"cfubench/loadgen/engine"
)

// EngineSample is a row of engine.arrow: what the server's own metrics said at
// one moment of the run's clock. A figure is NaN where the server has no such
// metric, or where the scrape failed: then Err says why. Totals count since the
// server started.
type EngineSample struct {
	Key
	At               time.Duration
	Running, Waiting float64 // requests
	CacheUsage       float64 // share of the key-value cache in use, 0 to 1
	PromptTokens     float64 // total, with those taken from the prefix cache
	CachedTokens     float64 // total of those taken from the prefix cache
	GenerationTokens float64 // total
	Preemptions      float64 // total of requests put back for want of cache
	Steps            float64 // total of forward passes
	PrefillTime      float64 // seconds, total over the requests
	DecodeTime       float64 // seconds, total over the requests
	QueueTime        float64 // seconds, total over the requests
	Finished         float64 // total of requests finished
	Err              string
}

// EngineSamples is the table of engine.arrow.
func EngineSamples() Table[EngineSample] {
	type R = EngineSample
	figure := func(name, unit string, at func(*R) *float64) column[R] {
		return number(name, unit, true, math.NaN(), at)
	}
	return Table[R]{name: "engine", columns: slices.Concat(
		in(func(r *R) *Key { return &r.Key }, keyColumns()),
		[]column[R]{
			whole("at_ns", "ns", nil, func(r *R) *time.Duration { return &r.At }),
			figure("running", "requests", func(r *R) *float64 { return &r.Running }),
			figure("waiting", "requests", func(r *R) *float64 { return &r.Waiting }),
			figure("cache_usage_ratio", unitCount, func(r *R) *float64 { return &r.CacheUsage }),
			figure("prompt_tokens_total", "tokens", func(r *R) *float64 { return &r.PromptTokens }),
			figure("cached_tokens_total", "tokens", func(r *R) *float64 { return &r.CachedTokens }),
			figure("generation_tokens_total", "tokens", func(r *R) *float64 { return &r.GenerationTokens }),
			figure("preemptions_total", unitCount, func(r *R) *float64 { return &r.Preemptions }),
			figure("steps_total", unitCount, func(r *R) *float64 { return &r.Steps }),
			figure("prefill_time_s_total", "s", func(r *R) *float64 { return &r.PrefillTime }),
			figure("decode_time_s_total", "s", func(r *R) *float64 { return &r.DecodeTime }),
			figure("queue_time_s_total", "s", func(r *R) *float64 { return &r.QueueTime }),
			figure("finished_total", "requests", func(r *R) *float64 { return &r.Finished }),
			text("error", true, func(r *R) *string { return &r.Err }),
		})}
}

// EngineRow is a scrape as a row of its cell.
func EngineRow(key Key, e engine.Sample) EngineSample {
	return EngineSample{
		Key: key, At: e.At(), Running: e.Running, Waiting: e.Waiting, CacheUsage: e.CacheUsage,
		PromptTokens: e.PromptTokens, CachedTokens: e.CachedTokens, GenerationTokens: e.OutputTokens,
		Preemptions: e.Preemptions, Steps: e.Steps, PrefillTime: e.PrefillTime, DecodeTime: e.DecodeTime,
		QueueTime: e.QueueTime, Finished: e.Finished, Err: e.Err,
	}
}

// Sample is the scrape of the row, its bracket shrunk to its moment.
func (s EngineSample) Sample() engine.Sample {
	return engine.Sample{
		Before: s.At, After: s.At, Running: s.Running, Waiting: s.Waiting, CacheUsage: s.CacheUsage,
		PromptTokens: s.PromptTokens, CachedTokens: s.CachedTokens, OutputTokens: s.GenerationTokens,
		Preemptions: s.Preemptions, Steps: s.Steps, PrefillTime: s.PrefillTime, DecodeTime: s.DecodeTime,
		QueueTime: s.QueueTime, Finished: s.Finished, Err: s.Err,
	}
}
