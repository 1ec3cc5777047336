package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"slices"

	"cfubench/results/runfolder"
	"cfubench/results/summary"
)

// rounding is by how much a figure may differ, relative to itself: processors
// round differently (arm64 fuses multiplication and addition, amd64 does not), so
// that a run of one is checked on the other.
const rounding = 1e-9

// most is how many differences of one file are said.
const most = 10

// summary makes summary.json again, from the tables, and holds the one that is
// there against it.
func (c *checker) summary() {
	file := runfolder.SummaryFile
	text, err := runfolder.ReadFile(filepath.Join(c.dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		c.note("there is no %s: cfu report makes it", file)
		return
	}
	var there, again map[string]any
	if err == nil {
		err = json.Unmarshal(text, &there)
	}
	if err != nil {
		c.find(file, "%v", err)
		return
	}
	o, err := summary.MadeWith(c.dir)
	if err != nil {
		c.find(file, "%v", err)
		return
	}
	made, err := summary.SummarizeWith(c.ctx, c.dir, c.run, o)
	if err == nil {
		text, err = json.Marshal(made)
	}
	if err == nil {
		err = json.Unmarshal(text, &again)
	}
	if err != nil {
		c.find(file, "made again: %v", err)
		return
	}
	differences := differing("", there, again, strange("", there, again, nil))
	for i, d := range differences {
		if i == most {
			c.find(file, "and %d more figures differ", len(differences)-most)
			break
		}
		c.find(file, "%s", d)
	}
}

// keys holds the keys of run.json against those that this version writes: of a key
// that is none, the value is in no figure.
func (c *checker) keys() {
	var there, again any
	text, err := runfolder.ReadFile(filepath.Join(c.dir, runfolder.RunFile))
	if err == nil {
		err = json.Unmarshal(text, &there)
	}
	if err == nil {
		text, err = json.Marshal(c.run)
	}
	if err == nil {
		err = json.Unmarshal(text, &again)
	}
	if err != nil {
		c.find(runfolder.RunFile, "%v", err)
		return
	}
	for _, s := range strange("", there, again, nil) {
		c.find(runfolder.RunFile, "%s", s)
	}
}

// strange lists the keys of a JSON value that are not in it when it is made again.
func strange(at string, there, again any, out []string) []string {
	switch b := there.(type) {
	case map[string]any:
		a, ok := again.(map[string]any)
		for _, k := range slices.Sorted(maps.Keys(b)) {
			switch _, known := a[k]; {
			case known:
				out = strange(at+"."+k, b[k], a[k], out)
			case ok:
				out = append(out, at+"."+k+" is no key that this version writes")
			}
		}
	case []any:
		if a, ok := again.([]any); ok && len(a) == len(b) {
			for i := range b {
				out = strange(fmt.Sprintf("%s[%d]", at, i), b[i], a[i], out)
			}
		}
	}
	return out
}

// differing lists where two JSON values differ.
func differing(at string, there, again any, out []string) []string {
	switch a := again.(type) {
	case map[string]any:
		b, ok := there.(map[string]any)
		if !ok {
			break
		}
		for _, k := range slices.Sorted(maps.Keys(a)) {
			out = differing(at+"."+k, b[k], a[k], out)
		}
		return out
	case []any:
		b, ok := there.([]any)
		if !ok || len(a) != len(b) {
			break
		}
		for i := range a {
			out = differing(fmt.Sprintf("%s[%d]", at, i), b[i], a[i], out)
		}
		return out
	case float64:
		if b, ok := there.(float64); ok && math.Abs(a-b) <= rounding*max(math.Abs(a), math.Abs(b)) {
			return out
		}
	default:
		if a == there {
			return out
		}
		return append(out, fmt.Sprintf("%s is %v, and from the tables %v", at, there, again))
	}
	return append(out, at+" is not as it is made from the tables")
}
