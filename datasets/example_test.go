package datasets_test

import (
	"context"
	"fmt"

	"cfubench/datasets"
)

// The bundled sample needs no tokenizer and no file.
func ExampleOpen() {
	trace, err := datasets.Open(context.Background(), "sample", datasets.Options{
		NumRequests: 2, MaxPromptTokens: 16, MaxOutputTokens: 64,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range trace.Requests {
		fmt.Printf("%s turn %d: %q, %d tokens wanted\n", r.Conversation, r.Turn, r.Prompt, r.OutputTokens)
	}
	fmt.Println(trace.Dropped)
	// Output:
	// sample-002 turn 0: "often few body give", 64 tokens wanted
	// sample-007 turn 0: "such near from head talk does place the try her dog", 64 tokens wanted
	// map[prompt over the limit of 16 tokens:6]
}

// Every human turn is a request; its history is the turns before it.
func ExampleOptions_multiTurn() {
	trace, err := datasets.Open(context.Background(), "sample", datasets.Options{
		NumRequests: 3, MultiTurn: true, Tokenizer: datasets.Words(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range trace.Requests {
		fmt.Printf("%s turn %d: %d tokens in, %d out\n", r.Conversation, r.Turn, r.PromptTokens, r.OutputTokens)
	}
	// Output:
	// sample-000 turn 0: 22 tokens in, 90 out
	// sample-000 turn 1: 975 tokens in, 414 out
	// sample-001 turn 0: 38 tokens in, 937 out
}
