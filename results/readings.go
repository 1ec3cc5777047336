package results

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"cfubench/meter"
	"cfubench/results/arrowfile"
)

func readingFields() []arrow.Field {
	ns := arrow.PrimitiveTypes.Int64
	return []arrow.Field{
		field("domain", arrow.BinaryTypes.String, unitNone, false),
		field("device", arrow.BinaryTypes.String, unitNone, false),
		field("kind", arrow.BinaryTypes.String, unitNone, false),
		field("before_ns", ns, "ns", false),
		field("after_ns", ns, "ns", false),
		field("energy_uj", ns, "uJ", true),
		field("power_uw", ns, "uW", true),
		field("status", arrow.BinaryTypes.String, unitNone, false),
	}
}

// ReadingsWriter writes readings.arrow.
type ReadingsWriter struct {
	tableWriter
	domains               []meter.Domain
	domain, device, kind  *array.StringBuilder
	before, after, uj, uw *array.Int64Builder
	status                *array.StringBuilder
}

// NewReadingsWriter starts readings.arrow at path. The domains, to which the
// readings' Domain is the index, go into the schema metadata beside the run
// constants meta.
func NewReadingsWriter(path string, domains []meter.Domain, meta map[string]string) (*ReadingsWriter, error) {
	text, err := json.Marshal(domains)
	if err != nil {
		return nil, fmt.Errorf("write the domains of %s: %w", path, err)
	}
	all := map[string]string{metaDomains: string(text)}
	for k, v := range meta {
		all[k] = v
	}
	t, err := newTableWriter(path, "readings", readingFields(), all)
	if err != nil {
		return nil, err
	}
	w := &ReadingsWriter{tableWriter: t, domains: domains}
	i64 := func(i int) *array.Int64Builder { return t.builder.Field(i).(*array.Int64Builder) }
	str := func(i int) *array.StringBuilder { return t.builder.Field(i).(*array.StringBuilder) }
	w.domain, w.device, w.kind, w.status = str(0), str(1), str(2), str(7)
	w.before, w.after, w.uj, w.uw = i64(3), i64(4), i64(5), i64(6)
	return w, nil
}

// Write appends the readings as one batch, which is in the file when Write
// returns. A value that a reading does not have is null.
func (w *ReadingsWriter) Write(readings []meter.Reading) error {
	for _, r := range readings {
		if r.Domain < 0 || r.Domain >= len(w.domains) {
			return fmt.Errorf("write table %s: a reading is of domain %d of %d", ReadingsFile, r.Domain, len(w.domains))
		}
		d := &w.domains[r.Domain]
		w.domain.Append(d.Name)
		w.device.Append(d.Device)
		w.kind.Append(string(d.Kind))
		w.before.Append(int64(r.Before))
		w.after.Append(int64(r.After))
		appendIf(w.uj, int64(r.Energy), r.HasEnergy)
		appendIf(w.uw, int64(r.Power), r.HasPower)
		w.status.Append(string(r.Status))
	}
	return w.flush()
}

// Close completes the file and gives it its final name.
func (w *ReadingsWriter) Close() error { return w.close() }

func appendIf(b *array.Int64Builder, v int64, ok bool) {
	if !ok {
		b.AppendNull()
		return
	}
	b.Append(v)
}

// Readings is the content of readings.arrow.
type Readings struct {
	Meta     map[string]string
	Domains  []meter.Domain
	ByDomain [][]meter.Reading // in the order of Domains
}

// ReadReadings reads the whole of readings.arrow.
func ReadReadings(path string) (Readings, error) {
	var out Readings
	index := map[string]int{}
	opened := func(r *arrowfile.Reader) error {
		out.Meta = r.Metadata()
		if err := json.Unmarshal([]byte(out.Meta[metaDomains]), &out.Domains); err != nil {
			return fmt.Errorf("schema metadata %q: %w", metaDomains, err)
		}
		for i, d := range out.Domains {
			index[d.Name] = i
		}
		out.ByDomain = make([][]meter.Reading, len(out.Domains))
		return nil
	}
	for batch, err := range batches(path, "readings", opened) {
		if err != nil {
			return Readings{}, err
		}
		if err := out.add(batch, index); err != nil {
			return Readings{}, fmt.Errorf("read table %s: %w", path, err)
		}
	}
	return out, nil
}

func (out *Readings) add(batch arrow.RecordBatch, index map[string]int) error {
	c := &columns{batch: batch}
	domain, status := column[*array.String](c, "domain", false), column[*array.String](c, "status", false)
	before, after := column[*array.Int64](c, "before_ns", false), column[*array.Int64](c, "after_ns", false)
	uj, uw := column[*array.Int64](c, "energy_uj", false), column[*array.Int64](c, "power_uw", false)
	if c.err != nil {
		return c.err
	}
	for i := range int(batch.NumRows()) {
		d, ok := index[domain.Value(i)]
		if !ok {
			return fmt.Errorf("domain %q is not among those of the schema metadata", domain.Value(i))
		}
		r := meter.Reading{
			Domain: d, Before: time.Duration(before.Value(i)), After: time.Duration(after.Value(i)),
			HasEnergy: uj.IsValid(i), HasPower: uw.IsValid(i), Status: knownStatus(status.Value(i)),
		}
		if r.HasEnergy {
			r.Energy = meter.Energy(uj.Value(i))
		}
		if r.HasPower {
			r.Power = meter.Power(uw.Value(i))
		}
		out.ByDomain[d] = append(out.ByDomain[d], r)
	}
	return nil
}

// knownStatus returns a constant for a known status, so that a million readings
// do not keep a million strings.
func knownStatus(s string) meter.Status {
	for _, known := range []meter.Status{meter.StatusOK, meter.StatusWrap, meter.StatusReset, meter.StatusGlitch,
		meter.StatusStalled, meter.StatusLost, meter.StatusTransient, meter.StatusGap, meter.StatusClockStep} {
		if s == string(known) {
			return known
		}
	}
	return meter.Status(s)
}
