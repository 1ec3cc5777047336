package loadgen

import (
	"context"
	"encoding/json"
	"testing"
)

func TestCertify(t *testing.T) {
	c, err := Certify(context.Background(), CertifyOptions{Streams: 8, Tokens: 10, Rounds: 2, Rate: 200, ScheduleRequests: 20})
	if err != nil {
		t.Fatalf("Certify: %v", err)
	}
	if c.Requests != 16 || c.Tokens != 160 {
		t.Errorf("got %d requests, %d tokens: want 16, 160", c.Requests, c.Tokens)
	}
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", b)
}
