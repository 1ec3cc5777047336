package sweep

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cfubench/meter/gauge"
	"cfubench/results/derivation"
	"cfubench/results/logs"
	"cfubench/results/runfolder"
)

// ofTwoLogs imports two power logs, of 300 W and of 200 W, and returns the joules of
// a second of load that are summed.
func ofTwoLogs(t *testing.T, first, second string, change func(*Import)) (joules float64, run runfolder.Run, err error) {
	t.Helper()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	im := Import{
		Out: filepath.Join(dir, "out"), Power: []LogFile{{Path: file("a.csv", first)}, {Path: file("b.csv", second)}},
		Requests: LogFile{Path: file("r.csv", "start_s,end_s,output_tokens\n1772366401,1772366402,5\n")}, PowerOptions: logs.Options{Several: true},
	}
	if change != nil {
		change(&im)
	}
	got, err := im.Run()
	if err != nil {
		return 0, got.Run, err
	}
	meters, err := derivation.ReadMeters(t.Context(), im.Out, got.Run.Cells[0], derivation.Bare{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return meters.Energy(got.Run.Cells[0].Window).Energy.Joules(), got.Run, nil
}

// powers is a table with a reading every 100 ms over three seconds.
func powers(header, row string, watts float64) string {
	var b strings.Builder
	b.WriteString(header + "\n")
	for i := range 31 {
		fmt.Fprintf(&b, row+"\n", 1772366400+float64(i)/10, watts+float64(i%2)/1e3)
	}
	return b.String()
}

// GPUs of several logs are each counted once, or not told apart and refused.
func TestSeveralPowerLogs(t *testing.T) {
	const one, other = "epoch_s,uuid,power_w", "%.1f,GPU-5b4b1d0e-0000-4000-8000-00000000000"
	byIndex := func(gpu string, watts float64) string {
		return powers("epoch_s,gpu,power_w", "%.1f,"+gpu+",%.3f", watts)
	}
	byUUID := func(digit string, watts float64) string { return powers(one, other+digit+",%.3f", watts) }
	for _, tt := range []struct {
		why, first, second string
		change             func(*Import)
		joules             float64
		want               string
	}{
		{"a log for each GPU, by UUID", byUUID("1", 300), byUUID("2", 200), nil, 500, ""},
		{"one GPU in both", byUUID("1", 300), byUUID("1", 300), nil, 300, ""},
		{"a log for each, by index", byIndex("0", 300), byIndex("1", 200), nil, 500, ""},
		{"both call it 0", byIndex("0", 300), byIndex("0", 200), nil, 0, "are one GPU"},
		{"both call it 0, and the user names both", byIndex("0", 300), byIndex("0", 200), func(im *Import) { im.GPUs = []string{"gpu0", "log2-gpu0"} }, 500, ""},
		{"neither says which it is", powers("epoch_s,power_w", "%.1f,%.3f", 300), powers("epoch_s,power_w", "%.1f,%.3f", 200), nil, 0, "log them with the uuid"},
		{"a meter at the wall beside a GPU", byUUID("1", 300), powers("epoch_s,wall_power_w", "%.1f,%.3f", 800), nil, 300, ""},
		{"the wall alone counts", byUUID("1", 300), powers("epoch_s,wall_power_w", "%.1f,%.3f", 800), func(im *Import) { im.GPUs = []string{"wall_power_w"} }, 800, ""},
		{"a map for the second alone", byUUID("1", 300), powers("t,n1_watts", "%.1f,%.3f", 800), func(im *Import) {
			im.PowerOptions.Columns = logs.Columns{"time": {{Name: "t", Unit: "s"}}, "wall": {{Name: "n1_watts", Unit: "W"}}}
		}, 300, ""},
		{"a map of a column that neither has", byUUID("1", 300), byUUID("2", 200), func(im *Import) {
			im.PowerOptions.Columns = logs.Columns{"power": {{Name: "watt", Unit: "W"}}}
		}, 0, `no power log has the column "watt"`},
	} {
		joules, _, err := ofTwoLogs(t, tt.first, tt.second, tt.change)
		switch {
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: got %v, want a refusal in one line with %q", tt.why, err, tt.want)
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.why, err)
		case tt.want == "" && (joules < 0.999*tt.joules || joules > 1.001*tt.joules):
			t.Errorf("%s: got %.2f J, want %.0f", tt.why, joules, tt.joules)
		}
	}
}

// A gauge that is imported is the card's: its domain says which register it is, of
// which card, and how often the log has it.
func TestImportedGauge(t *testing.T) {
	smi := func(i int) string {
		return fmt.Sprintf("%s, GPU-5b4b1d0e-0000-4000-8000-000000000001, %d.00 W", time.Unix(1772366400, 0).UTC().Add(time.Duration(i)*100*time.Millisecond).Format("2006/01/02 15:04:05.000"), 300+i%2)
	}
	lines := []string{"timestamp, uuid, power.draw.instant [W]"}
	for i := range 31 {
		lines = append(lines, smi(i))
	}
	utc, err := logs.ParseClock("local:UTC")
	if err != nil {
		t.Fatal(err)
	}
	_, run, err := ofTwoLogs(t, strings.Join(lines, "\n")+"\n", powers("epoch_s,wall_power_w", "%.1f,%.3f", 800), func(im *Import) {
		im.PowerOptions.Clock, im.Product, im.Driver = utc, "NVIDIA GeForce RTX 3090", "535.54.03"
	})
	if err != nil {
		t.Fatal(err)
	}
	d := run.Domains[0]
	if d.Gauge != "instant" || d.Product != "NVIDIA GeForce RTX 3090" || d.Driver != "535.54.03" || d.Poll.Round(time.Millisecond) != 100*time.Millisecond {
		t.Errorf("got %+v, want the instantaneous gauge of a 3090 every 100 ms", d)
	}
	if g := gauge.OfDomain(d.Domain); g.Average != 100*time.Millisecond || g.Look != 1 || g.Offset == 0 {
		t.Errorf("got gauge %+v, want what is published of a 3090", g)
	}
	if wall := run.Domains[1]; wall.Product != "" || gauge.OfDomain(wall.Domain).Offset != 0 {
		t.Errorf("got a wall meter %+v, want one that is no card", wall)
	}
}
