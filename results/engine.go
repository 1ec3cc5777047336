package results

import (
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"cfubench/results/arrowfile"
)

// EngineSample is what the server's own metrics said at one moment of the run's
// clock. Nil where the server has no such metric.
type EngineSample struct {
	At               time.Duration
	Running, Waiting *float64 // requests
	CacheUsage       *float64 // share of the key-value cache in use, 0 to 1
	PromptTokens     *float64 // since the server started
	GenerationTokens *float64
	Preemptions      *float64
}

func engineFields() []arrow.Field {
	f64 := arrow.PrimitiveTypes.Float64
	return []arrow.Field{
		field("at_ns", arrow.PrimitiveTypes.Int64, "ns", false),
		field("running", f64, "requests", true),
		field("waiting", f64, "requests", true),
		field("cache_usage_ratio", f64, unitCount, true),
		field("prompt_tokens_total", f64, "tokens", true),
		field("generation_tokens_total", f64, "tokens", true),
		field("preemptions_total", f64, unitCount, true),
	}
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
	for _, s := range samples {
		w.builder.Field(0).(*array.Int64Builder).Append(int64(s.At))
		for i, v := range []*float64{s.Running, s.Waiting, s.CacheUsage, s.PromptTokens, s.GenerationTokens, s.Preemptions} {
			b := w.builder.Field(i + 1).(*array.Float64Builder)
			if v == nil {
				b.AppendNull()
				continue
			}
			b.Append(*v)
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
		f64 := func(name string) *array.Float64 { return column[*array.Float64](c, name, false) }
		running, waiting, usage := f64("running"), f64("waiting"), f64("cache_usage_ratio")
		prompt, generation, preemptions := f64("prompt_tokens_total"), f64("generation_tokens_total"), f64("preemptions_total")
		if c.err != nil {
			return nil, nil, fmt.Errorf("read table %s: %w", path, c.err)
		}
		for i := range int(batch.NumRows()) {
			samples = append(samples, EngineSample{
				At: time.Duration(at.Value(i)), Running: numberAt(running, i), Waiting: numberAt(waiting, i), CacheUsage: numberAt(usage, i),
				PromptTokens: numberAt(prompt, i), GenerationTokens: numberAt(generation, i), Preemptions: numberAt(preemptions, i),
			})
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
