package runfolder

import (
	"math"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"cfubench/loadgen"
	"cfubench/meter"
)

// column is one column of a table whose rows are of type R: what it is called,
// its unit, and how a row's field goes into it and comes out of it.
type column[R any] struct {
	name, unit string
	nullable   bool
	// added is a column that older tables of its kind do not have.
	added bool
	kind  arrow.DataType
	// put returns what appends a row's field to b.
	put func(b array.Builder) func(r *R)
	// get returns what sets a row's field from row i of a; nil of a column forOthers.
	get func(a arrow.Array) (func(i int, r *R), error)
}

// later is a column that was added to its table after others had been written.
func later[R any](c column[R]) column[R] {
	c.added = true
	return c
}

// forOthers is a column that whoever else reads the table needs: here the schema's
// metadata says the same, and its values are not taken out of the rows.
func forOthers[R any](c column[R]) column[R] {
	c.get = nil
	return c
}

// text is a column of words, null where it may be and the field is empty. They are
// clean in the table, without the secrets that this process knows, and clean from
// whatever table they come.
func text[R any](name string, nullable bool, at func(*R) *string) column[R] {
	return words(name, nullable, at, func(v string) string { return word(hidden(word(v))) })
}

// code is a text column of names that cfu gives: of cells, domains, conventions, kinds.
// Other columns and tables refer by them to the same, and a secret is in none of them.
func code[R any](name string, at func(*R) *string) column[R] { return words(name, false, at, word) }

// words is a column of words that are written as fit has them.
func words[R any](name string, nullable bool, at func(*R) *string, fit func(string) string) column[R] {
	return column[R]{
		name: name, unit: unitNone, nullable: nullable, kind: arrow.BinaryTypes.String,
		put: func(b array.Builder) func(*R) {
			s, seen := b.(*array.StringBuilder), recent{fit: fit}
			return func(r *R) {
				if v := *at(r); v != "" || !nullable {
					s.Append(seen.word(v))
				} else {
					s.AppendNull()
				}
			}
		},
		get: func(a arrow.Array) (func(int, *R), error) {
			s, seen := a.(*array.String), recent{fit: word}
			return func(i int, r *R) { *at(r) = seen.word(s.Value(i)) }, nil // "" where null
		},
	}
}

// recent are words that a column had, raw and clean. A column often repeats one or
// goes round many, such as the names of domains or the sources of figures; cleaning
// takes longer than knowing again, and a batch is not to be kept for a word.
type recent struct {
	fit    func(string) string // makes a raw word clean
	words  []struct{ raw, clean string }
	places map[string]int // of the raw words
	at     int            // the latest
}

// mostRecent is how many words are remembered, longestRecent how many bytes one may
// have.
const mostRecent, longestRecent = 1024, 1024

// word is v as it may be kept.
func (c *recent) word(v string) string {
	if c.at < len(c.words) && c.words[c.at].raw == v {
		return c.words[c.at].clean
	}
	if next := c.at + 1; next < len(c.words) && c.words[next].raw == v {
		c.at = next
		return c.words[next].clean
	}
	if k, known := c.places[v]; known {
		c.at = k
		return c.words[k].clean
	}
	v = strings.Clone(v)
	if len(v) > longestRecent {
		return c.fit(v)
	}
	switch len(c.words) {
	case 0:
		c.places = map[string]int{}
	case mostRecent:
		c.words = c.words[:0]
		clear(c.places)
	}
	c.at = len(c.words)
	c.places[v] = c.at
	c.words = append(c.words, struct{ raw, clean string }{v, c.fit(v)})
	return c.words[c.at].clean
}

// flags is a column of words with commas between.
func flags[R any](name string, at func(*R) *[]string) column[R] {
	type pair struct{ text string }
	c := code(name, func(p *pair) *string { return &p.text })
	return column[R]{
		name: name, unit: unitNone, kind: c.kind,
		put: func(b array.Builder) func(*R) {
			put, p := c.put(b), pair{}
			return func(r *R) {
				p.text = strings.Join(*at(r), ",")
				put(&p)
			}
		},
		get: func(a arrow.Array) (func(int, *R), error) {
			get, err := c.get(a)
			p, known := pair{}, map[string][]string{"": nil}
			return func(i int, r *R) {
				get(i, &p)
				list, ok := known[p.text]
				if !ok {
					list = slices.Collect(strings.SplitSeq(p.text, ","))
					known[p.text] = list
				}
				*at(r) = list
			}, err
		},
	}
}

// boolean is a column of yes and no.
func boolean[R any](name string, at func(*R) *bool) column[R] {
	return column[R]{
		name: name, unit: unitNone, kind: arrow.FixedWidthTypes.Boolean,
		put: func(b array.Builder) func(*R) {
			f := b.(*array.BooleanBuilder)
			return func(r *R) { f.Append(*at(r)) }
		},
		get: func(a arrow.Array) (func(int, *R), error) {
			f := a.(*array.Boolean)
			return func(i int, r *R) { *at(r) = f.Value(i) }, nil
		},
	}
}

// whole is an int64 column; where missing is not nil, the value that says so is
// null in the table.
func whole[R any, T ~int64 | ~int](name, unit string, missing *T, at func(*R) *T) column[R] {
	return column[R]{
		name: name, unit: unit, nullable: missing != nil, kind: arrow.PrimitiveTypes.Int64,
		put: func(b array.Builder) func(*R) {
			n := b.(*array.Int64Builder)
			return func(r *R) {
				if v := *at(r); missing != nil && v == *missing {
					n.AppendNull()
				} else {
					n.Append(int64(v))
				}
			}
		},
		get: func(a arrow.Array) (func(int, *R), error) {
			n := a.(*array.Int64)
			return func(i int, r *R) {
				if missing != nil && n.IsNull(i) {
					*at(r) = *missing
				} else {
					*at(r) = T(n.Value(i))
				}
			}, nil
		},
	}
}

// moment is a time on the run's clock in ns, null where it did not happen.
func moment[R any](name string, at func(*R) *time.Duration) column[R] {
	never := loadgen.Never
	return whole(name, "ns", &never, at)
}

// count is an int32 column of tokens or the like, null where loadgen.Unknown.
func count[R any](name, unit string, nullable bool, missing int, at func(*R) *int) column[R] {
	return column[R]{
		name: name, unit: unit, nullable: nullable, kind: arrow.PrimitiveTypes.Int32,
		put: func(b array.Builder) func(*R) {
			n := b.(*array.Int32Builder)
			return func(r *R) {
				switch v := *at(r); {
				case nullable && v == missing:
					n.AppendNull()
				default:
					n.Append(int32(min(max(v, math.MinInt32), math.MaxInt32)))
				}
			}
		},
		get: func(a arrow.Array) (func(int, *R), error) {
			n := a.(*array.Int32)
			return func(i int, r *R) {
				if n.IsNull(i) {
					*at(r) = missing
				} else {
					*at(r) = int(n.Value(i))
				}
			}, nil
		},
	}
}

// tokens is a count of tokens, null where nobody told it.
func tokens[R any](name string, at func(*R) *int) column[R] {
	return count(name, "tokens", true, loadgen.Unknown, at)
}

// number is a float64 column; where it may be null, NaN and the infinities are:
// read back, they are what missing says.
func number[R any](name, unit string, nullable bool, missing float64, at func(*R) *float64) column[R] {
	return column[R]{
		name: name, unit: unit, nullable: nullable, kind: arrow.PrimitiveTypes.Float64,
		put: func(b array.Builder) func(*R) {
			n := b.(*array.Float64Builder)
			return func(r *R) {
				if v := *at(r); nullable && (math.IsNaN(v) || math.IsInf(v, 0)) {
					n.AppendNull()
				} else {
					n.Append(v)
				}
			}
		},
		get: func(a arrow.Array) (func(int, *R), error) {
			n := a.(*array.Float64)
			return func(i int, r *R) {
				if n.IsNull(i) {
					*at(r) = missing
				} else {
					*at(r) = n.Value(i)
				}
			}, nil
		},
	}
}

// joules is an energy in joules; where it may be null, meter.Unbounded is. Reading
// undoes writing: exact below 2^52 µJ (1.25 MWh).
func joules[R any](name string, nullable bool, at func(*R) *meter.Energy) column[R] {
	return column[R]{
		name: name, unit: "J", nullable: nullable, kind: arrow.PrimitiveTypes.Float64,
		put: func(b array.Builder) func(*R) {
			n := b.(*array.Float64Builder)
			return func(r *R) {
				if v := *at(r); nullable && v == meter.Unbounded {
					n.AppendNull()
				} else {
					n.Append(v.Joules())
				}
			}
		},
		get: func(a arrow.Array) (func(int, *R), error) {
			n := a.(*array.Float64)
			return func(i int, r *R) {
				if n.IsNull(i) {
					*at(r) = meter.Unbounded
				} else {
					*at(r) = meter.Energy(math.Round(n.Value(i) * float64(meter.Joule)))
				}
			}, nil
		},
	}
}

// moments is a list of times on the run's clock in ns. The list that is read
// lies in the batch's memory.
func moments[R any](name string, at func(*R) *[]time.Duration) column[R] {
	return column[R]{
		name: name, unit: "ns", kind: arrow.ListOf(arrow.PrimitiveTypes.Int64),
		put: func(b array.Builder) func(*R) {
			l := b.(*array.ListBuilder)
			v := l.ValueBuilder().(*array.Int64Builder)
			return func(r *R) {
				l.Append(true)
				v.AppendValues(asInt64(*at(r)), nil)
			}
		},
		get: func(a arrow.Array) (func(int, *R), error) {
			l := a.(*array.List)
			v := l.ListValues().(*array.Int64).Int64Values()
			return func(i int, r *R) {
				from, to := l.ValueOffsets(i)
				*at(r) = asDurations(v[from:to])
			}, nil
		},
	}
}

// counts is a list of int32. The list that is read lies in the batch's memory.
func counts[R any](name, unit string, at func(*R) *[]int32) column[R] {
	return column[R]{
		name: name, unit: unit, kind: arrow.ListOf(arrow.PrimitiveTypes.Int32),
		put: func(b array.Builder) func(*R) {
			l := b.(*array.ListBuilder)
			v := l.ValueBuilder().(*array.Int32Builder)
			return func(r *R) {
				l.Append(true)
				v.AppendValues(*at(r), nil)
			}
		},
		get: func(a arrow.Array) (func(int, *R), error) {
			l := a.(*array.List)
			v := l.ListValues().(*array.Int32).Int32Values()
			return func(i int, r *R) {
				from, to := l.ValueOffsets(i)
				*at(r) = v[from:to:to]
			}, nil
		},
	}
}

// asInt64 and asDurations see one list as the other: a Duration is an int64.
func asInt64(d []time.Duration) []int64 {
	return unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(d))), len(d))
}

func asDurations(n []int64) []time.Duration {
	return unsafe.Slice((*time.Duration)(unsafe.Pointer(unsafe.SliceData(n))), len(n))
}

// in takes columns of an embedded row P into a table of rows R.
func in[R, P any](part func(*R) *P, columns []column[P]) []column[R] {
	out := make([]column[R], len(columns))
	for k, c := range columns {
		out[k] = column[R]{
			name: c.name, unit: c.unit, nullable: c.nullable, kind: c.kind,
			put: func(b array.Builder) func(*R) {
				put := c.put(b)
				return func(r *R) { put(part(r)) }
			},
			get: func(a arrow.Array) (func(int, *R), error) {
				get, err := c.get(a)
				return func(i int, r *R) { get(i, part(r)) }, err
			},
		}
	}
	return out
}
