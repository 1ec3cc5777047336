package loadgen

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/loadgen/mock"
)

// mockServer starts the mock in a process and on a processor of its own.
func mockServer(b testing.TB, pace mock.Pace) *mockProcess {
	b.Helper()
	o, err := SelfTestOptions{Streams: 1}.withDefaults()
	if err != nil {
		b.Fatal(err)
	}
	apart, restore := separate()
	b.Cleanup(restore)
	m, err := startMock(context.Background(), o.Mock, apart.mock)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(m.stop)
	if err := m.pace(context.Background(), pace); err != nil {
		b.Fatal(err)
	}
	return m
}

// bareRecord is what the bare reader notes of a request.
type bareRecord struct {
	request, events int
	sent, first     time.Duration
}

// bare is the least that a Go client can do: net/http, bufio.Scanner, one
// clock read a line, nothing decoded.
func bare(ctx context.Context, url string, streams, requests, tokens int, now func() time.Duration) ([]bareRecord, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: streams, DisableCompression: true}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport}
	group, ctx := errgroup.WithContext(ctx)
	records := make([]bareRecord, requests)
	for w := range streams {
		group.Go(func() error {
			for i := w; i < requests; i += streams {
				body := fmt.Sprintf(`{"model":"mock","messages":[{"role":"user","content":"certify %d"}],"max_tokens":%d,"stream":true}`, i, tokens)
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", strings.NewReader(body))
				if err != nil {
					return err
				}
				r := bareRecord{request: i, sent: now()}
				resp, err := c.Do(req)
				if err != nil {
					return err
				}
				lines := bufio.NewScanner(resp.Body)
				stamps := make([]time.Duration, 0, tokens+2)
				for lines.Scan() {
					if bytes.HasPrefix(lines.Bytes(), []byte("data: {\"id\":\"chat")) {
						stamps = append(stamps, now())
					}
				}
				resp.Body.Close()
				if err := lines.Err(); err != nil {
					return err
				}
				if r.events = len(stamps); r.events > 0 {
					r.first = stamps[0]
				}
				records[i] = r
			}
			return nil
		})
	}
	return records, group.Wait()
}

// ours is the same load through Run.
func ours(ctx context.Context, b testing.TB, url string, streams, requests, tokens int) int {
	b.Helper()
	c, err := NewClient(Options{BaseURL: url, Model: "mock", Connections: streams})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	records, _, err := selfTestRun(ctx, c, Load{Concurrency: streams}, requests, tokens, since())
	if err != nil {
		b.Fatal(err)
	}
	events := 0
	for _, r := range records {
		if !r.OK() || len(r.TokenAt) != tokens {
			b.Fatalf("request %d: %d events, error %q: want %d", r.Request, len(r.TokenAt), r.Err, tokens)
		}
		events += len(r.TokenAt)
	}
	return events
}

// compare runs the bare reader and this client in turn on one load and reports
// the CPU time of each for an event, the time for a request and both ratios.
func compare(b *testing.B, pace mock.Pace, streams, requests, tokens int) {
	m := mockServer(b, pace)
	ctx, now := context.Background(), since()
	var cpuBare, cpuOurs, wallBare, wallOurs time.Duration
	var eventsBare, eventsOurs int
	half := func(cpu, wall *time.Duration, run func() int) int {
		runtime.GC()
		c, w := processCPU(), time.Now()
		n := run()
		*cpu += processCPU() - c
		*wall += time.Since(w)
		return n
	}
	for b.Loop() {
		eventsBare += half(&cpuBare, &wallBare, func() int {
			records, err := bare(ctx, m.url, streams, requests, tokens, now)
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			for _, r := range records {
				n += r.events
			}
			return n
		})
		eventsOurs += half(&cpuOurs, &wallOurs, func() int { return ours(ctx, b, m.url, streams, requests, tokens) })
		if _, err := m.stamps(ctx); err != nil { // else they pile up
			b.Fatal(err)
		}
	}
	perBare, perOurs := float64(cpuBare)/float64(eventsBare), float64(cpuOurs)/float64(eventsOurs)
	total := float64(requests * b.N)
	b.ReportMetric(perBare/1e3, "bare-µs/event")
	b.ReportMetric(perOurs/1e3, "µs/event")
	b.ReportMetric(perOurs/perBare, "cpu-ratio")
	b.ReportMetric(total/wallBare.Seconds(), "bare-req/s")
	b.ReportMetric(total/wallOurs.Seconds(), "req/s")
	b.ReportMetric(wallBare.Seconds()/wallOurs.Seconds(), "req/s-ratio")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkClient is the cost of the client beside the bare reader, in the
// same run, against the mock in a process of its own.
func BenchmarkClient(b *testing.B) {
	paced := mock.Pace{TTFT: 100 * time.Millisecond, Gap: 20 * time.Millisecond}
	b.Run("paced/streams=64", func(b *testing.B) { compare(b, paced, 64, 256, 128) })
	b.Run("paced/streams=256", func(b *testing.B) { compare(b, paced, 256, 1024, 128) })
	b.Run("saturated/streams=1", func(b *testing.B) { compare(b, mock.Pace{}, 1, 20, 20_000) })
	b.Run("saturated/streams=16", func(b *testing.B) { compare(b, mock.Pace{}, 16, 64, 20_000) })
	b.Run("one-token/streams=64", func(b *testing.B) { compare(b, mock.Pace{}, 64, 12_800, 1) })
}

// BenchmarkTTFTError is the error of TTFT against the stamped mock, of the bare
// reader and of this client in turn, in ms.
func BenchmarkTTFTError(b *testing.B) {
	for _, streams := range []int{64, 256} {
		b.Run(fmt.Sprintf("streams=%d", streams), func(b *testing.B) {
			m := mockServer(b, mock.Pace{TTFT: 100 * time.Millisecond, Gap: 20 * time.Millisecond})
			now, err := mock.SystemClock()
			if err != nil {
				b.Fatal(err)
			}
			ctx := context.Background()
			c, err := NewClient(Options{BaseURL: m.url, Model: "mock", Connections: streams})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			var ofBare, ofOurs []time.Duration
			truth := func() map[int]mock.Stamps {
				t, err := m.stamps(ctx)
				if err != nil {
					b.Fatal(err)
				}
				return t
			}
			ttft := func(t mock.Stamps) time.Duration { return t.Wrote[0] - t.Arrived }
			const tokens = 64
			for b.Loop() {
				records, err := bare(ctx, m.url, streams, 4*streams, tokens, now)
				if err != nil {
					b.Fatal(err)
				}
				stamps := truth()
				for _, r := range records {
					ofBare = append(ofBare, r.first-r.sent-ttft(stamps[r.request]))
				}
				if err := c.Warm(ctx, streams); err != nil {
					b.Fatal(err)
				}
				ours, _, err := selfTestRun(ctx, c, Load{Concurrency: streams}, 4*streams, tokens, now)
				if err != nil {
					b.Fatal(err)
				}
				stamps = truth()
				for _, r := range ours {
					ofOurs = append(ofOurs, r.FirstToken-r.Sent-ttft(stamps[r.Request]))
				}
			}
			ms := func(d time.Duration, name string) { b.ReportMetric(d.Seconds()*1e3, name) }
			ms(mean(ofBare), "bare-mean-ms")
			ms(quantile(ofBare, 0.99), "bare-p99-ms")
			ms(mean(ofOurs), "mean-ms")
			ms(quantile(ofOurs, 0.99), "p99-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkClientScanner is the cost of an event from memory.
func BenchmarkClientScanner(b *testing.B) {
	event := `data: {"id":"chatcmpl-0123456789abcdef0123456789abcdef","object":"chat.completion.chunk","created":1700000000,"model":"mock-model-7b-instruct","choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,"finish_reason":null,"token_ids":null}]}` + "\n\n"
	const events = 2000
	stream := []byte(strings.Repeat(event, events) + finish + done)
	s := new(scanner)
	r := Record{TokenAt: make([]time.Duration, 0, events), TokenCount: make([]int32, 0, events)}
	at := func() time.Duration { return 1 }
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		s.reset()
		r.TokenAt, r.TokenCount, r.FinishReason, r.OutputTokens, r.Flags = r.TokenAt[:0], r.TokenCount[:0], "", Unknown, r.Flags[:0]
		if err := s.read(&replayed{stream}, at, &r, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*events), "ns/event")
}
