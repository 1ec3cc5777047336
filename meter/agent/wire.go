package agent

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"cfubench/internal/arrowcheck"
	"cfubench/internal/outside"
	"cfubench/meter"
)

// wireSchema is the readings' Arrow schema. Times are on the agent's clock,
// domain is an index into hello's domains. A batch without rows says that the
// agent is there and has nothing to say.
func wireSchema() *arrow.Schema {
	unit := func(u string) arrow.Metadata { return arrow.NewMetadata([]string{"unit"}, []string{u}) }
	return arrow.NewSchema([]arrow.Field{
		{Name: "sequence", Type: arrow.PrimitiveTypes.Int64, Metadata: unit("1")},
		{Name: "domain", Type: arrow.PrimitiveTypes.Int32, Metadata: unit("1")},
		{Name: "before_ns", Type: arrow.PrimitiveTypes.Int64, Metadata: unit("ns")},
		{Name: "after_ns", Type: arrow.PrimitiveTypes.Int64, Metadata: unit("ns")},
		{Name: "energy_uj", Type: arrow.PrimitiveTypes.Int64, Nullable: true, Metadata: unit("uJ")},
		{Name: "power_uw", Type: arrow.PrimitiveTypes.Int64, Nullable: true, Metadata: unit("uW")},
		{Name: "status", Type: arrow.BinaryTypes.String, Metadata: unit("1")},
	}, nil)
}

// encoder writes readings as an Arrow IPC stream.
type encoder struct {
	rows *array.RecordBuilder
	out  *ipc.Writer
}

func newEncoder(w io.Writer) *encoder {
	schema := wireSchema()
	return &encoder{
		rows: array.NewRecordBuilder(memory.DefaultAllocator, schema),
		out:  ipc.NewWriter(w, ipc.WithSchema(schema)),
	}
}

// encode writes one batch of readings numbered from first.
func (e *encoder) encode(first int64, readings []meter.Reading) error {
	for i, r := range readings {
		e.rows.Field(0).(*array.Int64Builder).Append(first + int64(i))
		e.rows.Field(1).(*array.Int32Builder).Append(int32(r.Domain))
		e.rows.Field(2).(*array.Int64Builder).Append(int64(r.Before))
		e.rows.Field(3).(*array.Int64Builder).Append(int64(r.After))
		appendIf(e.rows.Field(4).(*array.Int64Builder), r.HasEnergy, int64(r.Energy))
		appendIf(e.rows.Field(5).(*array.Int64Builder), r.HasPower, int64(r.Power))
		e.rows.Field(6).(*array.StringBuilder).Append(string(r.Status))
	}
	batch := e.rows.NewRecordBatch()
	defer batch.Release()
	return e.out.Write(batch)
}

func appendIf(b *array.Int64Builder, valid bool, v int64) {
	if valid {
		b.Append(v)
		return
	}
	b.AppendNull()
}

func (e *encoder) close() error {
	e.rows.Release()
	return e.out.Close()
}

// wireBody bounds a batch: it has 76 bytes a reading, 4096 readings at most.
const wireBody = 4 << 20

// numbered is a reading and its sequence number.
type numbered struct {
	sequence int64
	meter.Reading
}

// decode reads an Arrow IPC stream of readings and passes each batch on, the
// empty ones too, until the stream ends or emit fails. The slice is emit's only
// until it returns. domains bounds the domain numbers. Nothing that the stream
// claims is believed: lengths are bounded, columns checked before they are read.
func decode(r io.Reader, domains int, emit func([]numbered) error) error {
	stream, err := ipc.NewReaderFromMessageReader(arrowcheck.NewStream(r, wireBody))
	if err != nil {
		return fmt.Errorf("read stream of readings: %w", err)
	}
	defer stream.Release()
	if !stream.Schema().Equal(wireSchema()) {
		return errors.New("read stream of readings: the agent's table is another version's: use the same cfu on both hosts")
	}
	var batch []numbered
	for stream.Next() {
		batch, err = rows(stream.RecordBatch(), domains, batch[:0])
		if err != nil {
			return err
		}
		if err := emit(batch); err != nil {
			return err
		}
	}
	if err := stream.Err(); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read stream of readings: %w", err)
	}
	return io.ErrUnexpectedEOF // an agent ends its stream only when it ends
}

// rows appends a batch's readings to dst.
func rows(b arrow.RecordBatch, domains int, dst []numbered) ([]numbered, error) {
	if err := arrowcheck.Columns(b); err != nil {
		return dst, fmt.Errorf("read stream of readings: %w", err)
	}
	sequence, domain := b.Column(0).(*array.Int64), b.Column(1).(*array.Int32)
	before, after := b.Column(2).(*array.Int64), b.Column(3).(*array.Int64)
	energy, power := b.Column(4).(*array.Int64), b.Column(5).(*array.Int64)
	status := b.Column(6).(*array.String)
	for i := range int(b.NumRows()) {
		n := numbered{sequence: sequence.Value(i), Reading: meter.Reading{
			Domain: int(domain.Value(i)), Before: time.Duration(before.Value(i)), After: time.Duration(after.Value(i)),
			HasEnergy: energy.IsValid(i), HasPower: power.IsValid(i), Status: meter.Status(outside.Line(status.Value(i), 40)),
		}}
		if n.Domain < 0 || n.Domain >= domains || n.Before > n.After {
			return dst, fmt.Errorf("read stream of readings: reading %d of domain %d of %d makes no sense", n.sequence, n.Domain, domains)
		}
		if n.HasEnergy {
			n.Energy = meter.Energy(energy.Value(i))
		}
		if n.HasPower {
			n.Power = meter.Power(power.Value(i))
		}
		dst = append(dst, n)
	}
	return dst, nil
}
