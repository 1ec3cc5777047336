package arrowfile_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"cfubench/results/arrowfile"
)

// request is a row as wide as those of requests.arrow, with times as noisy.
type request struct {
	id     int64
	times  [5]int64
	counts [7]int32
	at     []int64
	tokens []int32
	texts  [4]string
	reused bool
}

func requestShape() arrowfile.Shape[request] {
	i64, i32, text := arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Int32, arrow.BinaryTypes.String
	f := []arrow.Field{{Name: "request", Type: i64}}
	for _, n := range []string{"due_ns", "sent_ns", "first_token_ns", "last_token_ns", "done_ns"} {
		f = append(f, arrow.Field{Name: n, Type: i64, Nullable: true})
	}
	for _, n := range []string{"turn", "prompt_tokens", "output_tokens", "reasoning_tokens", "cached_tokens", "target_output_tokens", "status"} {
		f = append(f, arrow.Field{Name: n, Type: i32, Nullable: true})
	}
	f = append(f, arrow.Field{Name: "token_ns", Type: arrow.ListOf(i64)}, arrow.Field{Name: "token_count", Type: arrow.ListOf(i32)})
	for _, n := range []string{"conversation", "finish_reason", "error", "flags"} {
		f = append(f, arrow.Field{Name: n, Type: text, Nullable: true})
	}
	f = append(f, arrow.Field{Name: "connection_reused", Type: arrow.FixedWidthTypes.Boolean})
	return arrowfile.Shape[request]{
		Schema: arrow.NewSchema(f, nil),
		Bytes:  func(r request) int { return 8*len(r.at) + 4*len(r.tokens) },
		Encode: func(b *array.RecordBuilder, r request) {
			b.Field(0).(*array.Int64Builder).Append(r.id)
			for i, v := range r.times {
				b.Field(1 + i).(*array.Int64Builder).Append(v)
			}
			for i, v := range r.counts {
				b.Field(6 + i).(*array.Int32Builder).Append(v)
			}
			at, n := b.Field(13).(*array.ListBuilder), b.Field(14).(*array.ListBuilder)
			at.Append(true)
			at.ValueBuilder().(*array.Int64Builder).AppendValues(r.at, nil)
			n.Append(true)
			n.ValueBuilder().(*array.Int32Builder).AppendValues(r.tokens, nil)
			for i, v := range r.texts {
				s := b.Field(15 + i).(*array.StringBuilder)
				if v == "" {
					s.AppendNull()
				} else {
					s.Append(v)
				}
			}
			b.Field(19).(*array.BooleanBuilder).Append(r.reused)
		},
	}
}

// requests makes n rows of answers of some tokens, at 30,000 a second.
func requests(n, tokens int) []request {
	random := rand.New(rand.NewPCG(1, 1))
	rows := make([]request, n)
	for i := range rows {
		due := int64(i) * 33_333
		sent := due + random.Int64N(200_000)
		first := sent + 1_000_000 + random.Int64N(3_000_000)
		r := request{id: int64(i), counts: [7]int32{0, 7 + random.Int32N(2000), int32(tokens), 0, 0, int32(tokens), 200}, reused: true}
		at := first
		for range tokens {
			r.at, r.tokens = append(r.at, at), append(r.tokens, 1)
			at += 18_000_000 + random.Int64N(4_000_000)
		}
		r.times = [5]int64{due, sent, first, r.at[tokens-1], r.at[tokens-1] + random.Int64N(100_000)}
		r.texts = [4]string{"", "length", "", ""}
		rows[i] = r
	}
	return rows
}

// BenchmarkRows writes tables of requests from the first Append to the final
// name, and reads them back.
func BenchmarkRows(b *testing.B) {
	for _, c := range []struct {
		name         string
		rows, tokens int
	}{{"answers of 1 token", 200_000, 1}, {"answers of 200 tokens", 20_000, 200}} {
		rows := requests(c.rows, c.tokens)
		path := filepath.Join(b.TempDir(), "t.arrow")
		b.Run("write "+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w, err := arrowfile.CreateRows(path, requestShape())
				if err != nil {
					b.Fatal(err)
				}
				for _, r := range rows {
					if err := w.Append(r); err != nil {
						b.Fatal(err)
					}
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
			info, err := os.Stat(path)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(c.rows*b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(info.Size())/float64(c.rows), "B/row")
		})
		b.Run("read "+c.name, func(b *testing.B) {
			for b.Loop() {
				r, err := arrowfile.Open(path)
				if err != nil {
					b.Fatal(err)
				}
				if n, err := r.Rows(); n != int64(c.rows) || err != nil {
					b.Fatal(n, err)
				}
				r.Close()
			}
			b.ReportMetric(float64(c.rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkAppend is what a row costs the goroutine that hands it over.
func BenchmarkAppend(b *testing.B) {
	w, err := arrowfile.CreateRows(filepath.Join(b.TempDir(), "t.arrow"), requestShape())
	if err != nil {
		b.Fatal(err)
	}
	r := requests(1, 1)[0]
	for b.Loop() {
		if err := w.Append(r); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
}
