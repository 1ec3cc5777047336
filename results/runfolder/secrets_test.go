package runfolder_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfubench/internal/secret"
	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// TestSecretsAreNotWritten: what the process knows to be secret is in no file of a run
// folder, without whoever writes it having to think of it. Names and figures stay.
func TestSecretsAreNotWritten(t *testing.T) {
	t.Parallel()
	const key = "folder-9d1f0c73e2"
	secret.Own().Add(key)
	dir := t.TempDir()
	run := runfolder.Run{
		Cfu: "1", Warnings: []string{"a server says " + key},
		Engine:  []runfolder.EngineInfo{{Model: "m " + key, Params: map[string]string{"dtype": key}}},
		LeftOut: []meter.Refusal{{Source: "agent", Reason: "r " + key, Remedy: key}},
		Cells:   []runfolder.Cell{{ID: "b1-c1-r1", Interrupted: key, Devices: json.RawMessage(`{"gpus":[{"note":"` + key + `"}],"n":12345678}`)}},
		Record:  &runfolder.Recorded{Parts: []runfolder.RecordedPart{{Command: []string{"x", key}}}},
	}
	run.Config.ExtraBody = map[string]any{"n": 1.5, "tools": []any{map[string]any{"url": "http://h/" + key}, key}, "deep": map[string]any{"list": []any{key}}}
	if err := runfolder.WriteRun(dir, run); err != nil {
		t.Fatal(err)
	}
	cell := runfolder.CellDir(dir, "b1-c1-r1")
	if err := os.MkdirAll(cell, 0o755); err != nil {
		t.Fatal(err)
	}
	meta := map[string]string{"cell": "b1-c1-r1", "model": "m " + key, "origin_unix_ns": "1700000000"}
	requests, err := runfolder.Requests().Create(filepath.Join(cell, runfolder.RequestsFile), meta)
	if err != nil {
		t.Fatal(err)
	}
	row := runfolder.Request{Record: loadgen.Record{Err: "no such " + key, AnsweredModel: key, FinishReason: "stop", Kind: "chat"}}
	if err := requests.Write(row, row); err != nil {
		t.Fatal(err)
	}
	if err := requests.Close(); err != nil {
		t.Fatal(err)
	}
	domains := runfolder.Describe([]meter.Domain{{Name: "gpu0", Device: "GPU-" + key, Product: key, Kind: meter.KindCounter, Source: "agent"}})
	readings, err := runfolder.NewReadingsWriter(filepath.Join(cell, runfolder.ReadingsFile), domains, meta)
	if err != nil {
		t.Fatal(err)
	}
	if err := readings.Write([]meter.Reading{{Energy: 1, HasEnergy: true, Status: meter.StatusOK}}); err != nil {
		t.Fatal(err)
	}
	if err := readings.Close(); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), key) {
			t.Errorf("%s has the secret", filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rows, got, err := runfolder.Requests().Read(filepath.Join(cell, runfolder.RequestsFile))
	if err != nil || len(rows) != 2 || rows[1].Err != "no such ***" || got["model"] != "m ***" || got["origin_unix_ns"] != "1700000000" {
		t.Errorf("requests: got %+v, %v, %v, want two rows and the constants with a mask", rows, got, err)
	}
	read, err := runfolder.ReadReadings(filepath.Join(cell, runfolder.ReadingsFile))
	if err != nil || len(read.Domains) != 1 || len(read.ByDomain[0]) != 1 {
		t.Errorf("readings: got %+v, %v, want one of one domain", read, err)
	}
	back, err := runfolder.ReadRun(dir)
	if err != nil || back.Cells[0].ID != "b1-c1-r1" || string(back.Cells[0].Devices) == "" || back.Config.ExtraBody["n"] != 1.5 {
		t.Errorf("run.json: got %+v, %v, want all but the secret", back, err)
	}
}
