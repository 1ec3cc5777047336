package tenants

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestTenantOfSpan: where the tenant of a span is looked for, and what comes first.
func TestTenantOfSpan(t *testing.T) {
	const tokens = `{"key":"gen_ai.usage.output_tokens","value":{"intValue":"9"}}`
	const times = `"startTimeUnixNano":"1790000000000000000","endTimeUnixNano":"1790000001000000000"`
	for _, tt := range []struct{ name, resource, span, want string }{
		{"its own attribute before all others", `{"key":"tenant","value":{"stringValue":"r"}}`, `"traceState":"tenant=s","attributes":[{"key":"tenant","value":{"stringValue":"a"}},` + tokens + `]`, "a"},
		{"the trace state, among other vendors' keys", `{"key":"tenant","value":{"stringValue":"r"}}`, `"traceState":"rojo=00f067aa0ba902b7, tenant=s","attributes":[` + tokens + `]`, "s"},
		{"the resource", `{"key":"tenant","value":{"stringValue":"r"}}`, `"attributes":[` + tokens + `]`, "r"},
		{"a number", `{}`, `"attributes":[{"key":"tenant","value":{"intValue":"42"}},` + tokens + `]`, "42"},
		{"a list is no name", `{}`, `"attributes":[{"key":"tenant","value":{"arrayValue":{"values":[{"stringValue":"a"}]}}},` + tokens + `]`, ""},
		{"none", `{}`, `"attributes":[` + tokens + `]`, ""},
	} {
		text := fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[%s]},"scopeSpans":[{"spans":[{%s,%s}]}]}]}`, tt.resource, times, tt.span)
		s, err := Parse([]byte(text), "tenant")
		if err != nil || len(s.Requests) != 1 || s.Requests[0].Tenant != tt.want || s.Requests[0].OutputTokens != 9 {
			t.Errorf("%s: got %+v, %v, want %q", tt.name, s, err, tt.want)
		}
	}
}

func TestTraces(t *testing.T) {
	record := func(trace, span, tenant string) Record { return Record{Trace: trace, Span: span, Tenant: tenant} }
	names := func(list []Record) (out []string) {
		for _, r := range list {
			out = append(out, r.Trace+" "+r.Span+" "+r.Tenant)
		}
		return out
	}
	traces := Traces{Patience: time.Minute}
	for _, step := range []struct {
		why      string
		at       time.Duration
		add      Spans
		want     []string
		repeated int
	}{
		{"a span that names its tenant waits for nothing", 0, Spans{Requests: []Record{record("t1", "s1", "a")}}, []string{"t1 s1 a"}, 0},
		{"nor does a line of a log", 0, Spans{Requests: []Record{record("", "", "")}}, []string{"  "}, 0},
		{"one that names none waits", 0, Spans{Requests: []Record{record("t2", "s2", ""), record("t3", "s3", "")}}, nil, 0},
		{"until its gateway's comes", 10 * time.Second, Spans{Callers: []Caller{{"t2", "b"}}}, []string{"t2 s2 b"}, 0},
		{"or a minute is over", time.Minute, Spans{}, []string{"t3 s3 "}, 0},
		{"a gateway's may come first", time.Minute, Spans{Callers: []Caller{{"t4", "c"}}}, nil, 0},
		{"and serves several requests", time.Minute, Spans{Requests: []Record{record("t4", "s4", ""), record("t4", "s5", "")}}, []string{"t4 s4 c", "t4 s5 c"}, 0},
		{"what is sent again counts once", time.Minute, Spans{Requests: []Record{record("t1", "s1", "a"), record("t4", "s4", ""), record("t1", "s6", "a")}}, []string{"t1 s6 a"}, 2},
	} {
		got, repeated := traces.Add(step.add, step.at)
		if diff := cmp.Diff(step.want, names(got)); diff != "" || repeated != step.repeated {
			t.Errorf("%s: %d repeated (-want +got):\n%s", step.why, repeated, diff)
		}
	}
	settled := 0
	for batch := range 48 {
		var s Spans
		for i := range mostTraces / 16 {
			id := fmt.Sprint(batch, ".", i)
			s.Requests, s.Callers = append(s.Requests, record("more"+id, id, "")), append(s.Callers, Caller{"other" + id, "d"})
		}
		got, _ := traces.Add(s, time.Minute)
		settled += len(got)
	}
	if n := len(traces.waiting); n > mostTraces || n+settled != 3*mostTraces || len(traces.seen.of) != mostTraces || len(traces.callers.of) != mostTraces || len(traces.callers.order) != mostTraces {
		t.Errorf("%d wait, %d are settled, %d spans and %d traces are remembered", n, settled, len(traces.seen.of), len(traces.callers.of))
	}
}

// TestSpansOfVLLM reads an export as vLLM 0.32.0 sent it, by OpenTelemetry's SDK 1.45.2
// for Python: four requests, of which one came with the header "tracestate:
// tenant=gold,x=1".
func TestSpansOfVLLM(t *testing.T) {
	body, err := os.ReadFile(filepath.Join("testdata", "vllm-0.32.0.otlp"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseProtobuf(body, "tenant")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range s.Requests {
		got = append(got, fmt.Sprintf("%q %d+%d tokens in %v s", r.Tenant, r.PromptTokens, r.OutputTokens, r.End.Sub(r.Start).Round(10*time.Millisecond).Seconds()))
		if len(r.Trace) != 32 || len(r.Span) != 16 || r.End.UTC().Format(time.DateOnly) != "2026-11-29" {
			t.Errorf("got %+v", r)
		}
	}
	want := []string{`"" 25+30 tokens in 1.1 s`, `"" 25+10 tokens in 0.75 s`, `"gold" 25+20 tokens in 0.95 s`, `"" 25+30 tokens in 1.25 s`}
	if diff := cmp.Diff(want, got); diff != "" || len(s.Callers)+s.Others+s.Rejected > 0 {
		t.Errorf("%+v (-want +got):\n%s", s, diff)
	}
}
