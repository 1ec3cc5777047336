package datasets

import (
	"context"
	"testing"
)

func TestSampleNeedsNoTokenizer(t *testing.T) {
	tr, err := Open(context.Background(), "sample", Options{NumRequests: 32, MaxPromptTokens: 128, MaxOutputTokens: 32})
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.Requests) != 32 {
		t.Fatalf("got %d requests, want 32", len(tr.Requests))
	}
	for _, r := range tr.Requests {
		if r.PromptTokens != Unknown || r.OutputTokens <= 0 || r.OutputTokens > 32 {
			t.Errorf("request of %s: got %d prompt and %d output tokens, want unknown and 1 to 32", r.Conversation, r.PromptTokens, r.OutputTokens)
		}
	}
}
