package shapley

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"

	"cfubench/attribution"
)

// schema is the version of the Shapley model file.
const schema = 1

// File is a Shapley model file: the model that attribution reads, its error on
// held-out groups, and what both were made from.
type File struct {
	Schema int `json:"schema"`
	// Engine, Version and Model are what was measured, Batch the most requests
	// that it worked on at once; a Shapley model holds for those.
	Engine  string `json:"engine"`
	Version string `json:"engine_version,omitempty"`
	Model   string `json:"model"`
	Batch   int    `json:"batch"`
	Seed    uint64 `json:"seed"`
	// SharedPrefix is how many words all prompts of a group begin with.
	SharedPrefix int `json:"shared_prefix_words,omitempty"`
	// Meter says in words what was read. Unit is that of the costs: UnitJoules, or
	// UnitCPUTime where there was no counter (or no word, in older files);
	// Domains are the counters whose sum they are.
	Meter   string   `json:"meter"`
	Unit    string   `json:"unit,omitempty"`
	Domains []string `json:"domains,omitempty"`
	// Features and Coefficients are the model: so much of the unit per feature.
	Features     []string  `json:"features"`
	Coefficients []float64 `json:"coefficients"`
	Errors       []Error   `json:"errors"`
	// Noise is the relative standard error of a subset's worth, 0 if unknown.
	Noise  float64 `json:"noise,omitempty"`
	Groups []Group `json:"groups"`
}

// Units of a Shapley model's costs.
const (
	UnitJoules  = "J"
	UnitCPUTime = attribution.UnitCPUTime
)

// Refit fits the model to all groups and evaluates it with each held out.
func (f *File) Refit() error {
	f.Schema, f.Features = schema, attribution.Features
	if len(f.Groups) == 0 {
		return errors.New("no group was measured")
	}
	var err error
	if f.Coefficients, err = Fit(f.Groups); err != nil {
		return err
	}
	if f.Errors, err = Evaluate(f.Groups); err != nil {
		return err
	}
	if f.Noise = Noise(f.Groups); math.IsNaN(f.Noise) {
		f.Noise = 0
	}
	return nil
}

// Encode returns the file's text.
func (f *File) Encode() ([]byte, error) {
	text, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encode Shapley model: %w", err)
	}
	return append(text, '\n'), nil
}

// ParseFile reads a Shapley model file with its groups. Anything that Refit
// would stumble over is an error here.
func ParseFile(text []byte) (*File, error) {
	var f File
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	if f.Schema != schema {
		return nil, fmt.Errorf("it has schema %d, this version reads %d", f.Schema, schema)
	}
	for i, g := range f.Groups {
		if err := g.check(); err != nil {
			return nil, fmt.Errorf("group %d: %w", i, err)
		}
		for _, w := range g.Worths {
			if joules := len(w.Joules) > 0; joules != (f.Unit == UnitJoules) || joules && len(w.CPUSeconds) > 0 {
				return nil, fmt.Errorf("group %d: the cost of subset %b is not in the file's unit %q alone", i, w.Subset, f.Unit)
			}
		}
	}
	return &f, nil
}

// ReadGroups reads a Shapley model file whose groups are to be fitted again; one
// without groups is an error.
func ReadGroups(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read Shapley model: %w", err)
	}
	file, err := ParseFile(text)
	if err != nil {
		return nil, fmt.Errorf("read Shapley model %s: %w", path, err)
	}
	if len(file.Groups) == 0 {
		return nil, fmt.Errorf("read Shapley model %s: it holds no measured group to fit again", path)
	}
	return file, nil
}

// check reports what makes a group useless.
func (g Group) check() error {
	n := g.Size()
	if n < 1 || n > 63 {
		return fmt.Errorf("it has %d requests", n)
	}
	for _, replay := range g.Replays {
		if len(replay) != n {
			return fmt.Errorf("its replays have %d and %d requests", n, len(replay))
		}
	}
	for name, shares := range g.Shares {
		if len(shares) != n {
			return fmt.Errorf("convention %s has %d shares of %d requests", name, len(shares), n)
		}
	}
	for _, order := range g.Orders {
		seen := make([]bool, n)
		for _, p := range order {
			if p < 0 || p >= n || seen[p] {
				return fmt.Errorf("%v is no order of %d requests", order, n)
			}
			seen[p] = true
		}
		if len(order) != n {
			return fmt.Errorf("%v is no order of %d requests", order, n)
		}
	}
	if len(g.Orders) == 0 && n > MaxExact {
		return fmt.Errorf("it has %d requests and no sampled orders", n)
	}
	return nil
}
