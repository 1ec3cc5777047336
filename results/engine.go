package results

import (
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"cfubench/results/arrowfile"
)

// EngineSample is what the server's own metrics said at one moment of the run's
// clock. Nil where the server has no such metric, or where the scrape failed:
// then Err says why. Totals count since the server started.
type EngineSample struct {
	At               time.Duration
	Running, Waiting *float64 // requests
	CacheUsage       *float64 // share of the key-value cache in use, 0 to 1
	PromptTokens     *float64 // total, with those taken from the prefix cache
	CachedTokens     *float64 // total of those taken from the prefix cache
	GenerationTokens *float64 // total
	Preemptions      *float64 // total of requests put back for want of cache
	Steps            *float64 // total of forward passes
	PrefillTime      *float64 // seconds, total over the requests
	DecodeTime       *float64
	QueueTime        *float64
	Finished         *float64 // total of requests finished
	Err              string
}

// engineColumns are the figures of a sample in the order of their columns, after
// at_ns and before error.
var engineColumns = []struct {
	name, unit string
	figure     func(*EngineSample) **float64
}{
	{"running", "requests", func(s *EngineSample) **float64 { return &s.Running }},
	{"waiting", "requests", func(s *EngineSample) **float64 { return &s.Waiting }},
	{"cache_usage_ratio", unitCount, func(s *EngineSample) **float64 { return &s.CacheUsage }},
	{"prompt_tokens_total", "tokens", func(s *EngineSample) **float64 { return &s.PromptTokens }},
	{"cached_tokens_total", "tokens", func(s *EngineSample) **float64 { return &s.CachedTokens }},
	{"generation_tokens_total", "tokens", func(s *EngineSample) **float64 { return &s.GenerationTokens }},
	{"preemptions_total", unitCount, func(s *EngineSample) **float64 { return &s.Preemptions }},
	{"steps_total", unitCount, func(s *EngineSample) **float64 { return &s.Steps }},
	{"prefill_time_s_total", "s", func(s *EngineSample) **float64 { return &s.PrefillTime }},
	{"decode_time_s_total", "s", func(s *EngineSample) **float64 { return &s.DecodeTime }},
	{"queue_time_s_total", "s", func(s *EngineSample) **float64 { return &s.QueueTime }},
	{"finished_total", "requests", func(s *EngineSample) **float64 { return &s.Finished }},
}

func engineFields() []arrow.Field {
	fields := []arrow.Field{field("at_ns", arrow.PrimitiveTypes.Int64, "ns", false)}
	for _, c := range engineColumns {
		fields = append(fields, field(c.name, arrow.PrimitiveTypes.Float64, c.unit, true))
	}
	return append(fields, field("error", arrow.BinaryTypes.String, unitNone, true))
}

// EngineWriter writes engine.arrow.
type EngineWriter struct{ tableWriter }

// NewEngineWriter starts engine.arrow at path with the run constants meta.
func NewEngineWriter(path string, meta map[string]string) (*EngineWriter, error) {
	t, err := newTableWriter(path, "engine", engineFields(), meta)
	if err != nil {
		return nil, err
	}
	return &EngineWriter{t}, nil
}

// Write appends the samples as one batch, which is in the file when Write
// returns.
func (w *EngineWriter) Write(samples []EngineSample) error {
	for i := range samples {
		s := &samples[i]
		w.builder.Field(0).(*array.Int64Builder).Append(int64(s.At))
		for j, c := range engineColumns {
			b := w.builder.Field(j + 1).(*array.Float64Builder)
			if v := *c.figure(s); v != nil {
				b.Append(*v)
			} else {
				b.AppendNull()
			}
		}
		reason := w.builder.Field(len(engineColumns) + 1).(*array.StringBuilder)
		if s.Err != "" {
			reason.Append(s.Err)
		} else {
			reason.AppendNull()
		}
	}
	return w.flush()
}

// Close completes the file and gives it its final name.
func (w *EngineWriter) Close() error { return w.close() }

// ReadEngine reads the whole of engine.arrow with its schema metadata.
func ReadEngine(path string) ([]EngineSample, map[string]string, error) {
	var samples []EngineSample
	var meta map[string]string
	opened := func(r *arrowfile.Reader) error { meta = r.Metadata(); return nil }
	for batch, err := range batches(path, "engine", opened) {
		if err != nil {
			return nil, nil, err
		}
		c := &columns{batch: batch}
		at := column[*array.Int64](c, "at_ns", false)
		reason := column[*array.String](c, "error", false)
		figures := make([]*array.Float64, len(engineColumns))
		for j, of := range engineColumns {
			figures[j] = column[*array.Float64](c, of.name, false)
		}
		if c.err != nil {
			return nil, nil, fmt.Errorf("read table %s: %w", path, c.err)
		}
		for i := range int(batch.NumRows()) {
			s := EngineSample{At: time.Duration(at.Value(i)), Err: textAt(reason, i)}
			for j, of := range engineColumns {
				*of.figure(&s) = numberAt(figures[j], i)
			}
			samples = append(samples, s)
		}
	}
	return samples, meta, nil
}

func numberAt(a *array.Float64, i int) *float64 {
	if a.IsNull(i) {
		return nil
	}
	v := a.Value(i)
	return &v
}
