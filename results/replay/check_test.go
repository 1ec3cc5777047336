package replay

import (
	"errors"
	"slices"
	"testing"

	"cfubench/results/runfolder"
)

func TestParseArrivals(t *testing.T) {
	if got, err := ParseArrivals("static,staggered"); err != nil || !slices.Equal(got, []string{ArrivalsStatic, ArrivalsStaggered}) {
		t.Errorf("got %v and error %v, want both", got, err)
	}
	for _, list := range []string{"", "static,", "poisson"} {
		if got, err := ParseArrivals(list); err == nil {
			t.Errorf("%q: got %v, want an error", list, got)
		}
	}
}

func TestCheck(t *testing.T) {
	good := Config{Groups: 1, Size: 2, Repeats: 2, MostRepeats: 20, Orders: 1, Meter: []string{"auto"}, GPUs: "engine"}
	for _, tt := range []struct {
		why    string
		change func(*Config)
		ok     bool
	}{
		{"the least that there is", func(*Config) {}, true},
		{"no group", func(c *Config) { c.Groups = 0 }, false},
		{"a group of one has nothing to share", func(c *Config) { c.Size = 1 }, false},
		{"a bound on the error of one replay", func(c *Config) { c.StandardError, c.MostRepeats = 0.02, 1 }, false},
		{"an error of all", func(c *Config) { c.StandardError = 1 }, false},
		{"joules and CPU time", func(c *Config) { c.Meter = []string{"rapl", "cputime"} }, false},
		{"CPU time alone", func(c *Config) { c.Meter = []string{"cputime"} }, true},
		{"no GPU of a list", func(c *Config) { c.GPUs = "," }, false},
		{"an idle time before it begins", func(c *Config) { c.Idle = -1 }, false},
	} {
		c := good
		tt.change(&c)
		err := c.Check()
		if refused := (runfolder.ConfigError{}); (err == nil) != tt.ok || err != nil && !errors.As(err, &refused) {
			t.Errorf("%s: got error %v of type %T, want one of configurations: %v", tt.why, err, err, !tt.ok)
		}
	}
}
