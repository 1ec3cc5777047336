package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/loadgen/mock"
	"cfubench/results/runfolder"
)

// BenchmarkWholeRun takes `cfu run` as a whole, from its command line to its
// printed table, against the mock server, beside a bare net/http reader in the
// same benchmark:
//
//	go test ./cmd/cfu -run '^$' -bench WholeRun -benchtime 3x
//
// rate-ratio is its requests/s over the bare reader's, cpu-ratio its whole
// process's CPU time a token over the bare reader's, after-s the time from the
// last answer to its end, B/request the size of requests.arrow.
func BenchmarkWholeRun(b *testing.B) {
	for _, c := range []wholeRun{
		{name: "one-token/requests=10000", requests: 1e4, streams: 64, tokens: 1},
		{name: "one-token/requests=100000", requests: 1e5, streams: 64, tokens: 1},
		{name: "one-token/requests=1000000", requests: 1e6, streams: 64, tokens: 1, long: true},
		{name: "paced/streams=64", requests: 1024, streams: 64, tokens: 128, gap: 20 * time.Millisecond},
		{name: "paced/streams=256", requests: 4096, streams: 256, tokens: 128, gap: 20 * time.Millisecond},
	} {
		b.Run(c.name, c.run)
	}
	for _, cells := range []int{100, 1000} {
		b.Run(fmt.Sprint("cells=", cells), func(b *testing.B) { manyCells(b, cells) })
	}
}

// wholeRun is one load of the benchmark.
type wholeRun struct {
	name                      string
	requests, streams, tokens int
	gap                       time.Duration
	long                      bool // only with CFU_BENCH_LONG=1
}

func (c wholeRun) run(b *testing.B) {
	if c.long && os.Getenv("CFU_BENCH_LONG") == "" {
		b.Skip("takes minutes: set CFU_BENCH_LONG=1")
	}
	url := startMock(b, mock.Pace{TTFT: c.gap, Gap: c.gap})
	trace := writeTrace(b, c.requests, c.tokens)
	var rate, bareRate, cpu, bareCPU, after, size, peak float64
	for b.Loop() {
		r, u := bareReader(b, url, c)
		bareRate, bareCPU = bareRate+r, bareCPU+u
		out := filepath.Join(b.TempDir(), "out")
		m := execRun(b, out, "--endpoint", url, "--model", "mock", "--dataset", "jsonl:"+trace, "--num-requests", fmt.Sprint(c.requests),
			"--concurrency", fmt.Sprint(c.streams), "--max-tokens", fmt.Sprint(c.tokens))
		cell := m.run.Cells[0]
		if cell.Requests != c.requests || cell.Errors > 0 {
			b.Fatalf("%d requests and %d errors, want %d and none", cell.Requests, cell.Errors, c.requests)
		}
		rate += float64(c.requests) / cell.Window.Length().Seconds()
		cpu += m.cpu.Seconds()
		after += m.ended.Sub(time.Unix(0, cell.OriginUnix).Add(cell.Window.End)).Seconds()
		info, err := os.Stat(runfolder.CellFile(out, cell.ID, runfolder.RequestsFile))
		if err != nil {
			b.Fatal(err)
		}
		size, peak = float64(info.Size()), max(peak, m.peakMiB)
	}
	n := float64(b.N)
	b.ReportMetric(rate/bareRate, "rate-ratio")
	b.ReportMetric(rate/n, "requests/s")
	b.ReportMetric(cpu/bareCPU, "cpu-ratio")
	b.ReportMetric(after/n, "after-s")
	b.ReportMetric(size/float64(c.requests), "B/request")
	b.ReportMetric(peak, "peak-MiB")
}

// manyCells is a sweep of cells of 10 requests: the share of its wall time that lies
// outside the cells' windows is cfu's own. A thousand take ten minutes.
func manyCells(b *testing.B, cells int) {
	if cells > 100 && os.Getenv("CFU_BENCH_LONG") == "" {
		b.Skip("takes minutes: set CFU_BENCH_LONG=1")
	}
	url := startMock(b, mock.Pace{TTFT: 50 * time.Millisecond, Gap: 10 * time.Millisecond})
	trace := writeTrace(b, 10, 8)
	var own, cpu float64
	for b.Loop() {
		out := filepath.Join(b.TempDir(), "out")
		began := time.Now()
		m := execRun(b, out, "--endpoint", url, "--model", "mock", "--dataset", "jsonl:"+trace, "--num-requests", "10",
			"--concurrency", "1,2,5,10", "--repeat", fmt.Sprint(cells/4), "--max-tokens", "8")
		var inside time.Duration
		for _, c := range m.run.Cells {
			inside += c.Window.Length()
		}
		own += 1 - inside.Seconds()/m.ended.Sub(began).Seconds()
		cpu += m.cpu.Seconds()
	}
	b.ReportMetric(1000*cpu/float64(b.N*cells), "cpu-ms/cell")
	b.ReportMetric(100*own/float64(b.N), "own-%")
}

// executed is what a run of the binary left.
type executed struct {
	run     runfolder.Run
	cpu     time.Duration
	peakMiB float64
	ended   time.Time
}

// execRun runs `cfu run` in a process of its own, without meters and idle windows.
func execRun(b *testing.B, out string, args ...string) executed {
	b.Helper()
	args = append([]string{"run", "--out", out, "--meter", "none", "--idle", "0s", "--warmup", "0", "--certify=false", "--report=false", "--tokenizer", "words"}, args...)
	cmd := exec.CommandContext(b.Context(), "cfu", args...)
	var stderr bytes.Buffer
	cmd.Stderr, cmd.Stdout = &stderr, io.Discard
	if err := cmd.Run(); err != nil {
		b.Fatalf("%v\n%s", err, &stderr)
	}
	m := executed{ended: time.Now(), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.peakMiB = float64(usage.Maxrss) / 1024 // KiB on Linux
	}
	var err error
	if m.run, err = runfolder.ReadRun(out); err != nil {
		b.Fatal(err)
	}
	return m
}

// startMock starts the mock server as a process of its own and returns its URL.
func startMock(b *testing.B, pace mock.Pace) string {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), "cfu", mock.Argument)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	url = strings.TrimSpace(url)
	text, err := json.Marshal(pace)
	if err != nil {
		b.Fatal(err)
	}
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPut, url+"/pace", bytes.NewReader(text))
	if err != nil {
		b.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	resp.Body.Close()
	return url
}

// writeTrace writes a trace of n prompts and returns its path.
func writeTrace(b *testing.B, n, tokens int) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "trace.jsonl")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for i := range n {
		fmt.Fprintf(w, `{"prompt":"certify %d","prompt_tokens":2,"output_tokens":%d}`+"\n", i, tokens)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// bareReader puts the same requests on the server with net/http and a scanner of
// lines, and returns its requests/s and its CPU time in seconds.
func bareReader(b *testing.B, url string, c wholeRun) (rate, cpu float64) {
	b.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: c.streams, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	before, start := cpuTime(b), time.Now()
	group, ctx := errgroup.WithContext(context.Background())
	for w := range c.streams {
		group.Go(func() error {
			for i := w; i < c.requests; i += c.streams {
				body := fmt.Sprintf(`{"model":"mock","messages":[{"role":"user","content":"certify %d"}],"max_tokens":%d,"stream":true}`, i, c.tokens)
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", strings.NewReader(body))
				if err != nil {
					return err
				}
				resp, err := client.Do(req)
				if err != nil {
					return err
				}
				lines := bufio.NewScanner(resp.Body)
				for lines.Scan() {
				}
				resp.Body.Close()
				if err := lines.Err(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	return float64(c.requests) / time.Since(start).Seconds(), cpuTime(b) - before
}

// cpuTime is the CPU time of this process in seconds.
func cpuTime(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
