package logs

import (
	"fmt"
	"strings"
	"testing"
)

// Every format gives the four requests it was made from, and no word of them.
func TestRequestFormats(t *testing.T) {
	boot := fmt.Sprintf("perf_counter:%d", noon.Unix()+1-1000)
	for _, tt := range []struct {
		file, format string
		o            Options
		grade        Grade
		tokens       bool // counts are known
		warning      string
	}{
		{"vllm with start times", "vllm", Options{Clock: clock(t, boot)}, GradeTimes, true, ""},
		{"vllm with Unix timestamps", "vllm", Options{}, GradeTimes, true, ""},
		{"vllm without times", "vllm", Options{}, GradeLengths, true, "no start times"},
		{"sglang", "sglang", Options{}, GradeLengths, true, "no start times"},
		{"aiperf", "aiperf", Options{}, GradeTimes, true, "1 warm-up requests were left out"},
		{"genai-perf", "genai-perf", Options{}, GradeTimes, false, "no counts of tokens"},
		{"guidellm", "guidellm", Options{}, GradeTimes, true, ""},
		{"csv", "csv", Options{}, GradeTimes, true, ""},
		{"json lines", "json", Options{}, GradeTimes, true, ""},
	} {
		q, rows := readRows(t, scratch(t, requestFiles()[tt.file]), "", tt.o)
		if q.Format != tt.format || q.Grade != tt.grade || len(rows) != 4 {
			t.Errorf("%s: got %d rows of format %s, grade %s; want 4, %s, %s", tt.file, len(rows), q.Format, q.Grade, tt.format, tt.grade)
			continue
		}
		for i, r := range rows {
			if text := fmt.Sprintf("%+v", r); strings.Contains(text, "secret") {
				t.Errorf("%s: a prompt or an answer came out: %s", tt.file, text)
			}
			if tt.tokens && (r.PromptTokens != 100 || r.OutputTokens != 5) {
				t.Errorf("%s: row %d: got %d and %d tokens, want 100 and 5", tt.file, i, r.PromptTokens, r.OutputTokens)
			}
			if r.TTFT != 1e8 {
				t.Errorf("%s: row %d: got a TTFT of %d ns, want 100 ms", tt.file, i, r.TTFT)
			}
			if tt.grade != GradeTimes {
				continue
			}
			sent := noon.UnixNano() + 1e9 + int64(i)*5e8
			if r.Sent != sent || r.First != sent+1e8 || r.Last != sent+5e8 || r.Done != sent+5e8 {
				t.Errorf("%s: row %d: got %d, +%d, +%d, +%d ns; want %d, +100, +500, +500 ms", tt.file, i, r.Sent, r.First-r.Sent, r.Last-r.Sent, r.Done-r.Sent, sent)
			}
		}
		if all := strings.Join(q.Warnings, "\n"); !strings.Contains(all, tt.warning) || tt.warning == "" && all != "" {
			t.Errorf("%s: got warnings %q, want %q", tt.file, all, tt.warning)
		}
	}
}

// Chunks of one token each have counts, others have times alone.
func TestTokenTimes(t *testing.T) {
	text := requestFiles()["vllm with Unix timestamps"]
	_, rows := readRows(t, scratch(t, text), "", Options{})
	if len(rows[0].TokenAt) != 5 || len(rows[0].TokenCount) != 5 {
		t.Errorf("got %d times and %d counts, want 5 of both", len(rows[0].TokenAt), len(rows[0].TokenCount))
	}
	lists, rest, _ := strings.Cut(text, `"itls": `)
	_, rows = readRows(t, scratch(t, lists+`"itls": `+strings.ReplaceAll(rest, "[0.1, 0.1, 0.1, 0.1]", "[0.2, 0.2]")), "", Options{})
	if len(rows[0].TokenAt) != 3 || rows[0].TokenCount != nil {
		t.Errorf("chunks of several tokens: got %d times and counts %v, want 3 and none", len(rows[0].TokenAt), rows[0].TokenCount)
	}
}

// Without gaps the last token is the end's, where that is known, and never the
// first one's.
func TestRowsWithoutTokenTimes(t *testing.T) {
	lists, rest, _ := strings.Cut(requestFiles()["vllm with Unix timestamps"], `"itls": `)
	text := lists + `"itls": ` + strings.ReplaceAll(rest, "[0.1, 0.1, 0.1, 0.1]", "[]")
	_, rows := readRows(t, scratch(t, text), "", Options{})
	if r := rows[0]; r.Last != Absent || r.Done != Absent {
		t.Errorf("no latency: got a last token at %d and an end at %d, want neither", r.Last, r.Done)
	}
	_, rows = readRows(t, scratch(t, strings.Replace(text, `"ttfts"`, `"latencies": [0.5, 0.5, 0.5, 0.5], "ttfts"`, 1)), "", Options{})
	if r := rows[0]; r.Last != r.Sent+5e8 || r.Done != r.Last {
		t.Errorf("with a latency: got a last token after %d ns, want 500 ms", r.Last-r.Sent)
	}
}

// Sources that state whole runs.
func TestStatedRuns(t *testing.T) {
	utc := Options{Clock: clock(t, "local:UTC")}
	window := Window{noon.UnixNano() + 1e9, noon.UnixNano() + 3e9}
	q, _ := readRows(t, scratch(t, requestFiles()["mlperf"]), "", utc)
	if s := q.Stated[0]; q.Grade != GradeWindow || s.Window != window || s.Requests != 4 || s.OutputTokens != 20 {
		t.Errorf("mlperf: got %+v of grade %s, want 4 queries with 20 tokens in the window", s, q.Grade)
	}
	q, _ = readRows(t, scratch(t, requestFiles()["codecarbon"]), "", utc)
	s := q.Stated[0]
	if s.Window != window || len(s.Energy) != 3 {
		t.Fatalf("codecarbon: got %+v, want three parts in the window", s)
	}
	for i, want := range []struct {
		joules float64
		kind   string
	}{{600, "counter"}, {75.96, "model"}, {20.16, "model"}} {
		near(t, "codecarbon "+s.Energy[i].Name, s.Energy[i].Energy.Joules(), want.joules, 0.01)
		if string(s.Energy[i].Kind) != want.kind {
			t.Errorf("codecarbon %s: got kind %s, want %s", s.Energy[i].Name, s.Energy[i].Kind, want.kind)
		}
	}
	q, _ = readRows(t, scratch(t, requestFiles()["mlenergy"]), "", Options{})
	if s := q.Stated[0]; q.Grade != GradeTotals || s.JoulesPerRequest != 50 || s.Label != "m 1xH100 b8" {
		t.Errorf("mlenergy: got %+v of grade %s", s, q.Grade)
	}
}

func TestRequestRefusals(t *testing.T) {
	for _, tt := range []struct {
		file, text, format string
		o                  Options
		want               string
	}{
		{"vllm with start times", "", "", Options{}, "--clock perf_counter:UNIX[@COUNT]"},
		{"vllm without rows", "", "", Options{}, "--save-detailed"},
		{"vllm with lists of two lengths", "", "", Options{}, "ttfts has fewer entries than input_lens"},
		{"sglang of two runs", "", "", Options{}, "the file holds 2 runs, appended one after another: pick one with --run N"},
		{"sglang of two runs", "", "", Options{Run: 3}, "--run 3: the file holds 2 runs"},
		{"csv of two clocks", "", "", Options{}, "counts from another zero (counter) than the other times (epoch)"},
		{"mlperf", "", "", Options{}, "--clock local:ZONE"},
		{"mlperf without power", "", "", Options{Clock: clock(t, "local:UTC")}, "no power_begin and power_end"},
		{"codecarbon", "", "", Options{}, "--clock local:ZONE"},
		{"an end before its start", "request_start_ns,request_end_ns\n1772366400000000000,1772366399000000000\n", "", Options{}, "ends before it was sent"},
		{"other columns", "a,b\n1,2\n", "", Options{}, "its columns are a, b: say which are the times and the counts with --column"},
		{"a latency without a unit", "latency,output_tokens\n1,2\n", "", Options{}, "--column latency=latency:s"},
		{"JSON cut short", requestFiles()["guidellm"][:300], "", Options{}, "the file ends inside its JSON"},
	} {
		text := tt.text
		if text == "" {
			text = requestFiles()[tt.file]
		}
		_, err := ReadRequests(scratch(t, text), tt.format, tt.o, func(Request) error { return nil })
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want a refusal in one line with %q", tt.file, err, tt.want)
		}
	}
}

// An anchor that the file's own date contradicts is doubted.
func TestDateAgainstAnchor(t *testing.T) {
	for _, tt := range []struct {
		off  int64
		want string
	}{{0, ""}, {7200, ""}, {100, "by its date"}, {-100, "by its date"}} {
		o := Options{Clock: clock(t, fmt.Sprintf("perf_counter:%d", noon.Unix()+1-1000+tt.off))}
		q, _ := readRows(t, scratch(t, requestFiles()["vllm with start times"]), "", o)
		if all := strings.Join(q.Warnings, "\n"); !strings.Contains(all, tt.want) || tt.want == "" && all != "" {
			t.Errorf("%d s off: got warnings %q, want %q", tt.off, all, tt.want)
		}
	}
}

// FuzzRequests feeds files to every reader: no panic, errors of one line, no
// row that ends before it was sent.
func FuzzRequests(f *testing.F) {
	for _, text := range requestFiles() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		utc, _ := ParseClock("local:UTC,perf_counter:0")
		path := scratch(t, text)
		for _, format := range append(RequestFormats(), "") {
			_, err := ReadRequests(path, format, Options{Clock: utc}, func(r Request) error {
				if r.Sent != Absent && r.Done != Absent && r.Done < r.Sent {
					t.Fatalf("request %d ends before it was sent", r.Request)
				}
				return nil
			})
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Fatalf("%s: got %q, want one line", format, err)
			}
		}
	})
}
