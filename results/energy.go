package results

import (
	"fmt"
	"iter"
	"math"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/results/arrowfile"
)

// derivedBatch is the number of rows in a batch of a derived table. Rows are
// gathered into batches of this size however they are written, so that the same
// rows give the same bytes.
const derivedBatch = 1 << 16

func energyFields() []arrow.Field {
	j := arrow.PrimitiveTypes.Float64
	return []arrow.Field{
		field("request", arrow.PrimitiveTypes.Int64, unitCount, false),
		field("convention", arrow.BinaryTypes.String, unitNone, false),
		field("domain", arrow.BinaryTypes.String, unitNone, false),
		field("energy_j", j, "J", false),
		field("lo_j", j, "J", false),
		field("hi_j", j, "J", true), // null where nothing bounds it
		field("prefill_j", j, "J", false),
		field("decode_j", j, "J", false),
		field("idle_j", j, "J", false),
		field("method", arrow.BinaryTypes.String, unitNone, false),
		field("flags", arrow.BinaryTypes.String, unitNone, false),
	}
}

// EnergyWriter writes energy.arrow. The same shares and metadata give the same
// bytes.
type EnergyWriter struct {
	tableWriter
	rows                                   int
	request                                *array.Int64Builder
	convention, domain, method, flags      *array.StringBuilder
	energy, lo, hi, prefill, decode, idleJ *array.Float64Builder
}

// NewEnergyWriter starts energy.arrow at path. The caller puts the window and
// the counters' differences into meta: see MetaWindowStart and MetaCounter.
func NewEnergyWriter(path string, meta map[string]string) (*EnergyWriter, error) {
	t, err := newTableWriter(path, "energy", energyFields(), meta)
	if err != nil {
		return nil, err
	}
	w := &EnergyWriter{tableWriter: t, request: t.builder.Field(0).(*array.Int64Builder)}
	str := func(i int) *array.StringBuilder { return t.builder.Field(i).(*array.StringBuilder) }
	f64 := func(i int) *array.Float64Builder { return t.builder.Field(i).(*array.Float64Builder) }
	w.convention, w.domain, w.method, w.flags = str(1), str(2), str(9), str(10)
	w.energy, w.lo, w.hi, w.prefill, w.decode, w.idleJ = f64(3), f64(4), f64(5), f64(6), f64(7), f64(8)
	return w, nil
}

// Write appends shares. They are in the file after Close.
func (w *EnergyWriter) Write(shares []attribution.Share) error {
	for _, s := range shares {
		w.request.Append(s.Request)
		w.convention.Append(s.Convention)
		w.domain.Append(s.Domain)
		w.energy.Append(s.Energy.Joules())
		w.lo.Append(s.Lo.Joules())
		if s.Hi == attribution.Unbounded {
			w.hi.AppendNull()
		} else {
			w.hi.Append(s.Hi.Joules())
		}
		w.prefill.Append(s.Prefill.Joules())
		w.decode.Append(s.Decode.Joules())
		w.idleJ.Append(s.Idle.Joules())
		w.method.Append(string(s.Method))
		w.flags.Append(joinFlags(s.Flags))
		if w.rows++; w.rows%derivedBatch == 0 {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close completes the file and gives it its final name.
func (w *EnergyWriter) Close() error { return w.close() }

// ScanEnergy yields the rows of energy.arrow as they are read.
func ScanEnergy(path string) iter.Seq2[attribution.Share, error] { return scanEnergy(path, nil) }

func scanEnergy(path string, opened func(*arrowfile.Reader) error) iter.Seq2[attribution.Share, error] {
	return func(yield func(attribution.Share, error) bool) {
		names := interned{}
		for batch, err := range batches(path, "energy", opened) {
			if err != nil {
				yield(attribution.Share{}, err)
				return
			}
			c, err := energyColumnsOf(batch)
			if err != nil {
				yield(attribution.Share{}, fmt.Errorf("read table %s: %w", path, err))
				return
			}
			for i := range int(batch.NumRows()) {
				if !yield(c.share(i, names), nil) {
					return
				}
			}
		}
	}
}

// ReadEnergy reads the whole of energy.arrow with its schema metadata.
func ReadEnergy(path string) ([]attribution.Share, map[string]string, error) {
	var meta map[string]string
	var shares []attribution.Share
	for s, err := range scanEnergy(path, func(r *arrowfile.Reader) error { meta = r.Metadata(); return nil }) {
		if err != nil {
			return nil, nil, err
		}
		shares = append(shares, s)
	}
	return shares, meta, nil
}

type energyColumns struct {
	request                               *array.Int64
	convention, domain, method, flags     *array.String
	energy, lo, hi, prefill, decode, idle *array.Float64
}

func energyColumnsOf(batch arrow.RecordBatch) (energyColumns, error) {
	c := &columns{batch: batch}
	text := func(name string) *array.String { return column[*array.String](c, name, false) }
	f64 := func(name string) *array.Float64 { return column[*array.Float64](c, name, false) }
	e := energyColumns{
		request:    column[*array.Int64](c, "request", false),
		convention: text("convention"), domain: text("domain"), method: text("method"), flags: text("flags"),
		energy: f64("energy_j"), lo: f64("lo_j"), hi: f64("hi_j"),
		prefill: f64("prefill_j"), decode: f64("decode_j"), idle: f64("idle_j"),
	}
	return e, c.err
}

func (c *energyColumns) share(i int, names interned) attribution.Share {
	s := attribution.Share{
		Request: c.request.Value(i), Convention: names.of(c.convention.Value(i)), Domain: names.of(c.domain.Value(i)),
		Energy: energyOf(c.energy.Value(i)), Lo: energyOf(c.lo.Value(i)), Hi: attribution.Unbounded,
		Prefill: energyOf(c.prefill.Value(i)), Decode: energyOf(c.decode.Value(i)), Idle: energyOf(c.idle.Value(i)),
		Method: meter.Kind(names.of(c.method.Value(i))), Flags: splitFlags(names.of(c.flags.Value(i))),
	}
	if c.hi.IsValid(i) {
		s.Hi = energyOf(c.hi.Value(i))
	}
	return s
}

// energyOf undoes Energy.Joules: exact below 2^52 µJ (1.25 MWh).
func energyOf(joules float64) meter.Energy {
	return meter.Energy(math.Round(joules * float64(meter.Joule)))
}

// interned keeps one copy of each of the few names that a column repeats.
type interned map[string]string

func (n interned) of(s string) string {
	if kept, ok := n[s]; ok {
		return kept
	}
	s = strings.Clone(s)
	n[s] = s
	return s
}
