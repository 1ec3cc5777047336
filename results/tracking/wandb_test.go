package tracking_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cfubench/results/summary"
	"cfubench/results/tracking"
)

func TestWandbFolder(t *testing.T) {
	run, s := made(t)
	dir := filepath.Join(t.TempDir(), "wandb")
	folders, err := tracking.WriteWandb(dir, "out", run, s)
	if err != nil || len(folders) != 1 {
		t.Fatalf("%v, %v; want the folder of the one configuration", folders, err)
	}
	_, id, _ := strings.Cut(strings.TrimPrefix(filepath.Base(folders[0]), "offline-run-19700101_"), "-")
	log := read(t, folders[0], "run-"+id+".wandb")
	if !strings.HasPrefix(log, ":W&B\xe1\xbe\x00") {
		t.Errorf("the log begins with %.7q", log)
	}
	again, err := tracking.WriteWandb(dir, "out", run, s)
	if err != nil || len(again) != 1 || again[0] != folders[0] || read(t, folders[0], "run-"+id+".wandb") != log {
		t.Errorf("written again: %v, %v; want the same log in %v", again, err, folders)
	}
}

// received is what a server of W&B has got of a run.
type received struct {
	mutex   sync.Mutex
	run     map[string]any // of the first mutation of the run
	history []map[string]any
	summary map[string]map[string]any
	exit    any
}

// wandbServer answers as much of W&B's API as `wandb sync` needs.
func wandbServer(t *testing.T, got *received) string {
	var url string
	answer := func(w http.ResponseWriter, req *http.Request) {
		body := io.Reader(req.Body)
		if req.Header.Get("Content-Encoding") == "gzip" {
			var err error
			if body, err = gzip.NewReader(req.Body); err != nil {
				t.Error(err)
				return
			}
		}
		var in struct {
			Query     string
			Variables map[string]any
			Files     map[string]struct{ Content []string }
			Exitcode  any
		}
		if strings.HasPrefix(req.URL.Path, "/upload/") {
			return
		}
		if err := json.NewDecoder(body).Decode(&in); err != nil {
			t.Errorf("%s %s: %v", req.Method, req.URL, err)
		}
		got.mutex.Lock()
		defer got.mutex.Unlock()
		out := map[string]any{}
		switch {
		case strings.Contains(in.Query, "upsertBucket"):
			if got.run == nil {
				got.run = in.Variables
			}
			entity := map[string]any{"id": "e", "name": "e"}
			bucket := map[string]any{
				"id": "r", "name": in.Variables["name"], "displayName": in.Variables["displayName"], "config": "{}", "historyLineCount": 0,
				"project": map[string]any{"id": "p", "name": in.Variables["project"], "entity": entity},
			}
			out["data"] = map[string]any{"upsertBucket": map[string]any{"bucket": bucket, "inserted": true}}
		case strings.Contains(in.Query, "createRunFiles"):
			var files []any
			for _, name := range in.Variables["files"].([]any) {
				files = append(files, map[string]any{"name": name, "uploadUrl": url + "/upload/" + name.(string)})
			}
			out["data"] = map[string]any{"createRunFiles": map[string]any{"runID": "r", "uploadHeaders": []any{}, "files": files}}
		case strings.HasSuffix(req.URL.Path, "/graphql"):
			out["data"] = map[string]any{}
		default:
			for _, line := range in.Files["wandb-history.jsonl"].Content {
				var row map[string]any
				if err := json.Unmarshal([]byte(line), &row); err != nil {
					t.Error(err)
				}
				got.history = append(got.history, row)
			}
			for _, line := range in.Files["wandb-summary.json"].Content {
				all := map[string]json.RawMessage{}
				if err := json.Unmarshal([]byte(line), &all); err != nil {
					t.Error(err)
				}
				got.summary = map[string]map[string]any{}
				for part, text := range all {
					var figures map[string]any
					if json.Unmarshal(text, &figures) == nil {
						got.summary[part] = figures
					}
				}
			}
			if in.Exitcode != nil {
				got.exit = in.Exitcode
			}
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(out)
	}
	server := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(server.Close)
	url = server.URL
	return url
}

// W&B's own program reads the log and uploads what the run has.
func TestWandbSyncsIt(t *testing.T) {
	python := os.Getenv("CFU_WANDB")
	if python == "" {
		t.Skip("CFU_WANDB is not set: scripts/python wandb makes a Python with W&B")
	}
	run, s := made(t)
	run.Config.EngineCmd = strings.Repeat(run.Config.EngineCmd, 10) // a record of several blocks
	dir := filepath.Join(t.TempDir(), "wandb")
	folders, err := tracking.WriteWandb(dir, "out", run, s)
	if err != nil {
		t.Fatal(err)
	}
	var got received
	cmd := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(python), "wandb"), append([]string{"sync"}, folders...)...)
	cmd.Dir = filepath.Dir(dir)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "WANDB_BASE_URL="+wandbServer(t, &got), "WANDB_API_KEY="+strings.Repeat("a", 40), "WANDB_ERROR_REPORTING=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("wandb sync: %v\n%s", err, out)
	}
	got.mutex.Lock()
	defer got.mutex.Unlock()
	if got.run["project"] != "cfu" || got.run["displayName"] != "b2" || got.run["groupName"] != "out "+run.Started {
		t.Errorf("the run is %v", got.run)
	}
	var config map[string]struct{ Value any }
	if err := json.Unmarshal([]byte(got.run["config"].(string)), &config); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"cell.batch": 2.0, "ignore-eos": "true", "engine-cmd": run.Config.EngineCmd,
		"cfu.meter_kind": "model", "cfu.unit." + summary.MetricEnergyPerRequest: "J",
	} {
		if config[name].Value != want {
			t.Errorf("the configuration has %s %v, want %v", name, config[name].Value, want)
		}
	}
	if len(got.history) != 2 || got.exit != 0.0 {
		t.Fatalf("%d rows and exit %v, want one row a cell, and 0: a cell is valid", len(got.history), got.exit)
	}
	for i, row := range got.history {
		c := s.Cells[i]
		if row["cell"] != c.Cell || row["concurrency"] != float64(i+1) || row["_step"] != float64(i) || row["cfu.verdict"] != c.Validity.Verdict {
			t.Errorf("row %d is of cell %v, concurrency %v, verdict %v", i, row["cell"], row["concurrency"], row["cfu.verdict"])
		}
		for _, m := range summary.Metrics() {
			v := m.Value(c)
			want := v.Known() && c.Validity.Valid()
			figures := map[string]any{"history": row[m.Name], "summary": got.summary[c.Load.String()+"-r1"][m.Name]}
			for where, figure := range figures {
				if x, ok := figure.(float64); ok != want || ok && math.Abs(x-float64(v)) > 1e-12*math.Abs(float64(v)) {
					t.Errorf("the %s has %s of %s as %v; the cell has %v", where, m.Name, c.Cell, figure, v)
				}
			}
		}
	}
}
