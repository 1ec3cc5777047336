package lca

import (
	"strings"
	"testing"
)

// Without an inventory nothing is made up: hardware and making are those of a
// preset that the run names, or left out with the reason.
func TestForRun(t *testing.T) {
	tests := []struct {
		what     string
		seen     Seen
		embodied bool
		training bool
		note     string
	}{
		{"an H100 with a preset's model", Seen{Products: []string{"NVIDIA H100 80GB HBM3"}, Counts: Accelerators, Model: "allenai/OLMo-2-1124-7B-Instruct"}, true, true, "the making is that of preset olmo2-7b"},
		{"an H100 with another model", Seen{Products: []string{"NVIDIA H100 80GB HBM3"}, Counts: Accelerators, Model: "acme/7b"}, true, false, "no preset is that of acme/7b"},
		{"a card without a preset", Seen{Products: []string{"NVIDIA GeForce GTX 970"}, Counts: Accelerators, Model: "acme/7b"}, false, false, "no preset is that of NVIDIA GeForce GTX 970"},
		{"a consumer card", Seen{Products: []string{"NVIDIA GeForce RTX 4090"}, Counts: Accelerators, Model: "acme/7b"}, true, false, "embodied hardware is rtx-4090-24gb-boavizta"},
		{"its laptop's namesake", Seen{Products: []string{"NVIDIA GeForce RTX 4090 Laptop GPU"}, Counts: Accelerators, Model: "acme/7b"}, false, false, "no preset is that of"},
		{"a figure of the product before one of its components", Seen{Products: []string{"NVIDIA H100 80GB HBM3"}, Counts: Accelerators}, true, false, "embodied hardware is h100-ademe2026"},
		{"an MI300X", Seen{Products: []string{"AMD Instinct MI300X"}, Counts: Accelerators}, true, false, "embodied hardware is mi300x-boavizta"},
		{"a GH200 is no H200", Seen{Products: []string{"NVIDIA GH200 480GB"}, Counts: Accelerators}, false, false, "no preset is that of NVIDIA GH200"},
		{"an L40 is no L4", Seen{Products: []string{"NVIDIA L40"}, Counts: Accelerators}, false, false, "no preset is that of NVIDIA L40"},
		{"two kinds of cards", Seen{Products: []string{"NVIDIA L4", "NVIDIA H100 PCIe"}, Counts: Accelerators}, false, false, "no embodied hardware is counted"},
		{"a host", Seen{CPU: "AMD EPYC 9554", Counts: Hosts}, false, false, "how much of a machine with AMD EPYC 9554"},
		{"nothing known", Seen{Counts: Accelerators}, false, false, "does not tell its product name"},
	}
	for _, test := range tests {
		inv, notes, err := ForRun(test.seen)
		if err != nil {
			t.Fatalf("%s: %v", test.what, err)
		}
		u := served()
		u.Counts, u.Model = test.seen.Counts, test.seen.Model
		a, err := Assess(inv, u, Options{Draws: MinDraws})
		if err != nil {
			t.Fatalf("%s: %v", test.what, err)
		}
		if _, ok := a.Outcome(GWP, Embodied); ok != test.embodied {
			t.Errorf("%s: embodied carbon %v, want %v", test.what, ok, test.embodied)
		}
		if _, ok := a.Outcome(GWP, Training); ok != test.training {
			t.Errorf("%s: training %v, want %v", test.what, ok, test.training)
		}
		if _, ok := a.Outcome(GWP, Inference); !ok {
			t.Errorf("%s: no use phase", test.what)
		}
		if got := strings.Join(notes, "\n"); !strings.Contains(got, test.note) {
			t.Errorf("%s: notes %q do not say %q", test.what, got, test.note)
		}
	}
}

func TestIsModel(t *testing.T) {
	tests := []struct {
		served, title string
		want          bool
	}{
		{"allenai/OLMo-2-1124-7B-Instruct", "OLMo 2 7B", true},
		{"allenai/OLMo-2-1124-7B-Instruct", "OLMo 7B (Twin)", false},
		{"allenai/OLMo-2-1124-13B", "OLMo 2 7B", false},
		{"meta-llama/Llama-3.1-8B-Instruct", "Llama 3.1 8B", true},
		{"meta-llama/Llama-3.1-8B-Instruct", "Llama 3 8B", false},
		{"meta-llama/Llama-3.2-1B", "Llama 3.2 1B", true},
		{"meta-llama/Llama-2-7b-chat-hf", "Llama 2 7B", true},
		{"SmolLM2-135M-Instruct", "OLMo 2 7B", false},
	}
	for _, test := range tests {
		if got := isModel(test.served, test.title); got != test.want {
			t.Errorf("%s as %s: got %v, want %v", test.served, test.title, got, test.want)
		}
	}
}
