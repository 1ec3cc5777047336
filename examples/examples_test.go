// Package examples has no code: its tests run the examples of this folder.
package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"cfubench/attribution/lca"
	"cfubench/results/derivation"
	"cfubench/results/simulated"
)

// build compiles one of the project's programs.
func build(t *testing.T, pkg string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), filepath.Base(pkg))
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, pkg).CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
	return bin
}

// TestMeterFunction: half a second of arithmetic has a positive energy within its
// bounds, of a sensor or of the model, and the kind is printed.
func TestMeterFunction(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), build(t, "./meter-function")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	found := regexp.MustCompile(`\((counter|power|model)\): ([0-9.]+) J, from ([0-9.]+) to ([0-9.]+), in .*; counted: true`).FindAllSubmatch(out, -1)
	if len(found) == 0 {
		t.Fatalf("no counted domain in the output:\n%s", out)
	}
	for _, m := range found {
		joules, lo, hi := number(t, m[2]), number(t, m[3]), number(t, m[4])
		if joules <= 0 || joules < lo || joules > hi {
			t.Errorf("got %v J in [%v, %v], want a positive energy within its bounds", joules, lo, hi)
		}
	}
}

func number(t *testing.T, text []byte) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestReaders: pandas, polars and DuckDB print the same of a run whose host has
// registers within registers: one line for each load point, with the energy of the
// domains that count.
func TestReaders(t *testing.T) {
	python := os.Getenv("CFU_PYTHON")
	if python == "" {
		t.Skip("CFU_PYTHON is not set: scripts/python tables makes a Python with pyarrow, polars, duckdb and pandas")
	}
	run := filepath.Join(t.TempDir(), "out")
	spec := simulated.Spec{
		Seed: 1, Model: "SmolLM2-135M", Batches: []int{1, 8}, Concurrencies: []int{1, 8}, Repeats: 2, Requests: 40,
		Server: simulated.DefaultServer(), Parts: simulated.RAPL(), Conventions: "token,equal", Failures: 0.05,
	}
	if _, err := spec.Write(run); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, reader := range []string{"pandas", "polars", "duckdb"} {
		out, err := exec.CommandContext(t.Context(), python, "read_"+reader+".py", run).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", reader, err, out)
		}
		texts[reader] = string(out)
		if lines := strings.Count(texts[reader], " J/request"); lines != 4 {
			t.Errorf("%s prints %d load points, want 4:\n%s", reader, lines, out)
		}
	}
	for _, reader := range []string{"polars", "duckdb"} {
		if texts[reader] != texts["pandas"] {
			t.Errorf("%s prints\n%s\nand pandas\n%s", reader, texts[reader], texts["pandas"])
		}
	}
}

// TestInventory: the inventory loads without a problem.
func TestInventory(t *testing.T) {
	inv, err := lca.Load("inventory.json", derivation.Files{})
	if err != nil {
		t.Fatal(err)
	}
	if inv.Name == "" {
		t.Error("the inventory has no name")
	}
}

// TestSweepAndJob: cfu takes the sweep file and the flags of the Slurm job, and plans
// what their comments say.
func TestSweepAndJob(t *testing.T) {
	bin := build(t, "../cmd/cfu")
	plan, err := exec.CommandContext(t.Context(), bin, "run", "--sweep", "sweep.yaml", "--dry-run").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, plan)
	}
	// Three of four combinations, two batch sizes, three rates, three repeats.
	if want := "18 launches, 54 cells, 3456 requests"; !strings.Contains(string(plan), want) {
		t.Errorf("got\n%s\nwant %q", plan, want)
	}
	if strings.Contains(string(plan), "dtype=float16,kv=fp8") {
		t.Errorf("the excluded combination is planned:\n%s", plan)
	}
	five := exec.CommandContext(t.Context(), bin, "run", "--sweep", "examples/vllm-cpu.yaml", "--dry-run")
	five.Dir = ".."
	if plan, err = five.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, plan)
	}
	if want := "5 launches, 30 cells, 360 requests"; !strings.Contains(string(plan), want) {
		t.Errorf("got\n%s\nwant %q", plan, want)
	}

	job := exec.CommandContext(t.Context(), "bash", "job.sbatch", "--dry-run")
	job.Env = append(os.Environ(), "PATH="+filepath.Dir(bin)+":"+os.Getenv("PATH"))
	plan, err = job.CombinedOutput()
	if err != nil {
		if strings.Contains(string(plan), "want 2 CPUs or more") {
			t.Skip("the job wants two CPUs")
		}
		t.Fatalf("%v\n%s", err, plan)
	}
	if want := "18 cells, 1152 requests"; !strings.Contains(string(plan), want) {
		t.Errorf("got\n%s\nwant %q", plan, want)
	}
}
