package runfolder

import (
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// A table of devices from before the driver's samples were in it is read, without
// them; one that lacks another column is not.
func TestDevicesOfOlderRuns(t *testing.T) {
	now := DeviceStates()
	for _, row := range []struct {
		name     string
		without  []string
		readable bool
	}{
		{"as it is now", nil, true},
		{"before the samples", []string{"sample_ns", "sample_mw"}, true},
		{"without its times", []string{"at_ns"}, false},
	} {
		older := now
		older.columns = slices.DeleteFunc(slices.Clone(now.columns), func(c column[DeviceState]) bool { return slices.Contains(row.without, c.name) })
		path := filepath.Join(t.TempDir(), DevicesFile)
		w, err := older.Create(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(DeviceState{Domain: "gpu0", At: time.Second, SampleAt: []time.Duration{5, 6}, SamplePower: []int32{7, 8}}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		rows, _, err := now.Read(path)
		if (err == nil) != row.readable {
			t.Errorf("%s: got error %v", row.name, err)
		}
		if err != nil {
			continue
		}
		want := 2
		if row.without != nil {
			want = 0
		}
		if len(rows) != 1 || rows[0].Domain != "gpu0" || len(rows[0].SampleAt) != want || len(rows[0].SamplePower) != want {
			t.Errorf("%s: got %+v, want one row with %d samples", row.name, rows, want)
		}
	}
}
