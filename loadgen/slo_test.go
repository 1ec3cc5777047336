package loadgen

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

var _ pflag.Value = (*SLO)(nil)

func TestSLOIsKept(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	slo, err := ParseSLO("ttft=100ms,tpot=10ms,e2e=1s")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name                   string
		due, first, last, done time.Duration
		tokens                 int
		want                   bool
	}{
		{"within all bounds", 0, ms(100), ms(200), ms(300), 11, true},
		{"a first token too late, counted from when it was due", ms(10), ms(111), ms(200), ms(300), 11, false},
		{"tokens too slow", 0, ms(100), ms(201), ms(300), 11, false},
		{"an end too late", 0, ms(100), ms(200), ms(1001), 11, false},
		{"one token has no time after the first", 0, ms(100), ms(100), ms(300), 1, true},
		{"several tokens at one instant: the time per token is unknown, and no bound on it is kept", 0, ms(100), ms(100), ms(300), 11, false},
		{"tokens of a buffer, 10 µs each", 0, ms(80), ms(80) + 100*time.Microsecond, ms(300), 11, false},
		{"tokens of a buffer, 200 µs each after the whole answer was made", 0, ms(99), ms(103), ms(300), 21, false},
		{"few tokens that are quick after a long wait", 0, ms(99), ms(99) + 800*time.Microsecond, ms(300), 5, true},
		{"tokens that nobody counted", 0, ms(100), ms(200), ms(300), Unknown, false},
		{"no token", 0, Never, Never, ms(300), 0, false},
	} {
		if got := slo.Kept(tt.due, tt.due, tt.first, tt.last, tt.done, tt.tokens); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	if !(SLO{E2E: ms(400)}).Kept(0, 0, Never, Never, ms(300), 0) {
		t.Error("an embedding within its latency: got false, want it kept")
	}
	if slo.Met(Record{FirstToken: ms(10), LastToken: ms(20), Done: ms(30), OutputTokens: 2, Err: "no"}) {
		t.Error("a failure: got true, want no objective kept")
	}
}

func TestSLOIsTextAndFlag(t *testing.T) {
	var holder struct {
		SLO SLO `json:"slo"`
	}
	text := []byte(`{"slo":"ttft=500ms,tpot=50ms"}`)
	if err := json.Unmarshal(text, &holder); err != nil || holder.SLO != (SLO{TTFT: 500 * time.Millisecond, TPOT: 50 * time.Millisecond}) {
		t.Errorf("read %+v, %v", holder.SLO, err)
	}
	if got, err := json.Marshal(holder); err != nil || string(got) != string(text) {
		t.Errorf("wrote %s, %v, want %s", got, err, text)
	}
	if err := json.Unmarshal([]byte(`{"slo":""}`), &holder); err != nil || !holder.SLO.IsZero() {
		t.Errorf("an empty text: got %+v, %v, want none", holder.SLO, err)
	}
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	fs.Var(&holder.SLO, "slo", "")
	if err := fs.Parse([]string{"--slo", "e2e=2s"}); err != nil || holder.SLO.E2E != 2*time.Second {
		t.Errorf("flag: got %+v, %v", holder.SLO, err)
	}
	if err := holder.SLO.Set("ttft=fast"); err == nil || holder.SLO.E2E != 2*time.Second {
		t.Errorf("a wrong text: got %v and %v, want an error and the old value", err, holder.SLO)
	}
}
