package logs

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// bigLog writes a power log of at least size bytes and returns its path.
func bigLog(b testing.TB, size int64, header string, row func(w *bufio.Writer, i int)) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "power.csv")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintln(w, header)
	for i := 0; ; i++ {
		if i%4096 == 0 {
			if at, err := f.Seek(0, 1); err != nil || at >= size {
				break
			}
		}
		row(w, i)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

func smiRow() func(w *bufio.Writer, i int) {
	random := rand.New(rand.NewPCG(1, 2))
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return func(w *bufio.Writer, i int) {
		at := start.Add(time.Duration(i/8) * 100 * time.Millisecond)
		fmt.Fprintf(w, "%s, %d, GPU-e2681f6e-8d94-2d66-484f-43ea6023350%d, %d.%02d W, 1410 MHz, %d %%\n",
			at.Format("2006/01/02 15:04:05.000"), i%8, i%8, 60+random.IntN(600), random.IntN(100), random.IntN(101))
	}
}

func millivoltRow() func(w *bufio.Writer, i int) {
	random := rand.New(rand.NewPCG(1, 2))
	return func(w *bufio.Writer, i int) {
		fmt.Fprintf(w, "%d,%d,%d,30,2400,13801,0,0\n", 1784445422586307983+int64(i/2)*50000000, i%2, 55000+random.IntN(500000))
	}
}

// BenchmarkPower reads generated power logs of CFU_BENCH_MB megabytes (default
// 64), with the quality judged, and reports the rate and the memory that the
// process holds.
func BenchmarkPower(b *testing.B) {
	megabytes := int64(64)
	if text := os.Getenv("CFU_BENCH_MB"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n <= 0 {
			b.Fatalf("CFU_BENCH_MB=%q: want a number of megabytes", text)
		}
		megabytes = n
	}
	utc, err := ParseClock("local:UTC")
	if err != nil {
		b.Fatal(err)
	}
	for _, run := range []struct {
		name, header string
		row          func(w *bufio.Writer, i int)
	}{
		{"nvidia-smi", "timestamp, index, uuid, power.draw [W], clocks.sm [MHz], utilization.gpu [%]", smiRow()},
		{"epoch_ns,power_mw", "epoch_ns,gpu,power_mw,temperature_c,sm_clock_mhz,mem_clock_mhz,gpu_util_percent,memory_util_percent", millivoltRow()},
	} {
		path := bigLog(b, megabytes<<20, run.header, run.row)
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(run.name, func(b *testing.B) {
			b.SetBytes(info.Size())
			for b.Loop() {
				x := NewInspector(Window{})
				if _, err := ReadPower(path, "", Options{Clock: utc}, func(s Sample) error { x.Take(s); return nil }); err != nil {
					b.Fatal(err)
				}
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.Sys)/(1<<20), "MiB-sys")
		})
	}
}
