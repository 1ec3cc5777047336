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
)

// WaitReady returns when the server at baseURL is ready to serve: its /health
// answers 200, or answers at all where it has none or none for us. It tries until
// ctx ends, and gives up at once where waiting cannot help: a refused key.
// The error says what the server answered last.
func WaitReady(ctx context.Context, c *http.Client, baseURL, apiKey string) error {
	return wait(ctx, c, baseURL, apiKey, func(ctx context.Context, e peer) error {
		_, err := e.do(ctx, http.MethodGet, "/health", nil)
		var se *statusError
		switch {
		case absent(err):
			return nil
		case errors.As(err, &se) && se.refused():
			_, err = e.models(ctx) // a gateway that keeps its health to itself
			if errors.As(err, &se) && !se.refused() {
				return nil
			}
		}
		return err
	})
}

// WaitModel returns when the server at baseURL lists a model, or has no list that
// waiting could fill. It tries until ctx ends: behind a gateway that answers for
// itself the model may be loading still.
func WaitModel(ctx context.Context, c *http.Client, baseURL, apiKey string) error {
	return wait(ctx, c, baseURL, apiKey, func(ctx context.Context, e peer) error {
		list, err := e.models(ctx)
		switch {
		case absent(err):
			return nil
		case err == nil && len(list.Data) == 0:
			return errors.New("GET /v1/models: it lists no model")
		}
		return err
	})
}

// NotReady reports whether err, of one of the waits, says that the server answers
// and is not ready: it may be worth a longer wait than one that does not answer.
func NotReady(err error) bool {
	var se *statusError
	return errors.As(err, &se) && !se.refused() && se.code >= 400
}

// wait asks again and again, less and less often.
func wait(ctx context.Context, c *http.Client, baseURL, apiKey string, ask func(context.Context, peer) error) error {
	e, err := newPeer(c, baseURL, apiKey)
	if err != nil {
		return err
	}
	pause := firstProbe
	for {
		err := ask(ctx, e)
		if err == nil {
			return nil
		}
		var se *statusError
		if errors.As(err, &se) && se.refused() {
			return fmt.Errorf("wait for %s: %w: the server wants an API key, or another one", e.root, err)
		}
		if errors.As(err, &se) && se.code/100 == 3 {
			return fmt.Errorf("wait for %s: %w", e.root, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w; the last answer: %w", e.root, context.Cause(ctx), err)
		case <-time.After(pause):
		}
		pause = min(2*pause, lastProbe)
	}
}
