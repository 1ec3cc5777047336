package logs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// requestNames are the names under which tables have the roles of a request,
// without a unit.
var requestNames = map[string][]string{
	"id":               {"request_id", "request_index", "request"},
	"label":            {"label", "format", "config"},
	"repeat":           {"repeat", "block"},
	"conversation":     {"conversation", "session_id", "conversation_id"},
	"start":            {"request_start", "start", "start_time", "sent"},
	"first_token":      {"first_token", "first_token_time"},
	"end":              {"request_end", "end", "end_time", "done"},
	"ttft":             {"ttft", "time_to_first_token"},
	"latency":          {"latency", "e2e_latency", "request_latency", "duration"},
	"prompt_tokens":    {"prompt_tokens", "input_tokens", "input_length", "input_num_tokens"},
	"output_tokens":    {"output_tokens", "completion_tokens", "output_length", "output_num_tokens"},
	"cached_tokens":    {"cached_tokens", "cached_prompt_tokens"},
	"reasoning_tokens": {"reasoning_tokens"},
	"served_by":        {"gpu", "physical_gpu", "device"},
	"finish_reason":    {"finish_reason"},
	"error":            {"error"},
	"cell_begin":       {"session_start"},
	"cell_end":         {"session_end"},
}

// requestTable is a request log in the form of a table.
type requestTable struct {
	q       *Requests
	o       Options
	sink    func(Request) error
	index   map[string]int
	names   []string // of the columns that are read
	times   map[string]*stamps
	spans   map[string]unit
	columns int
	rows    int64
}

// newRequestTable settles which column is what.
func newRequestTable(names []string, q *Requests, o Options, sink func(Request) error) (*requestTable, error) {
	x := &requestTable{q: q, o: o, sink: sink, index: map[string]int{}, times: map[string]*stamps{}, spans: map[string]unit{}, columns: len(names)}
	mapped := false
	for _, role := range requestRoles {
		for _, c := range o.Columns[role] {
			i := slices.Index(names, c.Name)
			if i < 0 {
				return nil, fmt.Errorf("no column %q: the file has %s", clip(c.Name), clip(strings.Join(names, ", ")))
			}
			if err := x.set(role, i, names[i], c.Unit); err != nil {
				return nil, err
			}
			mapped = true
		}
	}
	if !mapped {
		for _, role := range requestRoles {
			for i, name := range names {
				plain := strings.ToLower(name)
				if u := unitInName(role, name); u.known() {
					plain = strings.TrimRight(strings.TrimSuffix(plain, strings.ToLower(u.name)), "_. ")
				}
				if _, has := x.index[role]; !has && slices.Contains(requestNames[role], plain) {
					if err := x.set(role, i, name, ""); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	has := func(role string) bool { _, ok := x.index[role]; return ok }
	if !has("output_tokens") && !(has("start") && has("end")) && !has("latency") {
		return nil, fmt.Errorf("its columns are %s: say which are the times and the counts with --column start=NAME, end=NAME, prompt_tokens=NAME, output_tokens=NAME", clip(strings.Join(names, ", ")))
	}
	return x, nil
}

func (x *requestTable) set(role string, i int, name, unitName string) error {
	x.index[role] = i
	x.names = append(x.names, name)
	u, _ := unitOf(role, unitName)
	if !u.known() {
		u = unitInName(role, name)
	}
	switch role {
	case "start", "first_token", "end", "cell_begin", "cell_end":
		x.times[role] = &stamps{zone: x.o.Clock.zone, unit: u}
	case "ttft", "latency":
		if !u.known() {
			return fmt.Errorf("the unit of column %q is not known: say it with --column %s=%s:s (or ms, us, ns)", clip(name), role, clip(name))
		}
		x.spans[role] = u
	}
	return nil
}

// take reads one row.
func (x *requestTable) take(fields [][]byte) error {
	row := newRequest(x.rows)
	x.rows++
	text := func(role string) []byte {
		if i, ok := x.index[role]; ok && i < len(fields) && !noValue(fields[i]) {
			return fields[i]
		}
		return nil
	}
	for _, moment := range []struct {
		role string
		to   *int64
	}{{"start", &row.Sent}, {"first_token", &row.First}, {"end", &row.Done}, {"cell_begin", &row.CellBegin}, {"cell_end", &row.CellEnd}} {
		role, to := moment.role, moment.to
		b := text(role)
		if b == nil {
			continue
		}
		s := x.times[role]
		at, ok := s.read(b)
		if !ok {
			return fmt.Errorf("%s: %q is not a time", role, clip(string(b)))
		}
		if doubt := s.misnamed(b); doubt != "" {
			return fmt.Errorf("%s: %s; map it with --column %s=NAME:UNIT", role, doubt, role)
		}
		if x.q.Basis == "" {
			x.q.Basis = s.basis
			if err := x.o.Clock.check(s.basis); err != nil {
				return err
			}
		}
		if s.basis != x.q.Basis {
			return fmt.Errorf("%s counts from another zero (%s) than the other times (%s): map columns of one clock", role, s.basis, x.q.Basis)
		}
		*to = x.o.Clock.place(s.basis, at)
	}
	for role, to := range map[string]*int64{"ttft": &row.TTFT, "latency": &row.Latency} {
		if b := text(role); b != nil {
			ns, ok := x.spans[role].parseComma(b)
			if !ok || ns < 0 {
				return fmt.Errorf("%s: %q is not a duration", role, clip(string(b)))
			}
			*to = ns
		}
	}
	for role, to := range map[string]*int32{"prompt_tokens": &row.PromptTokens, "output_tokens": &row.OutputTokens, "cached_tokens": &row.CachedTokens, "reasoning_tokens": &row.ReasoningTokens, "repeat": &row.Repeat} {
		if b := text(role); b != nil {
			n, ok := decimal(b, 0)
			if !ok || n < 0 || n > 1<<30 {
				return fmt.Errorf("%s: %q is not a number of tokens", role, clip(string(b)))
			}
			*to = int32(n)
		}
	}
	row.Label, row.Conversation, row.GPU = string(text("label")), string(text("conversation")), string(text("served_by"))
	row.FinishReason, row.Error = clip(string(text("finish_reason"))), clip(string(text("error")))
	row.complete()
	return x.sink(row)
}

// complete derives what follows from the rest.
func (row *Request) complete() {
	if row.Sent == Absent && row.Done != Absent && row.Latency != Absent {
		row.Sent = row.Done - row.Latency
	}
	if row.Done == Absent {
		row.Done = plus(row.Sent, row.Latency)
	}
	if row.First == Absent {
		row.First = plus(row.Sent, row.TTFT)
	}
	if row.Latency == Absent && row.Sent != Absent && row.Done != Absent {
		row.Latency = row.Done - row.Sent
	}
	if row.TTFT == Absent && row.Sent != Absent && row.First != Absent {
		row.TTFT = row.First - row.Sent
	}
	if row.First != Absent {
		row.Last = row.Done
	}
}

// readRequestTable reads a CSV table with a row a request.
func readRequestTable(f file, q *Requests, o Options, sink func(Request) error) error {
	t := newTable(f)
	if err := t.read(); err != nil {
		if err == io.EOF {
			return errors.New("file is empty")
		}
		return err
	}
	var names []string
	for _, f := range t.fields {
		names = append(names, string(f))
	}
	x, err := newRequestTable(names, q, o, sink)
	if err != nil {
		return &lineError{t.line, err}
	}
	for {
		err := t.read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if len(t.fields) != x.columns {
			if t.cut {
				q.Cut = true
				return nil
			}
			return &lineError{t.line, fmt.Errorf("the row has %d fields and the header %d", len(t.fields), x.columns)}
		}
		if err := x.take(t.fields); err != nil {
			return &lineError{t.line, err}
		}
	}
}

// readJSONRequests reads objects with the members of a request: one a line, in
// an array, or in an array that is a member of one object.
func readJSONRequests(f file, q *Requests, o Options, sink func(Request) error) error {
	var x *requestTable
	var names []string
	var other error // why the first objects are no requests
	var err error
	q.Cut, err = eachObject(f, func(v jsontext.Value) error {
		members, err := members(v, 0)
		if err != nil {
			return err
		}
		if x == nil {
			plain := slices.Sorted(maps.Keys(members))
			table, err := newRequestTable(plain, q, o, sink)
			if err != nil {
				if other == nil {
					other = err
				}
				return nil // another kind of object, perhaps
			}
			x, names = table, plain
		}
		if !x.among(members) {
			return nil
		}
		fields, err := plainFields(members, names)
		if err != nil {
			return err
		}
		if err := x.take(fields); err != nil {
			return fmt.Errorf("object %d: %w", x.rows, err)
		}
		return nil
	})
	if err == nil && x == nil {
		err = other
	}
	return err
}

// among reports whether an object has any member that the table reads: others
// are of another kind, such as a power log in the same file.
func (x *requestTable) among(members map[string]jsontext.Value) bool {
	for _, name := range x.names {
		if _, has := members[name]; has {
			return true
		}
	}
	return false
}

// plainFields returns the values of members as a table would have them.
func plainFields(members map[string]jsontext.Value, names []string) ([][]byte, error) {
	fields := make([][]byte, len(names))
	for i, name := range names {
		v := members[name]
		if v.Kind() == '"' {
			text, err := jsontext.AppendUnquote(nil, v)
			if err != nil {
				return nil, err
			}
			v = text
		}
		fields[i] = v
	}
	return fields, nil
}

// eachObject calls do with each object that is a row: one a line, in an array,
// or in an array that is a member of one object. cut reports lines of which the
// last was incomplete.
func eachObject(r io.Reader, do func(v jsontext.Value) error) (cut bool, err error) {
	b := bufio.NewReaderSize(newPlainJSON(r), readSize)
	peek, _ := b.Peek(readSize)
	line, rest, _ := bytes.Cut(bytes.TrimSpace(peek), []byte{'\n'})
	if len(line) > 0 && line[0] == '{' && len(rest) > 0 && jsontext.Value(line).IsValid(lenient()) {
		err = eachLine(b, func(_ int, raw []byte, last bool) error {
			v := jsontext.Value(raw)
			if !v.IsValid(lenient()) {
				if last {
					cut = true
					return nil
				}
				return errors.New("the line is no JSON")
			}
			if v.Kind() != '{' {
				return nil
			}
			return do(v)
		})
		return cut, err
	}
	w := newWalk(b)
	return false, w.run(func(path []string) step {
		kind := w.d.PeekKind()
		switch {
		case len(path) > 0 && path[len(path)-1] == "*" && kind == '{':
			return take
		case len(path) < 2 && (kind == '{' || kind == '['):
			return into
		}
		return skip
	}, func(_ []string, v jsontext.Value) error { return do(v) })
}
