package datasets

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"testing"
)

// BenchmarkShareGPT streams a generated ShareGPT file of CFU_BENCH_MB megabytes
// (default 64) and reports the peak memory of the whole process beside the
// rate. The file of the published figures is 670 MB:
//
//		CFU_BENCH_MB=670 go test -run '^$' -bench ShareGPT -benchtime 3x ./datasets
//
//	  - index: what an exact selection does to the whole file before it shuffles.
//	  - vllm: that, and 1,000 requests selected by word counts.
//	  - decode: every text of every conversation decoded.
//	  - stat: the same, and all first turns counted in words.
func BenchmarkShareGPT(b *testing.B) {
	megabytes := int64(64)
	if text := os.Getenv("CFU_BENCH_MB"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n <= 0 {
			b.Fatalf("CFU_BENCH_MB=%q: want a number of megabytes", text)
		}
		megabytes = n
	}
	path := corpus{seed: 1, bytes: megabytes * 1e6}.file(b)
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	spec := "sharegpt:" + path
	for _, run := range []struct {
		name string
		pass func() error
	}{
		{"index", func() error {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			places, err := shuffled(b.Context(), &Trace{Dropped: map[string]int{}}, f, Options{Select: VLLM})
			if len(places) == 0 {
				return fmt.Errorf("got no conversation: %v", err)
			}
			return err
		}},
		{"vllm", func() error {
			_, err := Open(b.Context(), spec, Options{Select: VLLM, NumRequests: 1000, NoOversample: true, Tokenizer: Words()})
			return err
		}},
		{"decode", func() error {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			for _, err := range Conversations(f) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{"stat", func() error {
			_, err := Stat(b.Context(), spec, Options{Tokenizer: Words()})
			return err
		}},
	} {
		b.Run(run.name, func(b *testing.B) {
			b.SetBytes(info.Size())
			resetPeak()
			for b.Loop() {
				if err := run.pass(); err != nil {
					b.Fatal(err)
				}
			}
			if mib := peakMiB(); mib > 0 {
				b.ReportMetric(mib, "peak-MiB")
			}
		})
	}
}

// resetPeak starts a new peak of this process's resident memory (Linux).
func resetPeak() { os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// peakMiB is the peak since resetPeak, 0 where the kernel does not tell.
func peakMiB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, err := strconv.ParseFloat(string(fields[0]), 64)
	if err != nil {
		return 0
	}
	return kib / 1024
}
