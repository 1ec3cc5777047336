package mock_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"cfubench/loadgen/mock"
)

// start serves a mock until the test ends.
func start(t *testing.T, pace mock.Pace) (url string, now func() time.Duration) {
	t.Helper()
	now, err := mock.SystemClock()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mock.New(pace, now).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return "http://" + l.Addr().String(), now
}

func ask(t *testing.T, method, url, body string) string {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func stamps(t *testing.T, url string) []mock.Stamps {
	t.Helper()
	var s []mock.Stamps
	if err := json.Unmarshal([]byte(ask(t, "GET", url+"/stamps", "")), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// An answer has as many events as tokens were asked for, and its stamps are
// on the clock of the host, in order, and no earlier than the pace allows.
func TestAnswersAreStamped(t *testing.T) {
	pace := mock.Pace{TTFT: 20 * time.Millisecond, Gap: 3 * time.Millisecond}
	url, now := start(t, pace)
	for path, body := range map[string]string{
		"/v1/chat/completions": `{"messages":[{"content":"you are"},{"content":"certify 41"}],"max_tokens":5}`,
		"/v1/completions":      `{"prompt":"certify 41","max_tokens":5}`,
	} {
		before := now()
		stream := ask(t, "POST", url+path, body)
		after := now()
		if got := strings.Count(stream, " token"); got != 5 || !strings.Contains(stream, `"completion_tokens":5`) || !strings.HasSuffix(stream, "data: [DONE]\n\n") {
			t.Errorf("%s: got %d tokens in %q, want 5, the usage and the end mark", path, got, stream)
		}
		all := stamps(t, url)
		if len(all) != 1 || all[0].Request != 41 || len(all[0].Wrote) != 5 {
			t.Fatalf("%s: stamps: got %+v, want one answer of 5 tokens to request 41", path, all)
		}
		s := all[0]
		if s.Arrived < before || s.Wrote[4] > after {
			t.Errorf("%s: stamps from %v to %v, want them within %v and %v", path, s.Arrived, s.Wrote[4], before, after)
		}
		for i, at := range s.Wrote {
			if earliest := s.Arrived + pace.TTFT + time.Duration(i)*pace.Gap; at < earliest {
				t.Errorf("%s: token %d written at %v, before its time %v", path, i, at, earliest)
			}
		}
	}
	if left := stamps(t, url); len(left) != 0 {
		t.Errorf("stamps asked for again: got %+v, want none", left)
	}
}

func TestPaceChanges(t *testing.T) {
	url, _ := start(t, mock.Pace{TTFT: time.Hour})
	ask(t, "PUT", url+"/pace", `{"TTFT":0,"Gap":0}`)
	if stream := ask(t, "POST", url+"/v1/completions", `{"prompt":"x 1","max_tokens":2}`); !strings.Contains(stream, "[DONE]") {
		t.Errorf("after the change of pace: got %q, want the whole stream", stream)
	}
	if got := ask(t, "PUT", url+"/pace", "x"); !strings.Contains(got, "invalid character") {
		t.Errorf("a pace that is no JSON: got %q, want it refused", got)
	}
	if got := ask(t, "POST", url+"/v1/completions", "x"); !strings.Contains(got, "the body is not JSON") {
		t.Errorf("a request that is no JSON: got %q, want it refused", got)
	}
	if got := ask(t, "GET", url+"/health", ""); got != "{}" {
		t.Errorf("anything else: got %q, want {}", got)
	}
}

// The server's totals are those of what it has answered.
func TestMetrics(t *testing.T) {
	url, _ := start(t, mock.Pace{})
	ask(t, "POST", url+"/v1/completions", `{"prompt":"x 1","max_tokens":3}`)
	ask(t, "POST", url+"/v1/completions", `{"prompt":"x 2","max_tokens":4}`)
	text := ask(t, "GET", url+"/metrics", "")
	for _, want := range []string{`vllm:prompt_tokens_total{model_name="mock-model-7b-instruct"} 16`, `vllm:generation_tokens_total{model_name="mock-model-7b-instruct"} 7`,
		`vllm:request_success_total{model_name="mock-model-7b-instruct"} 2`, `vllm:num_requests_running{model_name="mock-model-7b-instruct"} 0`} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("got no %s in:\n%s", want, text)
		}
	}
	if models := ask(t, "GET", url+"/v1/models", ""); !strings.Contains(models, `"owned_by":"vllm"`) {
		t.Errorf("models: got %s", models)
	}
}

// The mock's process says where it is and ends with its parent's pipe.
func TestProcessEndsWithItsStdin(t *testing.T) {
	stdin, parent := io.Pipe()
	out, stdout := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- mock.Process(context.Background(), stdin, stdout) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "http://127.0.0.1:") {
		t.Fatalf("address: got %q, %v", line, err)
	}
	if got := ask(t, "GET", strings.TrimSpace(line)+"/health", ""); got != "{}" {
		t.Errorf("health: got %q, want {}", got)
	}
	parent.Close()
	if err := <-ended; err != nil {
		t.Errorf("end: got %v, want none", err)
	}
	if err := mock.Process(context.Background(), bytes.NewReader(nil), brokenWriter{}); err == nil {
		t.Error("nowhere to say the address: got no error")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
