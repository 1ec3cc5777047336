package typeschema

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

type colour string

type text int

func (text) MarshalText() ([]byte, error) { return []byte("text"), nil }

type own float64

func (own) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

type part struct {
	Name string `json:"name"`
}

type whole struct {
	part
	N     int                `json:"n"`
	Ratio float64            `json:"ratio"`
	Text  text               `json:"text"`
	Time  time.Duration      `json:"time_ns"`
	Paint colour             `json:"paint"`
	Own   own                `json:"own"`
	Any   any                `json:"any"`
	List  []part             `json:"list"`
	Map   map[string]float64 `json:"map"`
	Next  *whole             `json:"next"`
	Maybe *part              `json:"maybe,omitempty"`
	Kept  string             `json:"-"`
}

func compile(t *testing.T, schema []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(schema)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("test.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("test.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestWhatJSONWrites: what encoding/json makes of a value satisfies the schema of its
// type, and what it could not have made does not.
func TestWhatJSONWrites(t *testing.T) {
	made, err := Schema{Instead: map[reflect.Type]any{reflect.TypeFor[own](): map[string]any{"type": []any{"number", "null"}}}}.Of(reflect.TypeFor[whole]())
	if err != nil {
		t.Fatal(err)
	}
	s := compile(t, made)
	full, err := json.Marshal(whole{part: part{"a"}, N: 1, Own: own(math.NaN()), List: []part{{}}, Next: &whole{}, Maybe: &part{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		about, from, to string
		valid           bool
	}{
		{"as written", "", "", true},
		{"a later version has more", `"n":1`, `"n":1,"later":2`, true},
		{"a key is missing", `"n":1,`, ``, false},
		{"a key of the embedded struct is missing", `"name":"a",`, ``, false},
		{"a text for a number", `"n":1`, `"n":"1"`, false},
		{"a fraction for a count", `"n":1`, `"n":1.5`, false},
		{"null for a number", `"n":1`, `"n":null`, false},
		{"null for a list that Go left nil", `"list":[{"name":""}]`, `"list":null`, true},
		{"a list's member lacks a key", `"list":[{"name":""}]`, `"list":[{}]`, false},
		{"null for a struct that must be there", `"maybe":{"name":""}`, `"maybe":null`, false},
		{"the type within itself", `"next":{"name":""`, `"next":{"name":1`, false},
	} {
		text := string(full)
		if c.from != "" && !strings.Contains(text, c.from) {
			t.Fatalf("%s: %s has no %s", c.about, text, c.from)
		}
		text = strings.Replace(text, c.from, c.to, 1)
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(value); (err == nil) != c.valid {
			t.Errorf("%s: got %v for %s, want valid %v", c.about, err, text, c.valid)
		}
	}
}

// TestRefused: a type whose JSON nobody described is an error, not a guess.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		about string
		of    reflect.Type
		want  string
	}{
		{"a type that writes itself", reflect.TypeFor[struct {
			A own `json:"a"`
		}](), "a: typeschema.own writes its own JSON"},
		{"what JSON cannot write", reflect.TypeFor[struct {
			A chan int `json:"a"`
		}](), "a: chan int has no JSON"},
	} {
		if _, err := (Schema{}).Of(c.of); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.about, err, c.want)
		}
	}
}

// TestDescriptions: comments become descriptions, with the names that the JSON has.
func TestDescriptions(t *testing.T) {
	s := source{module: "cfubench", root: "../..", files: map[string]folder{}}
	got := s.fields(reflect.TypeFor[Schema]())
	if want := "Module is the import path of the module whose comments are taken, Root the folder of its source."; got["Module"] != want || got["Root"] != want {
		t.Errorf("got %q and %q, want for both %q", got["Module"], got["Root"], want)
	}
	if got, want := inJSON(reflect.TypeFor[whole](), "Ratio of N and Time, Ratios not; nil of none."), "`ratio` of N and `time_ns`, Ratios not; null of none."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
