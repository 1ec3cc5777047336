package outcomes

import (
	"math"
	"strings"
	"testing"
)

// gsm8k is what lm-evaluation-harness writes of a task with two filters.
const gsm8k = `{"doc_id": 0, "filter": "strict-match", "exact_match": 0.0}
{"doc_id": 1, "filter": "strict-match", "exact_match": 1.0}
{"doc_id": 0, "filter": "flexible-extract", "exact_match": 1.0}
{"doc_id": 1, "filter": "flexible-extract", "exact_match": 1.0}
`

func TestOfFilter(t *testing.T) {
	for _, test := range []struct {
		why, text, filter string
		want              float64 // the sum of the outcomes
		problem           string
	}{
		{"one filter of two", gsm8k, "strict-match", 1, ""},
		{"the other", gsm8k, "flexible-extract", 2, ""},
		{"one that is not there", gsm8k, "loose", 0, `read outcomes: f has no outcome of filter "loose": give one of flexible-extract, strict-match`},
		{"one of a file without any", "request,success\n0,1\n", "loose", 0, `read outcomes: f has no outcome of filter "loose", and none of any other: give f alone`},
	} {
		list, err := Read("f", strings.NewReader(test.text))
		if err != nil {
			t.Fatal(err)
		}
		list, err = OfFilter("f", list, test.filter)
		if err == nil {
			_, err = NewIndex("f", list)
		}
		sum, problem := 0.0, ""
		for _, o := range list {
			sum += o.Value
		}
		if err != nil {
			problem = err.Error()
		}
		if sum != test.want || problem != test.problem {
			t.Errorf("%s: got %g and %q, want %g and %q", test.why, sum, problem, test.want, test.problem)
		}
	}
}

func TestRead(t *testing.T) {
	tests := []struct {
		what, text string
		want       Tally // of requests 0 to 3 of conversations a, a, b, c
		problem    string
	}{
		{"successes by request", "request,success\n0,true\n1,false\n2,1\n", Tally{3, 2, true, 3}, ""},
		{"scores by conversation, which count once", "conversation,score\na,0.5\nb,0.25\n", Tally{2, 0.75, false, 3}, ""},
		{"counts of another cell are not this one's", "cell,request,count\nother,0,7\nhere,1,2\n", Tally{1, 2, false, 1}, ""},
		{"samples of lm-evaluation-harness", `{"doc_id": 0, "acc": 1.0, "doc": {"q": "x"}}` + "\n" + `{"doc_id": 3, "acc": 0.0}` + "\n", Tally{2, 1, true, 2}, ""},
		{"the millionth request, of another cell", `{"request": 1000000, "success": true}` + "\n" + `{"request": 2, "success": true}` + "\n", Tally{1, 1, true, 1}, ""},
		{"nothing", "", Tally{}, "f is empty"},
		{"a header alone", "request,success\n", Tally{}, "f has no outcome"},
		{"no value", "request,note\n0,x\n", Tally{}, "f:2: has none of success"},
		{"no request", "success\ntrue\n", Tally{}, `f:1: the header has no column request or conversation: it has ["success"]`},
		{"a request without its number", "request,success\n,true\n", Tally{}, "f:2: has neither a conversation nor the number of a request"},
		{"a spreadsheet's file", "\ufeffrequest,success\r\n0,TRUE\r\n1,No\r\n", Tally{2, 1, true, 2}, ""},
		{"semicolons", "request;success\n0;1\n", Tally{}, `it has ["request;success"], and columns are separated by commas`},
		{"an array", `[{"request": 0, "success": true}]`, Tally{}, "f:1: is a JSON array: write one object a line"},
		{"a negative score", "request,score\n0,-1\n", Tally{}, "f:2: score is \"-1\": give true, false or a number of 0 or more"},
		{"broken JSON", "{\"request\": 0, \"acc\": 1}\n{\n", Tally{}, "f:2: not a JSON object"},
		{"one request twice", "request,success\n0,1\n0,0\n", Tally{}, "read outcomes: f:3: request 0 has an outcome in line 2, too: keep one"},
		{"one conversation twice", "conversation,success\na,1\nb,0\na,1\n", Tally{}, "f:4: conversation a has an outcome in line 2, too: keep one"},
		{"samples of two filters", gsm8k, Tally{}, "f:3: request 0 has an outcome in line 1, too: these samples have the filters flexible-extract, strict-match: choose one, such as f#flexible-extract"},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			list, err := Read("f", strings.NewReader(test.text))
			var index Index
			if err == nil {
				index, err = NewIndex("f", list)
			}
			if test.problem != "" {
				if err == nil || !strings.Contains(err.Error(), test.problem) {
					t.Errorf("got %v, want %s", err, test.problem)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			c := index.Cell("here")
			for i, conversation := range []string{"a", "a", "b", "c"} {
				c.Add(int64(i), conversation)
			}
			if got := c.Tally(); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// Wilson's interval of 8 successes in 10: 0.490 to 0.943 (Newcombe 1998's
// method 3, recomputed by hand).
func TestIntervalOfSuccesses(t *testing.T) {
	lo, hi := Tally{Joined: 10, Value: 8, Binary: true}.Interval()
	if math.Abs(lo-4.90) > 0.01 || math.Abs(hi-9.43) > 0.01 {
		t.Errorf("got %.3f to %.3f successes, want 4.90 to 9.43", lo, hi)
	}
}
