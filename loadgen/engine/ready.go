package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Polling of a server that is not ready yet.
const (
	firstProbe = 20 * time.Millisecond
	lastProbe  = time.Second
	probeLimit = 5 * time.Second // one probe may hang: the server loads its model
)

// WaitReady returns when the server at baseURL is ready to serve: its /health
// answers 200 or, where there is no /health, its /v1/models. It tries until
// ctx ends, and gives up at once where waiting cannot help: a refused key.
// The error says what the server answered last.
func WaitReady(ctx context.Context, c *http.Client, baseURL, apiKey string) error {
	e, err := newEndpoint(c, baseURL, apiKey)
	if err != nil {
		return err
	}
	wait := firstProbe
	for {
		err := e.probe(ctx)
		if err == nil {
			return nil
		}
		var se *statusError
		if errors.As(err, &se) && (se.code == http.StatusUnauthorized || se.code == http.StatusForbidden) {
			return fmt.Errorf("wait for %s: %w: the server wants an API key, or another one", e.root, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w; the last answer: %w", e.root, context.Cause(ctx), err)
		case <-time.After(wait):
		}
		wait = min(2*wait, lastProbe)
	}
}

// probe asks once.
func (e endpoint) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	_, err := e.do(ctx, http.MethodGet, "/health", nil)
	if absent(err) {
		_, err = e.do(ctx, http.MethodGet, "/v1/models", nil)
	}
	return err
}
