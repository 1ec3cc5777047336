// Package outcomes reads what requests were worth: success, score or count, as
// an evaluation found them after the run. Joined to the requests of a cell they
// are functional units that users need: correct answers, solved tasks.
package outcomes

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"

	"cfubench/internal/stats"
)

// Outcome is what one request or conversation was worth.
type Outcome struct {
	// Conversation names it; Request is used where Conversation is "". Cell is
	// the cell it was in, "" for any.
	Cell, Conversation string
	Request            int64
	// Value is 1 for a success and 0 for a failure, or a score or a count.
	Value float64
	// Filter is how lm-evaluation-harness took the answer out of the text: samples of
	// a task with several filters have each request once a filter.
	Filter string
	// Line is where it stands.
	Line int
}

// Read reads CSV with a header, or JSON objects a line: a column or member
// request or conversation (lm-evaluation-harness: doc_id), optionally cell, and
// one of success, score, count, acc, exact_match or pass. It refuses a line that
// has none, naming it.
func Read(name string, r io.Reader) ([]Outcome, error) {
	in := bufio.NewReader(r)
	if mark, err := in.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = in.Discard(len(mark)) // spreadsheets write it
	}
	first, err := in.Peek(1)
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read outcomes: %s is empty", name)
	}
	if err != nil {
		return nil, fmt.Errorf("read outcomes: %w", err)
	}
	next := csvRows(in)
	switch first[0] {
	case '{':
		next = jsonRows(in)
	case '[':
		return nil, fmt.Errorf("read outcomes: %s:1: is a JSON array: write one object a line", name)
	}
	var list []Outcome
	for {
		row, line, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		var o Outcome
		if err == nil {
			o, err = outcome(row)
		}
		if err != nil {
			return nil, fmt.Errorf("read outcomes: %s:%d: %w", name, line, err)
		}
		o.Line, o.Filter = line, row["filter"]
		list = append(list, o)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("read outcomes: %s has no outcome", name)
	}
	return list, nil
}

// rows gives one row after another by column, with its line, io.EOF at the end.
type rows func() (map[string]string, int, error)

func csvRows(in io.Reader) rows {
	r := csv.NewReader(in)
	var header []string
	return func() (map[string]string, int, error) {
		if header == nil {
			var err error
			if header, err = r.Read(); err != nil {
				return nil, 1, err
			}
			for i := range header {
				header[i] = strings.TrimSpace(header[i])
			}
			if !slices.ContainsFunc(header, func(h string) bool { return h == "request" || h == "doc_id" || h == "conversation" }) {
				return nil, 1, fmt.Errorf("the header has no column request or conversation: it has %q, and columns are separated by commas", header)
			}
		}
		fields, err := r.Read()
		if err != nil {
			line := 0
			if parse := (*csv.ParseError)(nil); errors.As(err, &parse) {
				line = parse.Line
			}
			return nil, line, err
		}
		line, _ := r.FieldPos(0)
		row := map[string]string{}
		for i, h := range header {
			row[h] = strings.TrimSpace(fields[i])
		}
		return row, line, nil
	}
}

func jsonRows(in io.Reader) rows {
	scan := bufio.NewScanner(in)
	scan.Buffer(nil, 64<<20) // samples of an evaluation hold whole prompts
	line := 0
	return func() (map[string]string, int, error) {
		for scan.Scan() {
			line++
			if strings.TrimSpace(scan.Text()) == "" {
				continue
			}
			var values map[string]any
			if err := json.Unmarshal(scan.Bytes(), &values); err != nil {
				return nil, line, errors.New("not a JSON object")
			}
			row := map[string]string{}
			for k, v := range values {
				switch v := v.(type) {
				case string:
					row[k] = v
				case bool:
					row[k] = strconv.FormatBool(v)
				case float64:
					row[k] = strconv.FormatFloat(v, 'f', -1, 64) // the number of a request is no 1e+06
				}
			}
			return row, line, nil
		}
		if err := scan.Err(); err != nil {
			return nil, line + 1, err
		}
		return nil, line, io.EOF
	}
}

// outcome reads one row.
func outcome(row map[string]string) (Outcome, error) {
	o := Outcome{Cell: row["cell"], Conversation: row["conversation"], Request: -1}
	if o.Conversation == "" {
		id := row["request"]
		if id == "" {
			id = row["doc_id"]
		}
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil || n < 0 {
			return o, fmt.Errorf("has neither a conversation nor the number of a request: %q", id)
		}
		o.Request = n
	}
	for _, column := range []string{"success", "score", "count", "exact_match", "acc", "pass"} {
		text, ok := row[column]
		if !ok || text == "" {
			continue
		}
		switch strings.ToLower(text) {
		case "true", "yes":
			o.Value = 1
			return o, nil
		case "false", "no":
			return o, nil
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || !(v >= 0) || math.IsInf(v, 0) {
			return o, fmt.Errorf("%s is %q: give true, false or a number of 0 or more", column, text)
		}
		o.Value = v
		return o, nil
	}
	return o, errors.New("has none of success, score, count, exact_match, acc and pass")
}

// Tally is what a cell's requests were worth together.
type Tally struct {
	// Joined is how many outcomes found their request or conversation, Value their
	// sum, Binary whether each was a success or a failure.
	Joined int64
	Value  float64
	Binary bool
	// Judged is how many requests have an outcome, or are of a conversation that
	// has one.
	Judged int64
}

// Index joins outcomes to requests.
type Index struct {
	byRequest      map[key]float64
	byConversation map[key]float64
	joined         *sync.Map // the keys of those that found their request
}

type key struct {
	cell, conversation string
	request            int64
}

// NewIndex refuses two outcomes of one request or conversation; name is the file's.
func NewIndex(name string, list []Outcome) (Index, error) {
	x := Index{map[key]float64{}, map[key]float64{}, new(sync.Map)}
	first := map[key]Outcome{}
	for _, o := range list {
		k, into := key{o.Cell, o.Conversation, o.Request}, x.byRequest
		if o.Conversation != "" {
			k.request, into = 0, x.byConversation
		}
		if before, twice := first[k]; twice {
			return x, fmt.Errorf("read outcomes: %s:%d: %s has an outcome in line %d, too: %s", name, o.Line, k, before.Line, choose(name, before, o, list))
		}
		first[k], into[k] = o, o.Value
	}
	return x, nil
}

func (k key) String() string {
	if k.conversation != "" {
		return "conversation " + k.conversation
	}
	return fmt.Sprintf("request %d", k.request)
}

// has looks for an outcome, and notes that it was asked for.
func (x Index) has(in map[key]float64, k key) bool {
	_, ok := in[k]
	if ok {
		x.joined.Store(k, nil)
	}
	return ok
}

// Unjoined says of which requests and conversations none has been counted, "" if each
// was.
func (x Index) Unjoined() string {
	var first key
	n := 0
	for _, in := range []map[key]float64{x.byRequest, x.byConversation} {
		for k := range in {
			if _, ok := x.joined.Load(k); ok {
				continue
			}
			if n++; n == 1 || k.before(first) {
				first = k
			}
		}
	}
	if n == 0 {
		return ""
	}
	where := first.String()
	if first.cell != "" {
		where += " of cell " + first.cell
	}
	return fmt.Sprintf("%d of the %d outcomes are of no completed request of the run, such as that of %s", n, len(x.byRequest)+len(x.byConversation), where)
}

func (k key) before(o key) bool {
	return cmp.Or(cmp.Compare(k.cell, o.cell), cmp.Compare(k.conversation, o.conversation), cmp.Compare(k.request, o.request)) < 0
}

// Counter tallies the outcomes of one cell. A conversation counts once, with
// all its retries.
type Counter struct {
	index Index
	cell  string
	seen  map[string]bool
	tally Tally
}

// Cell begins to count a cell.
func (x Index) Cell(id string) *Counter {
	return &Counter{index: x, cell: id, seen: map[string]bool{}, tally: Tally{Binary: true}}
}

// Add counts a completed request.
func (c *Counter) Add(request int64, conversation string) {
	for _, cell := range []string{c.cell, ""} {
		if k := (key{cell, "", request}); c.index.has(c.index.byRequest, k) {
			v := c.index.byRequest[k]
			c.tally.Judged++
			c.count(v)
			return
		}
		if k := (key{cell, conversation, 0}); conversation != "" && c.index.has(c.index.byConversation, k) {
			v := c.index.byConversation[k]
			c.tally.Judged++
			if !c.seen[conversation] {
				c.seen[conversation] = true
				c.count(v)
			}
			return
		}
	}
}

func (c *Counter) count(v float64) {
	c.tally.Joined++
	c.tally.Value += v
	c.tally.Binary = c.tally.Binary && (v == 0 || v == 1)
}

// Tally is what was counted.
func (c *Counter) Tally() Tally { return c.tally }

// Interval is the 95 % interval of the sum: of successes, by Wilson's score
// interval of the accuracy; of scores and counts none is known, and both ends
// are the sum.
func (t Tally) Interval() (lo, hi float64) {
	if !t.Binary || t.Joined == 0 {
		return t.Value, t.Value
	}
	n := float64(t.Joined)
	lo, hi = stats.Wilson(t.Value, n)
	return n * lo, n * hi
}
