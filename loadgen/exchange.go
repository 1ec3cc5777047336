package loadgen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"time"

	openai "github.com/sashabaranov/go-openai"
)

// exchange is one request on its way: what go-openai built, the connection it
// went out on and the record it fills. Times in it are on the client's clock.
type exchange struct {
	client *Client
	due    time.Duration
	cancel context.CancelCauseFunc
	conn   *conn
	user   int64         // which of the connection's users this is
	woken  time.Duration // when it was to wake up to be in time, 0 if it came too late to sleep
	sent   time.Duration
	ended  time.Duration
	atEnd  bool // the body was read to its end
	conns  int  // connections tried: more than one means that it was sent again
	record Record
	// response is set once the status said success: its body is ours to read.
	response *http.Response
	// retryAfter is the server's word on a refusal.
	retryAfter string
	sentPath   string
}

type exchangeKey struct{}

// errTimeout is the cause of a context that Options.Timeout ended.
var errTimeout = errors.New("request timeout")

// run builds the request with go-openai, sends it and reads the stream.
func (x *exchange) run(ctx context.Context, call Call) error {
	c := x.client
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	x.cancel = cancel
	if c.options.Timeout > 0 {
		// The request is built ahead of its due time, which the timeout must
		// not be charged for.
		timer := time.AfterFunc(c.options.Timeout+max(0, x.due-c.now()), func() { cancel(errTimeout) })
		defer timer.Stop()
	}
	ctx = context.WithValue(ctx, exchangeKey{}, x)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: x.gotConn})

	var err error
	if c.options.API == APICompletions {
		_, err = c.openai.CreateCompletionStream(ctx, c.completionRequest(call))
	} else {
		_, err = c.openai.CreateChatCompletionStream(ctx, c.chatRequest(call))
	}
	if x.conns > 1 {
		x.record.Flags = append(x.record.Flags, FlagResent)
	}
	if !errors.Is(err, errTaken) {
		return x.cause(ctx, err)
	}
	defer func() {
		if x.atEnd {
			x.response.Body.Close()
			return
		}
		drain(x.response.Body, func() { cancel(nil) })
	}()
	if err := checkStream(x.response); err != nil {
		return err
	}
	err = x.cause(ctx, x.read(call))
	x.ended = c.now() // the drain is no part of the request
	if err == nil {
		x.ended = x.arrived()
	}
	return err
}

// cause puts the reason why a context ended in place of what the transport
// made of it; what the server had said before stays.
func (x *exchange) cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && x.record.Status < 300 {
		return context.Cause(ctx)
	}
	return err
}

// gotConn notes the connection that the request goes out on.
func (x *exchange) gotConn(info httptrace.GotConnInfo) {
	x.conns++
	x.record.ConnectionReused = info.Reused
	x.conn = stampedConn(info.Conn)
	if x.conn != nil {
		x.user = x.conn.users.Add(1)
		x.conn.wrote.Store(0)
		x.conn.lag.Store(0)
		if x.woken > 0 {
			x.conn.woken.Store(int64(x.woken))
			x.conn.due.Store(int64(x.due))
		}
	}
}

// read takes the stream apart into the record.
func (x *exchange) read(call Call) error {
	s := x.client.buffers.Get().(*scanner)
	defer x.client.buffers.Put(s)
	s.reset()
	if n := call.MaxTokens; n > 0 {
		n = min(n+1, 4096)
		x.record.TokenAt = make([]time.Duration, 0, n)
		x.record.TokenCount = make([]int32, 0, n)
	}
	s.keepText = call.Answer != nil
	err := s.read(x.response.Body, x.arrived, &x.record, call.Events)
	x.atEnd = s.atEnd
	if err == nil && call.Answer != nil {
		*call.Answer, err = s.answer()
	}
	return err
}

// arrived is the time at which the last bytes reached the connection.
func (x *exchange) arrived() time.Duration {
	if x.conn != nil {
		at, lag := x.conn.read.Load(), x.conn.lag.Load()
		if at > 0 && x.conn.users.Load() == x.user {
			x.record.ReadLag = time.Duration(lag)
			return time.Duration(at)
		}
	}
	return x.client.now()
}

// explain adds to a failure what only the exchange knows.
func (x *exchange) explain(ctx context.Context, err error) error {
	if errors.Is(err, errTimeout) {
		return fmt.Errorf("not finished within %v: the server is slower than the request timeout allows", x.client.options.Timeout)
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	if x.record.Status >= 300 {
		return statusError(x.record.Status, x.sentPath, x.retryAfter, err)
	}
	return err
}

// errInterrupted marks requests that were in flight when the run was stopped.
var errInterrupted = errors.New("interrupted")

// errTaken tells go-openai that there is nothing for it to read: the stream of
// a success is read from the exchange, without an allocation for each event.
var errTaken = errors.New("stream taken")

// doer is the HTTPDoer under go-openai: it sends what go-openai built with the
// extra fields spliced in, at its due time, over the stamped transport, and
// follows no redirect.
type doer struct{ client *Client }

var _ openai.HTTPDoer = doer{}

// Do sends one request. A success goes to the exchange and errTaken to
// go-openai; any other answer is go-openai's to classify.
func (d doer) Do(req *http.Request) (*http.Response, error) {
	x, ok := req.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		return nil, errors.New("request without an exchange")
	}
	x.sentPath = req.URL.Path
	// HTTP/1.1 keeps connections and nobody caches a POST: go-openai's words to
	// that end only cost the client and the server time.
	delete(req.Header, "Connection")
	delete(req.Header, "Cache-Control")
	if err := splice(req, d.client.fieldsFor(x.record.TargetOutputTokens)); err != nil {
		return nil, err
	}
	if wake := x.due - d.client.headStart.get(); wake > d.client.now() {
		x.woken = wake
	}
	if err := sleepUntil(req.Context(), cmp.Or(x.woken, x.due), d.client.now); err != nil {
		return nil, err
	}
	resp, err := d.client.transport.RoundTrip(req)
	if x.conn != nil {
		x.sent = time.Duration(x.conn.wrote.Load())
	}
	if err != nil {
		return nil, err
	}
	x.record.Status = resp.StatusCode
	if resp.StatusCode/100 == 2 {
		x.response = resp
		return nil, errTaken
	}
	return refusal(x, resp), nil
}
