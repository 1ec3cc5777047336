package derivation

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"cfubench/attribution"
	"cfubench/results/runfolder"
)

func TestParseAttribution(t *testing.T) {
	got, err := ParseAttribution(runfolder.Config{Convention: "token,phase", Weights: "1:4", Roles: []string{"gpu0=prefill"}, ModelParameters: 7e9, WeightBytes: 14e9})
	if err != nil {
		t.Fatal(err)
	}
	p := got.Params
	if got.Conventions != "token,phase" || p.PromptWeight != 1 || p.OutputWeight != 4 || p.Roles["gpu0"] != attribution.RolePrefill || !got.Size.Known() || got.CacheShare != attribution.CacheOwner {
		t.Errorf("got %+v, want what the configuration says and the owner paying", got)
	}
	broken := filepath.Join(t.TempDir(), "broken.json")
	if err := os.WriteFile(broken, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		why     string
		config  runfolder.Config
		refused bool // a configuration that cannot be meant, and no file that cannot be read
	}{
		{"a convention that is not there", runfolder.Config{Convention: "fair"}, true},
		{"weights of nothing", runfolder.Config{Convention: "token", Weights: "0:0"}, true},
		{"a role of no domain", runfolder.Config{Convention: "token", Roles: []string{"prefill"}}, true},
		{"half of a model's size", runfolder.Config{Convention: "token", WeightBytes: 1}, true},
		{"a model of negative size", runfolder.Config{Convention: "token", ModelParameters: -1, WeightBytes: -1}, true},
		{"nobody pays", runfolder.Config{Convention: "token", CacheShare: "all"}, true},
		{"a file that is not there", runfolder.Config{Convention: "step", StepPrior: "/nonexistent"}, false},
		{"one that is none", runfolder.Config{Convention: "shapley", ShapleyModel: broken}, false},
	} {
		_, err := ParseAttribution(tt.config)
		if refused := (runfolder.ConfigError{}); err == nil || errors.As(err, &refused) != tt.refused {
			t.Errorf("%s: got error %v of type %T, want one of the configuration: %v", tt.why, err, err, tt.refused)
		}
	}
}
