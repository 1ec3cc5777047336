package sweep

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseParam(t *testing.T) {
	for _, row := range []struct {
		why, text string
		want      []string // nil: refused
	}{
		{"values have commas between, with spaces or without", "dtype=a, b ,c", []string{"a", "b", "c"}},
		{"one in quotes keeps its commas and spaces", `cfg="a, b",c`, []string{"a, b", "c"}},
		{"a quote of its own is doubled", `cfg="a ""b"", c"`, []string{`a "b", c`}},
		{"a JSON object is one value", `cfg={"level":0,"x":[1,2]},{"level":3}`, []string{`{"level":0,"x":[1,2]}`, `{"level":3}`}},
		{"so is an array, and what is in braces without a comma", `cfg=[1,2],{x},`, []string{"[1,2]", "{x}", ""}},
		{"a quote inside a value is part of it", `cfg=a"b,c`, []string{`a"b`, "c"}},
		{"an open quote", `cfg="a,b`, nil},
		{"something behind a quote", `cfg="a"b,c`, nil},
		{"something behind an object", `cfg={"a":1}b,c`, nil},
		{"a comma in braces that are no JSON", `cfg={a:0,b:1}`, nil},
		{"no value", "cfg=", nil},
		{"no name", "=a", nil},
	} {
		got, err := ParseParam(row.text)
		if (err != nil) != (row.want == nil) {
			t.Errorf("%s: got %q, %v, want %q", row.why, got.Values, err, row.want)
		} else if diff := cmp.Diff(row.want, got.Values); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, diff)
		}
	}
}
