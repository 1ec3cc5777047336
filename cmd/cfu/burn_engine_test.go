package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cfubench/meter"
)

// The CPU time that the test engine spends, so that the truth is known.
const (
	burnPromptWord  = 50 * time.Microsecond
	burnOutputToken = 300 * time.Microsecond
)

// burnEngine is an engine whose only work is to use CPU time: a known
// amount for every word of a prompt and every token of an answer, one request
// after the other. It serves on 127.0.0.1 at the port in its last argument. An
// argument counter=FILE makes it count the joules of that work, and of an idle
// power, in FILE as a powercap register does, and wait=D begin each answer that much
// later.
func burnEngine() {
	var turn sync.Mutex
	var burned atomic.Int64 // ns asked for
	var wait time.Duration
	for _, arg := range os.Args {
		if d, ok := strings.CutPrefix(arg, "wait="); ok {
			wait, _ = time.ParseDuration(d)
		}
		if path, ok := strings.CutPrefix(arg, "counter="); ok {
			go countBurned(path, &burned)
		}
	}
	burn := func(d time.Duration) {
		turn.Lock()
		defer turn.Unlock()
		defer burned.Add(int64(d))
		// Time on one core is what is asked for; a loaded machine only makes it
		// shorter, by the same part for every request.
		for end := time.Now().Add(d); time.Now().Before(end); {
		}
	}
	http.HandleFunc("GET /v1/models", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"object":"list","data":[{"id":"burner","object":"model"}]}`)
	})
	http.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			MaxTokens int `json:"max_tokens"`
			Messages  []struct{ Content string }
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.Messages) == 0 {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		words := len(strings.Fields(body.Messages[0].Content))
		time.Sleep(wait)
		burn(time.Duration(words) * burnPromptWord)
		w.Header().Set("Content-Type", "text/event-stream")
		for range body.MaxTokens {
			burn(burnOutputToken)
			fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a \"}}]}\n\n")
			w.(http.Flusher).Flush()
		}
		fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n")
		fmt.Fprintf(w, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\ndata: [DONE]\n\n",
			words, body.MaxTokens, words+body.MaxTokens)
	})
	err := http.ListenAndServe("127.0.0.1:"+os.Args[len(os.Args)-1], nil)
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// What a burnt second and an idle one count.
const (
	burnPower     = 4000 * meter.Watt
	burnIdlePower = 20 * meter.Watt
)

// countBurned publishes the energy so far every 5 ms, in as many digits each time:
// a register never shrinks under a reader.
func countBurned(path string, burned *atomic.Int64) {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	begun := time.Now()
	for range time.Tick(5 * time.Millisecond) {
		e := meter.EnergyOf(burnIdlePower, time.Since(begun)) + meter.EnergyOf(burnPower, time.Duration(burned.Load()))
		if _, err := file.WriteAt(fmt.Appendf(nil, "%015d\n", int64(e)), 0); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
