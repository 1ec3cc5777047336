package loadgen

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"cfubench/datasets"
	"cfubench/loadgen/mock"
)

// A client that could not run when its token came still says when it came: it
// is stopped as a whole while the mock answers.
func TestStampsDoNotWaitForTheClient(t *testing.T) {
	now, err := mock.SystemClock()
	if err != nil {
		t.Fatal(err)
	}
	server := mockServer(t, mock.Pace{TTFT: 300 * time.Millisecond})
	c := client(t, Options{BaseURL: server.url})
	if err := c.Warm(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
	stop := exec.Command("sh", "-c", fmt.Sprintf("sleep 0.1; kill -STOP %[1]d; sleep 1; kill -CONT %[1]d", os.Getpid()))
	if err := stop.Start(); err != nil {
		t.Fatal(err)
	}
	sent := now()
	r := c.Do(context.Background(), Call{Request: datasets.Request{Prompt: "certify 7"}, MaxTokens: 1}, sent, now)
	returned := now()
	if err := stop.Wait(); err != nil {
		t.Fatal(err)
	}
	truth, err := server.stamps(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	s, ok := truth[7]
	if !r.OK() || !ok || len(s.Wrote) != 1 {
		t.Fatalf("got error %q, server's stamps %+v: want one token", r.Err, s)
	}
	lag, wait := r.FirstToken-s.Wrote[0], returned-s.Wrote[0]
	if wait < 500*time.Millisecond {
		t.Skipf("the client was not stopped while the token came: it returned %v after it", wait)
	}
	if lag < 0 || lag > wait/4 {
		t.Errorf("token written at %v, client running again %v later: stamped after %v, want the time it came at", s.Wrote[0], wait, lag)
	}
	if r.ReadLag < wait/2 || r.ReadLag > wait+time.Second {
		t.Errorf("longest wait in the kernel: got %v, want about the %v that the client was away", r.ReadLag, wait)
	}
	if r.Done-s.Wrote[0] > wait/4 {
		t.Errorf("the answer's end: stamped %v after its write, want the time it came at", r.Done-s.Wrote[0])
	}
}

// A run says how many of its requests have the kernel's stamps. The kernel begins to
// stamp a moment after it was asked to, so that the first run may have fewer.
func TestRunCountsKernelStamps(t *testing.T) {
	url := serve(t, answer(3))
	c := client(t, Options{BaseURL: url})
	var stats Stats
	for run := range 20 {
		var err error
		_, stats, err = collect(t, context.Background(), c, Load{Concurrency: 2}, trace(6, 3))
		if err != nil {
			t.Fatal(err)
		}
		if stats.KernelStamped == stats.Requests {
			break
		}
		if run == 19 {
			t.Errorf("got %d requests stamped of %d; want all", stats.KernelStamped, stats.Requests)
		}
	}
	if stats.ReadLagP50 <= 0 || stats.ReadLagP99 < stats.ReadLagP50 || stats.ReadLagMax < stats.ReadLagP50 {
		t.Errorf("read lag: got p50 %v, p99 %v, longest %v; want them above 0 and in order", stats.ReadLagP50, stats.ReadLagP99, stats.ReadLagMax)
	}
}
