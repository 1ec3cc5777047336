package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cfubench/attribution"
	"cfubench/internal/golden"
	"cfubench/internal/typeschema"
	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/results/runfolder"
	"cfubench/results/simulated"
	"cfubench/results/summary"
)

// schemas are the files of a run folder with a schema in docs, and their types.
func schemas() map[string]reflect.Type {
	return map[string]reflect.Type{
		runfolder.RunFile:     reflect.TypeFor[runfolder.Run](),
		runfolder.SummaryFile: reflect.TypeFor[summary.Summary](),
	}
}

// makeSchema is the schema of a file of a run folder.
func makeSchema(t *testing.T, file string) []byte {
	t.Helper()
	text, err := typeschema.Schema{
		Title: "cfu " + file, Module: "cfubench", Root: repoRoot(t),
		Instead: map[reflect.Type]any{
			reflect.TypeFor[summary.Figure]():          map[string]any{"type": []string{"number", "null"}},
			reflect.TypeFor[meter.Bound]():             map[string]any{"type": []string{"integer", "null"}},
			reflect.TypeFor[attribution.Uncertainty](): reflect.TypeFor[attribution.UncertaintyJSON](),
			reflect.TypeFor[json.RawMessage]():         reflect.TypeFor[host.Seen](),
		},
	}.Of(schemas()[file])
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// schemaPath is where the schema of run.json or summary.json is published.
func schemaPath(t *testing.T, file string) string {
	name := file[:len(file)-len(filepath.Ext(file))]
	return filepath.Join(repoRoot(t), "docs", name+".schema.json")
}

// TestSchemasAreGenerated: the published schemas are those of the types.
func TestSchemasAreGenerated(t *testing.T) {
	oneGoroutine(t)
	for file := range schemas() {
		golden.Check(t, schemaPath(t, file), makeSchema(t, file))
	}
}

// strict is the published schema of a file, compiled, with every key refused that
// it does not list: what this version writes, it describes.
func strict(t *testing.T, file string) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(schemaPath(t, file))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	closeObjects(doc)
	c := jsonschema.NewCompiler()
	if err := c.AddResource(file, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// closeObjects makes every object of a schema refuse keys that it does not list.
func closeObjects(node any) {
	switch n := node.(type) {
	case map[string]any:
		if _, isObject := n["properties"].(map[string]any); isObject && n["type"] == "object" {
			n["additionalProperties"] = false
		}
		for _, child := range n {
			closeObjects(child)
		}
	case []any:
		for _, child := range n {
			closeObjects(child)
		}
	}
}

// satisfiesSchemas holds run.json of a run folder against its schema, and
// summary.json where there is one.
func satisfiesSchemas(t *testing.T, out string) {
	t.Helper()
	for file := range schemas() {
		text, err := os.ReadFile(filepath.Join(out, file))
		if os.IsNotExist(err) && file != runfolder.RunFile {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := strict(t, file).Validate(value); err != nil {
			t.Errorf("%s does not satisfy its schema: %v", filepath.Join(out, file), err)
		}
	}
}

// TestSimulatedRunSatisfiesSchemas: a run folder through the production writers, one
// of every kind of meter. End-to-end runs are held to the schemas by closed.
func TestSimulatedRunSatisfiesSchemas(t *testing.T) {
	oneGoroutine(t)
	for _, kind := range []meter.Kind{meter.KindCounter, meter.KindPower, meter.KindModel} {
		out := simulate(t, "out", func(s *simulated.Spec) { s.Kind = kind })
		if code, _, stderr := cfuCommand(t, "report", out); code != 0 {
			t.Fatalf("%s: cfu report: exit %d: %s", kind, code, stderr)
		}
		if !fileExists(filepath.Join(out, runfolder.SummaryFile)) {
			t.Fatalf("%s: no summary.json", kind)
		}
		satisfiesSchemas(t, out)
	}
}
