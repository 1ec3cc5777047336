package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"cfubench/meter"
)

// Absent stands for a time that a row does not have, Unknown for a count.
const (
	Absent  int64 = math.MinInt64
	Unknown int32 = -1
)

// Request is one row of a request log. Times are Unix ns.
type Request struct {
	Request      int64 // position in the log
	Label        string
	Repeat       int32 // block or repetition, from 1; 0 where the log has none
	Conversation string
	GPU          string // the device that served it, where the log says
	// Sent, First, Last and Done are Absent where the log does not have them, and
	// all four where it cannot be placed in time.
	Sent, First, Last, Done int64
	// TTFT and Latency are known without a place in time too; Absent otherwise.
	TTFT, Latency int64
	// TokenAt are the times of the events that carried tokens, from the first, and
	// TokenCount their tokens; both nil where the log has no times, TokenCount
	// where it has them and not how many tokens each carried.
	TokenAt    []int64
	TokenCount []int32

	PromptTokens, OutputTokens, CachedTokens, ReasoningTokens int32
	FinishReason, Error                                       string
	// CellBegin and CellEnd are the window that the log states for the row's
	// cell; Absent where it states none.
	CellBegin, CellEnd int64
}

// newRequest has nothing known.
func newRequest(position int64) Request {
	return Request{
		Request: position, Sent: Absent, First: Absent, Last: Absent, Done: Absent, TTFT: Absent, Latency: Absent,
		PromptTokens: Unknown, OutputTokens: Unknown, CachedTokens: Unknown, ReasoningTokens: Unknown, CellBegin: Absent, CellEnd: Absent,
	}
}

// Stated is what a source states of a whole run instead of rows.
type Stated struct {
	Label  string
	Window Window // zero where the source does not place it in time
	// Seconds is the run's length, 0 if unknown.
	Seconds float64
	// Requests, PromptTokens and OutputTokens are 0 where they are not stated.
	Requests, PromptTokens, OutputTokens float64
	Energy                               []StatedEnergy
	// JoulesPerRequest and JoulesPerOutputToken are the source's own.
	JoulesPerRequest, JoulesPerOutputToken float64
	Power                                  meter.Power // mean
	GPU                                    string      // product
	GPUs                                   int
}

// StatedEnergy is the energy of a part of the machine over a stated run.
type StatedEnergy struct {
	Name   string
	Scope  meter.Scope
	Kind   meter.Kind // KindModel where the tool computed it
	Energy meter.Energy
}

// Grade is how much a request log gives.
type Grade string

// Grades, from the most to the least.
const (
	// GradeTimes: start and end of each request on a clock that can be placed:
	// joules per request by every convention whose times it has.
	GradeTimes Grade = "times"
	// GradeLengths: counts for each request, and no place in time: joules per
	// request by equal or token shares of a window that the user gives.
	GradeLengths Grade = "lengths"
	// GradeWindow: a window and counts for all: averages.
	GradeWindow Grade = "window"
	// GradeTotals: energy and counts as stated: C_FU alone.
	GradeTotals Grade = "totals"
)

// Requests describes a request log.
type Requests struct {
	Format string
	Grade  Grade
	Basis  Basis
	Rows   int64
	Failed int64
	Runs   int // in the file
	// Span is from the first send to the last end, or the stated window; zero if
	// it cannot be placed.
	Span     Window
	Stated   []Stated
	Model    string
	Warnings []string
	Cut      bool

	warned map[string]bool
}

func (q *Requests) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if q.warned == nil {
		q.warned = map[string]bool{}
	}
	if !q.warned[text] {
		q.warned[text] = true
		q.Warnings = append(q.Warnings, text)
	}
}

// file is what request logs are read from: some are read in several places at
// once.
type file interface {
	io.Reader
	io.ReaderAt
}

type requestFormat struct {
	name   string
	detect func(head []byte) bool
	read   func(f file, q *Requests, o Options, sink func(Request) error) error
}

// requestFormats lists the formats in the order in which they are tried.
func requestFormats() []requestFormat {
	return []requestFormat{
		{"mlperf", detectLoadGen, readLoadGen},
		{"mlenergy", detectMLEnergy, readMLEnergy},
		{"aiperf", detectAIPerf, readAIPerf},
		{"genai-perf", detectGenAIPerf, readGenAIPerf},
		{"guidellm", detectGuideLLM, readGuideLLM},
		{"sglang", detectSGLang, readColumnar},
		{"vllm", detectVLLM, readColumnar},
		{"codecarbon", detectCodeCarbon, readCodeCarbon},
		{"json", detectJSON, readJSONRequests},
		{"csv", func(head []byte) bool { _, named := firstRecord(head); return named && otherFile(head) == "" }, readRequestTable},
	}
}

// RequestFormats lists the names of the formats of request logs.
func RequestFormats() (names []string) {
	for _, f := range requestFormats() {
		names = append(names, f.name)
	}
	return names
}

// ReadRequests reads the request log at path, in the format if one is named,
// and hands its rows to sink in the order of the file.
func ReadRequests(path, format string, o Options, sink func(Request) error) (*Requests, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("request log: %w", err)
	}
	defer f.Close()
	head := make([]byte, headSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("request log %s: %w", path, err)
	}
	head = head[:n]
	if _, ok := utf16Order(head); ok {
		return nil, fmt.Errorf("request log %s: %w", path, errUTF16)
	}
	q := &Requests{}
	chosen, err := chooseRequests(format, head)
	if err != nil {
		return nil, fmt.Errorf("request log %s: %w", path, err)
	}
	q.Format = chosen.name
	span := &spanned{q: q, sink: sink}
	if err := chosen.read(f, q, o, span.take); err != nil {
		if l := (*lineError)(nil); errors.As(err, &l) {
			return q, fmt.Errorf("request log %s:%d: %w", path, l.line, l.err)
		}
		return q, fmt.Errorf("request log %s: %w", path, err)
	}
	if q.Rows == 0 && len(q.Stated) == 0 {
		return q, fmt.Errorf("request log %s: it has no requests%s", path, otherFile(head))
	}
	if q.Cut {
		q.warn("the last line is cut: requests may be missing")
	}
	if q.Grade == "" {
		if q.Grade = GradeLengths; span.placed > 0 && span.placed == q.Rows-q.Failed {
			q.Grade = GradeTimes
		} else if span.placed > 0 {
			q.Grade = GradeTimes
			q.warn("%d of %d rows have no times", q.Rows-q.Failed-span.placed, q.Rows)
		}
	}
	return q, nil
}

func chooseRequests(format string, head []byte) (requestFormat, error) {
	formats := requestFormats()
	if format != "" {
		i := slices.IndexFunc(formats, func(f requestFormat) bool { return f.name == format })
		if i < 0 {
			return requestFormat{}, fmt.Errorf("unknown format %q: want one of %s", format, strings.Join(RequestFormats(), ", "))
		}
		return formats[i], nil
	}
	if len(head) == 0 {
		return requestFormat{}, errors.New("file is empty")
	}
	for _, f := range formats {
		if f.detect(head) {
			return f, nil
		}
	}
	return requestFormat{}, errors.New("unknown format" + otherFile(head) + ": want one of " + strings.Join(RequestFormats(), ", "))
}

// otherFile names the file beside a summary that has the requests.
func otherFile(head []byte) string {
	switch {
	case bytes.Contains(head, []byte(`"aiperf_version"`)):
		return ": it is AIPerf's summary; give its profile_export.jsonl"
	case bytes.Contains(head, []byte(`"request_throughput"`)) && bytes.Contains(head, []byte(`"input_config"`)), bytes.HasPrefix(bytes.TrimPrefix(head, []byte("\ufeff")), []byte("Metric,avg,")):
		return ": it is genai-perf's or AIPerf's summary; give the profile_export.json (or .jsonl) beside it"
	case bytes.HasPrefix(head, []byte("metadata:")), bytes.HasPrefix(head, []byte("Run Info,")):
		return ": it is GuideLLM's YAML or CSV; give its JSON"
	case detectJSON(head):
		return " of a format that its begin tells: name it with FILE:FORMAT, one of " + strings.Join(RequestFormats(), ", ")
	}
	return ""
}

// spanned counts rows and finds their span.
type spanned struct {
	q      *Requests
	sink   func(Request) error
	placed int64
}

func (s *spanned) take(r Request) error {
	s.q.Rows++
	if r.Error != "" {
		s.q.Failed++
	}
	end := max(r.Done, r.Last)
	if r.Sent != Absent && end != Absent {
		if end < r.Sent || r.First != Absent && r.First < r.Sent {
			return fmt.Errorf("request %d ends before it was sent: its times are of two clocks", r.Request)
		}
		if r.Done != Absent && r.First != Absent && r.First-r.Done > int64(time.Millisecond) {
			return fmt.Errorf("request %d has its first token %.3f s after its end: the times to it and the end are in two units or of two clocks; say them with --column ttft=NAME:ms, latency=NAME:s", r.Request, float64(r.First-r.Done)/1e9)
		}
		if r.Error == "" {
			s.placed++
		}
		if s.q.Span == (Window{}) {
			s.q.Span = Window{r.Sent, end}
		}
		s.q.Span.Begin, s.q.Span.End = min(s.q.Span.Begin, r.Sent), max(s.q.Span.End, end)
	}
	return s.sink(r)
}

// seconds turns seconds as a float into ns; Absent if they are no time.
func seconds(f float64) int64 {
	if math.IsNaN(f) || math.Abs(f) > 9e9 {
		return Absent
	}
	return int64(math.Round(f * 1e9))
}

// plus adds two times of which one may be absent.
func plus(a, b int64) int64 {
	if a == Absent || b == Absent {
		return Absent
	}
	return a + b
}

// count turns a number of tokens into a count, Unknown if it is none.
func count(f float64) int32 {
	if f < 0 || f > 1<<30 || f != math.Trunc(f) {
		return Unknown
	}
	return int32(f)
}
