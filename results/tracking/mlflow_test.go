package tracking_test

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cfubench/meter"
	"cfubench/results/runfolder"
	"cfubench/results/simulated"
	"cfubench/results/summary"
	"cfubench/results/tracking"
)

// made is a run of two load points, the last cell of which was interrupted.
func made(t *testing.T) (runfolder.Run, summary.Summary) {
	t.Helper()
	dir := t.TempDir()
	spec := simulated.Spec{
		Seed: 1, Model: "m", Batches: []int{2}, Concurrencies: []int{1, 2}, Repeats: 1, Requests: 20, Kind: meter.KindModel,
		Server: simulated.DefaultServer(), Conventions: "equal", Inventory: "olmo2-7b", Incomplete: true,
	}
	run, err := spec.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	run.Config.EngineCmd = strings.Repeat("serve \"é\" # x: y\n", 500) // longer than MLflow takes, and no plain YAML
	s, err := summary.Summarize(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return run, s
}

// read is a file of the store.
func read(t *testing.T, parts ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestMLflowStore(t *testing.T) {
	run, s := made(t)
	store := filepath.Join(t.TempDir(), "a store", "mlruns")
	experiment, err := tracking.WriteMLflow(store, "out", run, s)
	if err != nil {
		t.Fatal(err)
	}
	folders, err := filepath.Glob(filepath.Join(experiment, "*", "meta.yaml"))
	if err != nil || len(folders) != 2 {
		t.Fatalf("%d runs, %v; want one a cell", len(folders), err)
	}
	for _, meta := range folders {
		folder := filepath.Dir(meta)
		switch name := read(t, folder, "tags", "mlflow.runName"); name {
		case "b2-c1-r1":
			stamp, value, _ := strings.Cut(read(t, folder, "metrics", summary.MetricEnergyPerRequest), " ")
			v, err := strconv.ParseFloat(strings.TrimSuffix(value, " 0\n"), 64)
			m, _ := summary.MetricOf(summary.MetricEnergyPerRequest)
			if want := float64(m.Value(s.Cells[0])); err != nil || v != want || stamp == "" {
				t.Errorf("J a request are %q, want %v", value, want)
			}
			for tag, want := range map[string]string{"cfu.unit." + summary.MetricEnergyPerRequest: "J", "cfu.meter_kind": "model", "cfu.unit." + summary.MetricCostPower: "USD/M tok"} {
				if got := read(t, folder, "tags", tag); got != want {
					t.Errorf("tag %s is %q, want %q", tag, got, want)
				}
			}
			if n := len([]rune(read(t, folder, "params", "engine-cmd"))); n != 6000 {
				t.Errorf("a parameter has %d characters, want what MLflow takes", n)
			}
		case "b2-c2-r1":
			if left, _ := os.ReadDir(filepath.Join(folder, "metrics")); len(left) > 0 {
				t.Errorf("an invalid cell has %d metrics", len(left))
			}
		default:
			t.Errorf("a run is called %q", name)
		}
	}
	// Once more: the same runs, not more.
	if again, err := tracking.WriteMLflow(store, "out", run, s); err != nil || again != experiment {
		t.Errorf("written again: %s, %v; want %s", again, err, experiment)
	}
	if folders, _ := filepath.Glob(filepath.Join(store, "*", "*", "meta.yaml")); len(folders) != 2 {
		t.Errorf("written again there are %d runs, want 2", len(folders))
	}
}

// reader prints what MLflow itself finds in a store.
const reader = `
import json, sys, mlflow
mlflow.set_tracking_uri("file://" + sys.argv[1].replace(" ", "%20"))
client = mlflow.MlflowClient()
out = []
for e in client.search_experiments():
    for r in client.search_runs([e.experiment_id]):
        out.append({"experiment": e.name, "name": r.info.run_name, "status": r.info.status, "metrics": r.data.metrics, "params": r.data.params, "tags": r.data.tags})
print(json.dumps(out))
`

func TestMLflowReadsIt(t *testing.T) {
	python := os.Getenv("CFU_MLFLOW")
	if python == "" {
		t.Skip("CFU_MLFLOW is not set: scripts/python mlflow makes a Python with MLflow")
	}
	run, s := made(t)
	store := filepath.Join(t.TempDir(), "a store", "mlruns")
	if _, err := tracking.WriteMLflow(store, "out", run, s); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", reader, store)
	cmd.Env = append(os.Environ(), "MLFLOW_ALLOW_FILE_STORE=true")
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []struct {
		Experiment, Name, Status string
		Metrics                  map[string]float64
		Params, Tags             map[string]string
	}
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(found) != 2 {
		t.Fatalf("MLflow finds %d runs, want 2", len(found))
	}
	for _, r := range found {
		want, i := "FINISHED", 0
		if r.Name == "b2-c2-r1" {
			want, i = "FAILED", 1
		}
		if r.Status != want || r.Experiment != "out "+run.Started || r.Params["cell.load"] != run.Cells[i].Load.String() || r.Tags["cfu.verdict"] != s.Cells[i].Validity.Verdict {
			t.Errorf("MLflow reads %s of %s as %s, load %s, verdict %s", r.Name, r.Experiment, r.Status, r.Params["cell.load"], r.Tags["cfu.verdict"])
		}
		for _, m := range summary.Metrics() {
			v := m.Value(s.Cells[i])
			if got, ok := r.Metrics[m.Name]; ok != (v.Known() && want == "FINISHED") || ok && math.Abs(got-float64(v)) > 1e-12*math.Abs(float64(v)) {
				t.Errorf("MLflow reads %s of %s as %v, %v; the cell has %v", m.Name, r.Name, got, ok, v)
			}
		}
	}
}
