package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"cfubench/meter/host"
	"cfubench/results/runfolder"
)

// jsonPaths are the paths of the keys that a value of type t has as JSON:
// "cells[].window.start_ns".
func jsonPaths(t reflect.Type, prefix string, add func(path string)) {
	switch t.Kind() {
	case reflect.Pointer:
		jsonPaths(t.Elem(), prefix, add)
	case reflect.Slice, reflect.Map:
		if t == reflect.TypeFor[json.RawMessage]() { // cells[].devices, bare_idle.devices
			t = reflect.TypeFor[[]host.Seen]()
			prefix = strings.TrimSuffix(prefix, "[]")
		} else {
			prefix += "[]"
		}
		jsonPaths(t.Elem(), prefix, add)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case name == "" && f.Anonymous:
				jsonPaths(f.Type, prefix, add)
			case name != "" && name != "-":
				path := strings.TrimPrefix(prefix+"."+name, ".")
				add(path)
				jsonPaths(f.Type, path, add)
			}
		}
	}
}

// TestRunJSONHasTheDocumentedKeys: what the documentation tells to look up in
// run.json is there.
func TestRunJSONHasTheDocumentedKeys(t *testing.T) {
	oneGoroutine(t)
	known := map[string]bool{}
	jsonPaths(reflect.TypeFor[runfolder.Run](), "", func(path string) {
		known[path] = true
		known[path[strings.LastIndex(path, ".")+1:]] = true
	})
	files, err := filepath.Glob(filepath.Join(repoRoot(t), "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	key := "`([a-z_]+(?:\\[\\])?(?:\\.[a-z_]+(?:\\[\\])?)*)`"
	said := []*regexp.Regexp{
		regexp.MustCompile(key + "(?: \\([^)`]*\\))?,? (?:is |are )?in `?run\\.json`?"),
		regexp.MustCompile("run\\.json`? \\(" + key),
		regexp.MustCompile("`?run\\.json`? (?:says|keeps|has|records)[^`|.]{0,40}\\(" + key),
		regexp.MustCompile("is .{0,20}in run\\.json \\(" + key),
	}
	found := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, pattern := range said {
			for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
				found[m[1]] = true
				if !known[m[1]] {
					t.Errorf("%s speaks of %s in run.json, which has no such key", filepath.Base(file), m[1])
				}
			}
		}
	}
	if len(found) < 6 {
		t.Errorf("found %v in the documentation, want more: the patterns do not fit it any longer", found)
	}
}
