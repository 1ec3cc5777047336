package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// detectVLLM knows the result of vLLM's `bench serve --save-result
// --save-detailed`: lists of the same length, one entry a request.
func detectVLLM(head []byte) bool {
	return detectJSON(head) && bytes.Contains(head, []byte(`"ttfts"`)) && bytes.Contains(head, []byte(`"input_lens"`)) ||
		detectJSON(head) && bytes.Contains(head, []byte(`"endpoint_type"`)) && bytes.Contains(head, []byte(`"request_throughput"`))
}

// detectSGLang knows the lines of SGLang's bench_serving --output-details,
// which has vLLM's lists and names its backend.
func detectSGLang(head []byte) bool {
	return detectJSON(head) && (bytes.Contains(head, []byte(`"server_info"`)) || bytes.Contains(head, []byte(`"sharegpt_output_len"`)) || bytes.Contains(head, []byte(`"random_input_len"`))) &&
		!bytes.Contains(head, []byte(`"endpoint_type"`)) && bytes.Contains(head, []byte(`"backend"`))
}

// wantedLists are the lists that are read. Answers and prompts
// ("generated_texts", "prompts") are not among them.
var wantedLists = map[string]bool{
	"input_lens": true, "output_lens": true, "ttfts": true, "itls": true, "latencies": true, "start_times": true,
	"request_timestamps": true, "errors": true, "cached_tokens": true, "cached_prompt_tokens": true, "reasoning_tokens": true, "session_ids": true,
}

// columnarRun is one result of a file: where its lists stand, and its scalars.
type columnarRun struct {
	lists   map[string]int64
	scalars map[string]jsontext.Value
}

// readColumnar reads lists of which each entry is a request's. They stand one
// after the other in the file; a cursor in each list reads them side by side,
// so that no list is held.
func readColumnar(f file, q *Requests, o Options, sink func(Request) error) error {
	runs, err := columnarRuns(f)
	if err != nil {
		return err
	}
	var run columnarRun
	switch q.Runs = len(runs); {
	case len(runs) == 0:
		return errors.New("it holds no result")
	case o.Run > len(runs):
		return fmt.Errorf("--run %d: the file holds %d runs", o.Run, len(runs))
	case o.Run > 0:
		run = runs[o.Run-1]
	case len(runs) > 1:
		return fmt.Errorf("the file holds %d runs, appended one after another: pick one with --run N", len(runs))
	default:
		run = runs[0]
	}
	if run.lists["output_lens"] == 0 || run.lists["input_lens"] == 0 {
		return errors.New("it has no input_lens and output_lens: save the rows too (vLLM: --save-detailed, SGLang: --output-details)")
	}
	return run.read(f, q, o, sink)
}

// columnarRuns finds the lists of each result in the file.
func columnarRuns(f file) ([]columnarRun, error) {
	d := jsontext.NewDecoder(newPlainJSON(io.NewSectionReader(f, 0, 1<<62)), lenient())
	var runs []columnarRun
	for {
		if d.PeekKind() == 0 {
			_, err := d.ReadToken()
			if err == io.EOF {
				return runs, nil
			}
			return nil, jsonError(d, err)
		}
		if d.PeekKind() != '{' {
			return nil, fmt.Errorf("found %q, want an object of lists", d.PeekKind())
		}
		if _, err := d.ReadToken(); err != nil {
			return nil, jsonError(d, err)
		}
		run := columnarRun{map[string]int64{}, map[string]jsontext.Value{}}
		for d.PeekKind() == '"' {
			t, err := d.ReadToken()
			if err != nil {
				return nil, jsonError(d, err)
			}
			name := t.String()
			switch kind := d.PeekKind(); {
			case kind == '[' && wantedLists[name]:
				run.lists[name] = d.InputOffset()
				err = d.SkipValue()
			case kind == '[' || kind == '{' || len(run.scalars) > 200:
				err = d.SkipValue()
			default:
				var v jsontext.Value
				if v, err = d.ReadValue(); err == nil && len(v) < 1<<10 {
					run.scalars[name] = v.Clone()
				}
			}
			if err != nil {
				return nil, jsonError(d, err)
			}
		}
		if _, err := d.ReadToken(); err != nil {
			return nil, jsonError(d, err)
		}
		runs = append(runs, run)
		if len(runs) > 1000 {
			return nil, errors.New("over 1000 runs in one file")
		}
	}
}

// read reads the rows of one result.
func (r columnarRun) read(f file, q *Requests, o Options, sink func(Request) error) error {
	lists := map[string]*cursor{}
	for name := range wantedLists {
		c, err := r.open(f, name)
		if err != nil {
			return err
		}
		lists[name] = c
	}
	starts := lists["request_timestamps"] // a fork's, Unix
	if starts == nil {
		starts = lists["start_times"] // time.perf_counter()
	}
	cached := lists["cached_tokens"]
	if cached == nil {
		cached = lists["cached_prompt_tokens"]
	}
	q.Model = r.scalar("model_id") + r.scalar("model")
	duration, begin, end := r.times(o)
	if starts == nil {
		q.Basis = BasisNone
	}
	if starts == nil && begin == Absent {
		q.warn("the rows have no start times: they cannot be placed in time; joules per request are equal or token shares of a window that --window gives")
	}
	var itls []float64
	var means bool
	for position := int64(0); lists["input_lens"].more(); position++ {
		row := newRequest(position)
		prompt, ok, err := lists["input_lens"].number()
		if err != nil {
			return err
		}
		if ok {
			row.PromptTokens = count(prompt)
		}
		for _, c := range []struct {
			from *cursor
			to   *int32
		}{{lists["output_lens"], &row.OutputTokens}, {cached, &row.CachedTokens}, {lists["reasoning_tokens"], &row.ReasoningTokens}} {
			v, ok, err := c.from.number()
			if err != nil {
				return err
			}
			if ok {
				*c.to = count(v)
			}
		}
		ttft, timed, err := lists["ttfts"].number()
		if err != nil {
			return err
		}
		itls = itls[:0]
		if itls, means, err = lists["itls"].numbers(itls); err != nil {
			return err
		}
		latency, late, err := lists["latencies"].number()
		if err != nil {
			return err
		}
		if row.Error, err = lists["errors"].text(); err != nil {
			return err
		}
		row.Error = clip(row.Error)
		if row.Conversation, err = lists["session_ids"].text(); err != nil {
			return err
		}
		// Of a failed request vLLM keeps a time to the first token of 0.
		if row.Error == "" && timed && ttft == 0 && row.OutputTokens <= 0 {
			row.Error = "failed in the source"
		}
		start, placed, err := starts.number()
		if err != nil {
			return err
		}
		if placed {
			if err := place(&row, start, q, o); err != nil {
				return err
			}
		}
		if late && latency > 0 {
			row.Latency = seconds(latency)
		}
		if row.Error == "" && timed {
			row.TTFT = seconds(ttft)
			row.First = plus(row.Sent, row.TTFT)
			row.events(itls, means)
		}
		if duration > 0 && row.Latency != Absent && row.Latency > 2*duration+int64(time.Second) {
			return fmt.Errorf("request %d would last %.3g s of a run of %.3g s: the file's ttfts, itls or latencies are not in seconds, as vLLM and SGLang write them", position, float64(row.Latency)/1e9, float64(duration)/1e9)
		}
		if starts == nil {
			row.CellBegin, row.CellEnd = begin, end
		}
		row.Done = plus(row.Sent, row.Latency)
		if row.Done == Absent {
			row.Done = row.Last
		}
		if err := sink(row); err != nil {
			return err
		}
	}
	for name, c := range lists {
		if c.more() {
			return fmt.Errorf("%s has more entries than input_lens", name)
		}
	}
	r.checkDate(q, o)
	return nil
}

// place puts a row at its start in seconds.
func place(row *Request, start float64, q *Requests, o Options) error {
	ns := seconds(start)
	if ns == Absent || ns == 0 {
		return nil // a failed row
	}
	if q.Basis == "" {
		q.Basis = basisOf(ns)
		if err := o.Clock.check(q.Basis); err != nil {
			return err
		}
	}
	row.Sent = o.Clock.place(q.Basis, ns)
	return nil
}

// events sets the times of a row's tokens from the times between them. A value
// may stand for a chunk of several tokens.
func (row *Request) events(itls []float64, mean bool) {
	elapsed := row.TTFT
	if mean && len(itls) == 1 {
		n := max(0, row.OutputTokens-1)
		elapsed = plus(elapsed, seconds(float64(n)*itls[0]))
	} else {
		if row.First != Absent {
			row.TokenAt = append(row.TokenAt, row.First)
		}
		for _, itl := range itls {
			elapsed = plus(elapsed, seconds(itl))
			if row.First != Absent && elapsed != Absent {
				row.TokenAt = append(row.TokenAt, row.Sent+elapsed)
			}
		}
		if len(row.TokenAt) == int(row.OutputTokens) {
			row.TokenCount = make([]int32, len(row.TokenAt))
			for i := range row.TokenCount {
				row.TokenCount[i] = 1
			}
		}
	}
	if len(itls) == 0 && row.OutputTokens > 1 {
		// More tokens came than the first, and the log does not say when.
		if elapsed = row.Latency; elapsed == Absent {
			return
		}
	}
	row.Last = plus(row.Sent, elapsed)
	if row.Latency == Absent {
		row.Latency = elapsed
	}
}

// times are the run's duration, 0 where the file has none, and the window of the
// load where a fork of vLLM's client states it in Unix seconds
// (benchmark_start_time_unix and benchmark_end_time_unix, InferenceX).
func (r columnarRun) times(o Options) (duration, begin, end int64) {
	number := func(name string) int64 {
		f := math.NaN()
		if v := r.scalars[name]; v.Kind() == '0' {
			_ = json.Unmarshal(v, &f) // a number was checked to be one
		}
		return seconds(f)
	}
	duration = max(number("duration"), 0)
	begin, end = number("benchmark_start_time_unix"), number("benchmark_end_time_unix")
	if end == Absent && duration > 0 {
		end = plus(begin, duration)
	}
	if begin == Absent || end <= begin || basisOf(begin) != BasisEpoch {
		return duration, Absent, Absent
	}
	return duration, o.Clock.place(BasisEpoch, begin), o.Clock.place(BasisEpoch, end)
}

// scalar returns a member that is a string.
func (r columnarRun) scalar(name string) string {
	var text string
	if v := r.scalars[name]; v.Kind() == '"' {
		_ = json.Unmarshal(v, &text, lenient()) // a string was checked to be one
	}
	return text
}

// checkDate holds the anchor against vLLM's date, which is local time at the
// end of the run: by whatever zone, they must agree up to a quarter of an hour's
// multiples.
func (r columnarRun) checkDate(q *Requests, o Options) {
	date := r.scalar("date")
	if date == "" || q.Span == (Window{}) {
		return
	}
	at, err := time.Parse("20060102-150405", date)
	if err != nil {
		return
	}
	const quarter = int64(15 * time.Minute)
	off := ((at.UnixNano()-q.Span.End)%quarter + quarter) % quarter
	if off > quarter/2 {
		off -= quarter
	}
	if off > int64(time.Minute) || off < -int64(30*time.Second) {
		q.warn("by its date (%s, at the end) the run ended %.0f s from where the clock puts it, whatever the zone: check the anchor", date, float64(off)/1e9)
	}
}
