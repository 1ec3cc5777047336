package attribution_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"cfubench/attribution"
	"cfubench/meter"
	"cfubench/meter/gauge"
)

// recordings holds other people's measurements beside the repository, where they
// are: gauges of GPUs beside an external power meter (arXiv 2312.02741).
const recordings = "../../shared/data/recorded/zeyuyang_pmd"

// recording is one of them: the external meter's cumulative energy, the gauges'
// readings by column, and the moments at which the load was switched.
type recording struct {
	at     []time.Duration
	joules []float64
	gauges map[string][]meter.Reading
	edges  []time.Duration
}

// external reads the meter's samples: a counter of 2933.5 a millisecond, and four
// pairs of voltage and current, 12 bits each.
func (r *recording) external(t *testing.T, dir string) (zero int64) {
	text, err := os.ReadFile(filepath.Join(dir, "PMD_start_ts.txt"))
	if err != nil {
		t.Fatal(err)
	}
	start, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "PMD_data.bin"))
	if err != nil {
		t.Fatal(err)
	}
	const size, ticks, scale = 18, 2933.5, 0.007568 * 0.0488
	clock, power, energy := 0.0, 0.0, 0.0
	for i := 0; i+size <= len(raw); i += size {
		p := 0.0
		for k := 2; k < size; k += 4 {
			value := func(at int) float64 {
				v := int(int16(binary.LittleEndian.Uint16(raw[at:]))>>4) & 0xfff
				if v&0x800 != 0 {
					return 0
				}
				return float64(v)
			}
			p += value(i+k) * value(i+k+2) * scale
		}
		if i > 0 {
			step := float64(binary.LittleEndian.Uint16(raw[i:])-binary.LittleEndian.Uint16(raw[i-size:])) / ticks
			clock += step
			energy += (p + power) / 2 * step / 1e3
		}
		power = p
		r.at, r.joules = append(r.at, time.Duration(clock*1e6)), append(r.joules, energy)
	}
	return (start - 50_000) * 1000
}

func readRecording(t *testing.T, name string) recording {
	dir := filepath.Join(recordings, name)
	r := recording{gauges: map[string][]meter.Reading{}}
	zero := r.external(t, dir)
	for i, line := range lines(t, filepath.Join(dir, "timestamps.csv")) {
		if us, err := strconv.ParseInt(line, 10, 64); err == nil && i > 0 {
			r.edges = append(r.edges, time.Duration(us*1000-zero))
		}
	}
	var names []string
	for i, line := range lines(t, filepath.Join(dir, "gpudata.csv")) {
		fields := strings.Split(line, ", ")
		if i == 0 {
			names = fields
			continue
		}
		local, err := time.Parse("2006/01/02 15:04:05.000", fields[0])
		if err != nil {
			continue // the last line is cut
		}
		at := time.Duration(local.Add(-time.Hour).UnixNano() - zero) // British summer time
		for k := range min(len(fields), len(names)) {
			if !strings.HasPrefix(names[k], "power.draw") {
				continue
			}
			if watts, err := strconv.ParseFloat(strings.TrimSuffix(fields[k], " W"), 64); err == nil {
				r.gauges[names[k]] = append(r.gauges[names[k]], meter.Reading{Before: at - ms, After: at, HasPower: true, Power: meter.Power(watts * 1e6), Status: meter.StatusOK})
			}
		}
	}
	return r
}

func lines(t *testing.T, path string) []string {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []string
	for s := bufio.NewScanner(f); s.Scan(); {
		out = append(out, s.Text())
	}
	return out
}

// energy is what the external meter saw of w.
func (r *recording) energy(w meter.Window) float64 {
	on := func(t time.Duration) float64 {
		i := min(max(sort.Search(len(r.at), func(k int) bool { return r.at[k] > t }), 1), len(r.at)-1)
		share := float64(t-r.at[i-1]) / float64(r.at[i]-r.at[i-1])
		return r.joules[i-1] + share*(r.joules[i]-r.joules[i-1])
	}
	return on(w.End) - on(w.Start)
}

// step is the period of the load: the median time from one switching on to the
// next, 0 if it is switched once.
func (r *recording) step() time.Duration {
	edges := slices.Compact(slices.Clone(r.edges))
	var periods []time.Duration
	for i := 2; i < len(edges); i++ {
		periods = append(periods, edges[i]-edges[i-2])
	}
	if len(periods) < 10 {
		return 0
	}
	slices.Sort(periods)
	return periods[len(periods)/2]
}

// updatePeriod is the median time between two figures, as calibration measures it.
func updatePeriod(readings []meter.Reading) time.Duration {
	var gaps []time.Duration
	last := -1
	for i := 1; i < len(readings); i++ {
		if readings[i].Power == readings[i-1].Power {
			continue
		}
		if last >= 0 {
			gaps = append(gaps, readings[i].After-readings[last].After)
		}
		last = i
	}
	slices.Sort(gaps)
	return gaps[len(gaps)/2]
}

// metered are the recordings beside an external meter, and their cards.
func metered() []struct{ name, product string } {
	return []struct{ name, product string }{
		{"5050_A100", "NVIDIA A100-PCIE-40GB"},
		{"5050_3090", "NVIDIA GeForce RTX 3090"},
		{"Transient_Response_A100_TR", "NVIDIA A100-PCIE-40GB"},
		{"Transient_Response_3090_TR", "NVIDIA GeForce RTX 3090"},
	}
}

// TestGaugesAgainstAnExternalMeter holds windows of real gauges against a meter
// that nobody here made.
func TestGaugesAgainstAnExternalMeter(t *testing.T) {
	if _, err := os.Stat(recordings); err != nil {
		t.Skip("no recordings beside the repository")
	}
	var b strings.Builder
	b.WriteString("| recording | gauge | window | rms | mean ± U95: all known | step unknown | card unknown | within it |\n|---|---|---|---|---|---|---|---|\n")
	for _, row := range metered() {
		r := readRecording(t, row.name)
		for _, register := range []gauge.Register{gauge.Usage, gauge.Instant} {
			column := map[gauge.Register]string{gauge.Usage: "power.draw", gauge.Instant: "power.draw.instant"}[register]
			readings := r.gauges[column+" [W]"]
			d := meter.Domain{Name: "gpu0", Kind: meter.KindPower, Source: "nvml", Scope: meter.ScopeGPU, UpdatePeriod: updatePeriod(readings)}
			curve, _ := attribution.NewCurve(d, readings)
			card := gauge.Of(gauge.Card{Product: row.product, Driver: "535.54.03"}, register)
			modes := []attribution.Surroundings{{Gauge: card, Step: r.step()}, {Gauge: card}, {}}
			for _, length := range []time.Duration{500 * ms, time.Second, 2 * time.Second, 5 * time.Second} {
				var got [3]comparison
				for m, s := range modes {
					got[m] = r.compare(curve, s, length, 500)
					if got[m].covered < got[m].n*95/100 {
						t.Errorf("%s, %s, %v, mode %d: %d of %d windows within ± U95, want 95 %%", row.name, column, length, m, got[m].covered, got[m].n)
					}
				}
				fmt.Fprintf(&b, "| %s | %s | %v | %.1f %% | %.0f %% | %.0f %% | %.0f %% | %d, %d, %d of %d |\n", row.name, column, length,
					100*got[0].rms, 100*got[0].u95, 100*got[1].u95, 100*got[2].u95, got[0].covered, got[1].covered, got[2].covered, got[0].n)
			}
		}
	}
	t.Logf("\n%s", b.String())
}

// TestSparseLogsAgainstAnExternalMeter holds windows of the same gauges as a log has
// them that somebody writes every second against that meter.
func TestSparseLogsAgainstAnExternalMeter(t *testing.T) {
	if _, err := os.Stat(recordings); err != nil {
		t.Skip("no recordings beside the repository")
	}
	var b strings.Builder
	b.WriteString("| recording | gauge | 0.5 s | 1 s | 2 s | 5 s |\n|---|---|---|---|---|---|\n")
	for _, row := range metered() {
		r := readRecording(t, row.name)
		for _, column := range []string{"power.draw", "power.draw.instant"} {
			for _, product := range []string{row.product, ""} {
				register := map[string]gauge.Register{"power.draw": gauge.Usage, "power.draw.instant": gauge.Instant}[column]
				card := gauge.Of(gauge.Card{Product: product, Driver: "535.54.03"}, register).Logged(time.Second)
				fmt.Fprintf(&b, "| %s | %s of %s |", row.name, column, map[bool]string{true: "the card", false: "a card that is not named"}[product != ""])
				for _, length := range []time.Duration{500 * ms, time.Second, 2 * time.Second, 5 * time.Second} {
					var got comparison
					for phase := range 10 {
						thin := everySecond(r.gauges[column+" [W]"], time.Duration(phase)*100*ms)
						curve, _ := attribution.NewCurve(meter.Domain{Name: "gpu0", Kind: meter.KindPower, Source: "nvidia-smi", Scope: meter.ScopeGPU}, thin)
						one := r.compare(curve, attribution.Surroundings{Gauge: card}, length, 50)
						got.n, got.covered = got.n+one.n, got.covered+one.covered
						got.rms, got.u95 = got.rms+one.rms*one.rms/10, got.u95+one.u95/10
					}
					fmt.Fprintf(&b, " %.0f ± %.0f %%, %d of %d |", 100*math.Sqrt(got.rms), 100*got.u95, got.covered, got.n)
					if got.covered < got.n*95/100 {
						t.Errorf("%s, %s, %q, %v: %d of %d windows within ± U95, want 95 %%", row.name, column, product, length, got.covered, got.n)
					}
				}
				b.WriteString("\n")
			}
		}
	}
	t.Logf("\n%s", b.String())
}

// everySecond is the first reading of each second from phase on.
func everySecond(all []meter.Reading, phase time.Duration) []meter.Reading {
	var out []meter.Reading
	next := all[0].After + phase
	for _, r := range all {
		if r.After >= next {
			out, next = append(out, r), next+time.Second
		}
	}
	return out
}

// comparison is how random windows compare with the external meter.
type comparison struct {
	n, covered int
	rms, u95   float64
}

func (r *recording) compare(curve *attribution.Curve, s attribution.Surroundings, length time.Duration, windows int) comparison {
	span := curve.Span()
	within := meter.Window{Start: max(span.Start, 0) + 200*ms, End: min(span.End, r.at[len(r.at)-1]) - 200*ms}
	rng := rand.New(rand.NewPCG(3, uint64(length)))
	out := comparison{n: windows}
	for range out.n {
		w := meter.Window{Start: within.Start + time.Duration(rng.Int64N(int64(within.Length()-length)))}
		w.End = w.Start + length
		e := curve.Estimate(w, s)
		want := r.energy(w)
		off, u := e.Energy.Joules()/want-1, e.Uncertainty.U95().Joules()/want
		out.rms += off * off
		out.u95 += u / float64(out.n)
		if math.Abs(off) <= u {
			out.covered++
		}
	}
	out.rms = math.Sqrt(out.rms / float64(out.n))
	return out
}
