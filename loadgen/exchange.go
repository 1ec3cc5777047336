package loadgen

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"
)

// exchange is one request on its way: the connection it went out on and the
// record it fills. Times in it are on the client's clock.
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
	trace  httptrace.ClientTrace
	wait   endWait // for the answer's end mark
	// counted is when the last event came that said something new of the answer.
	counted time.Duration
	asked   asked
	record  Record
}

// errTimeout is the cause of a context that Options.Timeout ended.
var errTimeout = errors.New("request timeout")

// run builds the request, sends it and reads the answer.
func (x *exchange) run(ctx context.Context, call Call) error {
	c := x.client
	o := c.calls[call.API]
	if o == nil {
		return fmt.Errorf("api %q: no such API", call.API)
	}
	body, text, err := o.encode(call)
	if err != nil {
		return err
	}
	x.asked = asked{body: len(body), text: text, prompt: call.Request.PromptTokens, limit: call.MaxTokens, model: c.options.Model}
	if x.asked.prompt == 0 { // of a request that nobody counted
		x.asked.prompt = Unknown
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	x.cancel = cancel
	x.wait.cancel = func() { cancel(nil) }
	if c.options.Timeout > 0 {
		// The request is built ahead of its due time, which the timeout must
		// not be charged for.
		timer := time.AfterFunc(c.options.Timeout+max(0, x.due-c.now()), func() { cancel(errTimeout) })
		defer timer.Stop()
	}
	x.trace.GotConn = x.gotConn
	resp, err := x.send(httptrace.WithClientTrace(ctx, &x.trace), o, body)
	if x.conns > 1 {
		x.record.Flags = append(x.record.Flags, FlagResent)
	}
	if err != nil {
		return x.cause(ctx, err)
	}
	x.record.Status = resp.StatusCode
	encoded := resp.Body
	defer func() {
		if x.atEnd {
			encoded.Close()
			return
		}
		drain(encoded, func() { cancel(nil) })
	}()
	if err := decode(resp); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return refusal(resp, o.url.Path)
	}
	err = x.cause(ctx, x.read(resp, call))
	x.ended = c.now() // the drain is no part of the request
	if err == nil {
		x.ended = x.arrived()
		if x.wait.gaveUp.Load() {
			x.ended = x.counted
		}
	}
	return err
}

// send puts the request on a connection at its due time. It follows no redirect.
func (x *exchange) send(ctx context.Context, o *operating, body []byte) (*http.Response, error) {
	c := x.client
	req := (&http.Request{
		Method: http.MethodPost, URL: o.url, Host: o.url.Host, Header: o.header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		// net/http knows this for memory, and sends head and body in one write.
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}).WithContext(ctx)
	if wake := x.due - c.headStart.get(); wake > c.now() {
		x.woken = wake
	}
	if err := sleepUntil(ctx, cmp.Or(x.woken, x.due), c.now); err != nil {
		return nil, err
	}
	resp, err := c.transport.RoundTrip(req)
	if x.conn != nil {
		x.sent = time.Duration(x.conn.wrote.Load())
	}
	return resp, err
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

// read takes the answer apart into the record.
func (x *exchange) read(resp *http.Response, call Call) error {
	s := x.client.buffers.Get().(*scanner)
	defer x.client.buffers.Put(s)
	s.reset()
	s.asked, s.limit, s.secrets = x.asked, eventLimit(call.MaxTokens), x.client.secrets
	if call.API == APIEmbeddings {
		err := s.readWhole(resp.Body, x.arrived, &x.record)
		x.atEnd = s.atEnd
		return err
	}
	body, err := stream(resp)
	if err != nil {
		return err
	}
	if n := call.MaxTokens; n > 0 {
		n = min(n+1, firstTokens)
		x.record.TokenAt = make([]time.Duration, 0, n)
		x.record.TokenCount = make([]int32, 0, n)
	}
	s.keepText = call.Answer != nil
	s.wait = &x.wait
	defer x.wait.stop()
	err = s.read(body, x.arrived, &x.record, call.Events)
	x.atEnd, x.counted = s.atEnd && body == resp.Body, s.counted
	if err == nil && call.Answer != nil {
		*call.Answer, err = s.answer()
	}
	return err
}

// firstTokens is for how many tokens a record has room at first.
const firstTokens = 512

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
	return err
}

// errInterrupted marks requests that were in flight when the run was stopped.
var errInterrupted = errors.New("interrupted")
