package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// The processor time that the test engine spends, so that the truth is known.
const (
	burnPromptWord  = 50 * time.Microsecond
	burnOutputToken = 300 * time.Microsecond
)

// burnEngine is an engine whose only work is to use processor time: a known
// amount for every word of a prompt and every token of an answer, one request
// after the other. It serves on 127.0.0.1 at the port in its last argument.
func burnEngine() {
	var turn sync.Mutex
	burn := func(d time.Duration) {
		turn.Lock()
		defer turn.Unlock()
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
