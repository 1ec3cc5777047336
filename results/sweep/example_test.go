package sweep_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"cfubench/loadgen/mock"
	"cfubench/results/runfolder"
	"cfubench/results/summary"
	"cfubench/results/sweep"
)

// A sweep of two loads against a server, and its run folder read back.
func Example() {
	now, err := mock.SystemClock()
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(mock.New(mock.Pace{TTFT: 5 * time.Millisecond, Gap: time.Millisecond}, now))
	defer server.Close()
	dir, err := os.MkdirTemp("", "sweep")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	trace := filepath.Join(dir, "trace.jsonl")
	if err := os.WriteFile(trace, []byte(`{"prompt":"count 1","prompt_tokens":2,"output_tokens":4}`+"\n"+`{"prompt":"count 2","prompt_tokens":2,"output_tokens":8}`+"\n"), 0o644); err != nil {
		fmt.Println(err)
		return
	}

	config := sweep.Defaults()
	config.Endpoint, config.Model, config.Out = server.URL, "mock", filepath.Join(dir, "out")
	config.Dataset, config.Tokenizer, config.NumRequests = "jsonl:"+trace, "words", 2
	config.Concurrency = []int{1, 2}
	config.Meter, config.Idle, config.Certify = []string{"none"}, 0, false // there is nothing to meter here
	if err := config.Check(); err != nil {
		fmt.Println(err)
		return
	}
	run, err := sweep.Run(context.Background(), config, sweep.Quiet{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, cell := range run.Cells {
		tokens := 0
		for r, err := range runfolder.Requests().Scan(context.Background(), runfolder.CellFile(config.Out, cell.ID, runfolder.RequestsFile)) {
			if err != nil {
				fmt.Println(err)
				return
			}
			tokens += r.OutputTokens
		}
		fmt.Println(cell.ID, cell.Requests, "requests,", tokens, "output tokens")
	}
	s, err := summary.Summarize(context.Background(), config.Out)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(s.Points), "load points,", s.Validity.Verdict)
	// Output:
	// b0-c1-r1 2 requests, 12 output tokens
	// b0-c2-r1 2 requests, 12 output tokens
	// 2 load points, valid with warnings
}
