package live_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cfubench/internal/secret"
	"cfubench/loadgen/engine"
	"cfubench/meter"
	"cfubench/results/live"
)

// TestSecretsAreNotServed: a server may give its model the key for a name.
func TestSecretsAreNotServed(t *testing.T) {
	const key = "live-77c0a9e1d4"
	secret.Own().Add(key)
	run, watch := live.New(), live.NewWatch(nil)
	run.SetRun(1, time.Now())
	run.SetCell(1, "b1-c1-r1", "m "+key, "vllm")
	watch.SetServer(engine.Identity{Kind: "vllm", Version: key}, "m "+key, string(meter.KindModel))
	for name, h := range map[string]http.Handler{"of a run": run.Handler(), "of a server": watch.Handler()} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if text := w.Body.String(); strings.Contains(text, key) || !strings.Contains(text, `"m ***"`) {
			t.Errorf("the figures %s: want the model as m ***, got\n%s", name, text)
		}
	}
}
