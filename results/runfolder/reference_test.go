package runfolder_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfubench/meter"
	"cfubench/results/runfolder"
)

func TestReferencesOfSensors(t *testing.T) {
	found := &runfolder.SensorReference{Gain: 0.02, Offset: meter.Watt}
	ref := &runfolder.Reference{Meter: "ptd:wall", Domains: []runfolder.ReferenceDomain{{Domain: "gpu0", Device: "GPU-00000000-0000-0000-0000-000000000001 0000:3b:00.0", Sensor: found}}}
	domain := func(name, device string) runfolder.DomainInfo {
		return runfolder.DomainInfo{Domain: meter.Domain{Name: name, Device: device}}
	}
	domains := []runfolder.DomainInfo{
		domain("gpu0", "GPU-00000000-0000-0000-0000-000000000001 0000:5c:00.0"),
		domain("gpu0", "GPU-00000000-0000-0000-0000-000000000002"),
		domain("gpu0-hbm", "GPU-00000000-0000-0000-0000-000000000001"),
	}
	domains[2].NotSummed = "contained"
	warnings := runfolder.SetReference(domains, ref)
	if domains[0].Reference != found || domains[1].Reference != nil || domains[2].Reference != nil {
		t.Errorf("got %+v, want what was found on the one sensor it was found of, wherever it is plugged in now", domains)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "0000-000000000002") {
		t.Errorf("got warnings %q, want one of the other summed GPU", warnings)
	}
	if w := runfolder.SetReference(domains, nil); w != nil {
		t.Errorf("without a reference: got %q", w)
	}
}

func TestReferenceFilesThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		`{`: "unexpected end",
		`{"schema":9,"covers":"node","domains":[{"domain":"gpu0"}]}`:                                                          "of this version",
		`{"schema":1,"covers":"rack","domains":[{"domain":"gpu0"}]}`:                                                          "want node or domains",
		`{"schema":1,"covers":"node","blind":true,"domains":[{"domain":"gpu0"}]}`:                                             "did not see",
		`{"schema":1,"covers":"domains","domains":[{"domain":"gpu0","sensor":{"gain":-1,"offset_uw":0}}]}`:                    "gain of -1",
		`{"schema":1,"covers":"domains","domains":[{"domain":"gpu0","sensor":{"gain":0.02,"offset_uw":5,"source":"shunt"}}]}`: "",
	} {
		path := filepath.Join(t.TempDir(), "r.json")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := runfolder.ReadReference(path)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q", text, err, want)
		}
	}
}
