package loadgen

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// 10,000 streams are open at a time, over the loopback, and every token of
// every one arrives. The server is another process, so that each has the files
// for its end of the connections.
func TestTenThousandStreams(t *testing.T) {
	streams := 10_000
	if testing.Short() || raceDetector {
		streams = 500
	}
	if problems := CheckLimits(streams); len(problems) > 0 {
		t.Skip(problems)
	}
	const tokens = holdTokens
	url := startHold(t, streams)
	c := client(t, Options{BaseURL: url, Connections: streams})
	live := new(Live)
	records, stats, err := collect(t, context.Background(), c, Load{Concurrency: streams, Live: live}, trace(streams, tokens))
	if err != nil || stats.Errors != 0 || len(records) != streams {
		for _, r := range records {
			if !r.OK() {
				t.Logf("for instance: %s", r.Err)
				break
			}
		}
		t.Fatalf("got %d rows, %d errors, %v; want %d, 0, nil", len(records), stats.Errors, err, streams)
	}
	for n, r := range records {
		if len(r.TokenAt) != tokens || r.OutputTokens != tokens {
			t.Fatalf("request %d: got %d events, %d tokens; want %d", n, len(r.TokenAt), r.OutputTokens, tokens)
		}
	}
	if got := live.Tokens.Load(); got != int64(streams*tokens) {
		t.Errorf("live tokens: got %d, want %d", got, streams*tokens)
	}
}

// holdTokens is the length of a held server's answers.
const holdTokens = 5

// hold serves streams that all stop after their first token until n of them
// are open, and go on together.
func hold(n int, stdin io.Reader, stdout io.Writer) error {
	CheckLimits(n) // raises the limit on files
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var open atomic.Int64
	all := make(chan struct{})
	go acceptRaw(l, func(c net.Conn) {
		io.WriteString(c, streamHead+chunked(hello))
		if open.Add(1) == int64(n) {
			close(all)
		}
		<-all
		for range holdTokens - 1 {
			io.WriteString(c, chunked(world))
		}
		io.WriteString(c, chunked(`data: {"choices":[{"delta":{},"finish_reason":"length"}],"usage":{"completion_tokens":5,"prompt_tokens":1}}`+"\n\n"+done)+"0\r\n\r\n")
	})
	fmt.Fprintf(stdout, "http://%s\n", l.Addr())
	io.Copy(io.Discard, stdin) // until the parent has gone
	return nil
}

// startHold starts this binary as a hold server.
func startHold(t *testing.T, n int) (url string) {
	t.Helper()
	m, err := startMock(t.Context(), []string{os.Args[0], holdArgument, fmt.Sprint(n)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.stop)
	return m.url
}

// rawServer is raw with connections that live on.
func rawServer(t testing.TB, handle func(c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go acceptRaw(l, handle)
	return "http://" + l.Addr().String()
}

// acceptRaw answers each request on each connection with what handle writes.
func acceptRaw(l net.Listener, handle func(c net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			r := bufio.NewReaderSize(c, 512)
			for {
				req, err := http.ReadRequest(r)
				if err != nil {
					return
				}
				io.Copy(io.Discard, req.Body)
				handle(c)
			}
		}()
	}
}

// The memory of an open stream, live heap and stacks, stays within 24 KiB of
// what net/http alone takes for the same.
func TestMemoryPerOpenStream(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector has memory of its own")
	}
	const streams = 400
	if problems := CheckLimits(4 * streams); len(problems) > 0 {
		t.Skip(problems)
	}
	once := func(start func(url string) (stop func())) float64 {
		var open atomic.Int64
		all, release := make(chan struct{}), make(chan struct{})
		url := rawServer(t, func(c net.Conn) {
			io.WriteString(c, streamHead+chunked(hello))
			if open.Add(1) == streams {
				close(all)
			}
			<-release
			io.WriteString(c, chunked(finish+usage+done)+"0\r\n\r\n")
		})
		before := inUse()
		stop := start(url)
		<-all
		time.Sleep(50 * time.Millisecond) // the last ones are reading
		after := inUse()
		close(release)
		stop()
		return (after - before) / streams
	}
	// The stacks of goroutines that are reading by chance differ by kilobytes.
	measure := func(start func(url string) (stop func())) float64 {
		all := []float64{once(start), once(start), once(start)}
		slices.Sort(all)
		return all[1]
	}
	plain := measure(func(url string) func() {
		transport := &http.Transport{MaxIdleConnsPerHost: streams}
		finished := make(chan struct{}, streams)
		for range streams {
			go func() {
				defer func() { finished <- struct{}{} }()
				resp, err := transport.RoundTrip(mustRequest(t, url))
				if err != nil {
					t.Error(err)
					return
				}
				var buf [512]byte
				for err == nil {
					_, err = resp.Body.Read(buf[:])
				}
				resp.Body.Close()
			}()
		}
		return func() {
			for range streams {
				<-finished
			}
			transport.CloseIdleConnections()
		}
	})
	own := measure(func(url string) func() {
		c, err := NewClient(Options{BaseURL: url, Model: "m", Connections: streams})
		if err != nil {
			t.Fatal(err)
		}
		finished := make(chan struct{})
		go func() {
			defer close(finished)
			if _, err := Run(context.Background(), c, Load{Concurrency: streams}, trace(streams, 128), since(), func(r Record) {
				if !r.OK() {
					t.Error(r.Err)
				}
			}); err != nil {
				t.Error(err)
			}
		}()
		return func() { <-finished; c.Close() }
	})
	t.Logf("per open stream, with the server's side: net/http alone %.1f KiB, this client %.1f KiB", plain/1024, own/1024)
	if own-plain > 24<<10 {
		t.Errorf("beyond net/http's own: got %.1f KiB a stream, want at most 24", (own-plain)/1024)
	}
}

func mustRequest(t testing.TB, url string) *http.Request {
	req, err := http.NewRequest(http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// inUse is the memory of live objects and of goroutine stacks.
func inUse() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
