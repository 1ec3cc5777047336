package loadgen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/datasets"
	"cfubench/internal/secret"
	"cfubench/loadgen/endpoint"
	"cfubench/loadgen/rxtime"
)

// Options configures a Client.
type Options struct {
	// BaseURL is the endpoint, as endpoint.Parse reads it.
	BaseURL string
	Model   string
	// API is one of APIs, the default "" for APIChat.
	API string
	// APIKey is sent as a bearer token and appears nowhere else, nor do the
	// values of Headers, the fields that each request carries besides.
	APIKey  string
	Headers []endpoint.Header
	// TokensField is the name under which a chat or completions server takes the
	// length of an answer: max_tokens (the default, "") or
	// max_completion_tokens.
	TokensField string
	// IgnoreEOS asks the server for exactly MaxTokens tokens a request.
	IgnoreEOS bool
	// MinTokens asks for no fewer than MaxTokens tokens a request (min_tokens),
	// for servers that know it and not ignore_eos.
	MinTokens bool
	// Salt is put before each conversation's first prompt, so that a run finds
	// nothing of an earlier one in the server's prefix cache.
	Salt string
	// ExtraBody is merged into each request's JSON body, over the client's own
	// temperature and stream_options. A nil leaves such a field out.
	ExtraBody map[string]any
	// Connections is the number of idle connections kept (default 512).
	Connections int
	// CAFile is a PEM file of certificate authorities to trust instead of the
	// system's.
	CAFile string
	// Timeout bounds one request from its send to its last byte, 0 for none.
	Timeout time.Duration
	// Secrets hides what else no record may have. The key and the values of
	// Headers are made known to it.
	Secrets *secret.Redactor
}

// Salted returns options whose prompts find nothing in the server's prefix cache
// that those of another salt left there: by the request field of that name, where
// the server has one and ExtraBody does not set it, else by Salt.
func (o Options) Salted(field, salt string) Options {
	if field == "" {
		o.Salt = salt
		return o
	}
	body := map[string]any{field: salt}
	maps.Copy(body, o.ExtraBody)
	o.ExtraBody = body
	return o
}

// Message is one turn of a chat's history.
type Message struct {
	Role    string // "user", "assistant", "system"
	Content string
}

// Call is one request to make.
type Call struct {
	Request datasets.Request
	// API, if set, is another than the client's, and Body the whole request as a
	// JSON object, to be sent as it is but for what the run sets: the model, the
	// stream, ExtraBody and, where it has none, the length.
	API  string
	Body []byte
	// MaxTokens caps the answer, 0 for the server's own limit.
	MaxTokens int
	// History is what was said before the request's prompt.
	History []Message
	// Answer, if set, receives the text of the answer.
	Answer *string
	// Events, if set, is told how many token-bearing events have come since the last
	// time: of the first sign of a token, which may have no text, also that it is 0.
	Events func(n int)
}

// Client sends streaming requests to one OpenAI-compatible endpoint and stamps
// what comes back. It is safe for concurrent use.
type Client struct {
	options   Options
	address   endpoint.Address
	access    endpoint.Access
	secrets   *secret.Redactor
	calls     map[string]*operating // by API
	transport *http.Transport
	origin    time.Time
	buffers   sync.Pool
	headStart headStart
	stamping  io.Closer // the kernel's, until Close
}

// operating is what all requests of one API have in common.
type operating struct {
	format
	url    *url.URL
	header http.Header // read only: requests share it
}

// NewClient checks the options and returns a client that has no connection
// open yet.
func NewClient(o Options) (*Client, error) {
	address, err := endpoint.Parse(o.BaseURL)
	if err != nil {
		return nil, err
	}
	if o.API == "" {
		o.API = APIChat
	}
	if !slices.Contains(APIs(), o.API) {
		return nil, fmt.Errorf("api %q: want %s", o.API, strings.Join(APIs(), ", "))
	}
	c := &Client{options: o, address: address, origin: time.Now(), calls: map[string]*operating{}}
	c.access = endpoint.Access{APIKey: o.APIKey, Headers: o.Headers}
	if err := c.access.Check(); err != nil {
		return nil, err
	}
	if err := checkTokensField(o.TokensField); err != nil {
		return nil, err
	}
	if c.secrets = o.Secrets; c.secrets == nil {
		c.secrets = secret.Own()
	}
	c.access.Tell(c.secrets)
	for _, api := range APIs() {
		if c.calls[api], err = c.operating(api); err != nil {
			return nil, err
		}
	}
	c.headStart.set(firstHeadStart)
	c.buffers.New = func() any { return new(scanner) }
	if c.transport, err = newTransport(o, c.now, &c.headStart); err != nil {
		return nil, err
	}
	c.stamping = rxtime.Hold()
	return c, nil
}

// operating prepares the requests of one API.
func (c *Client) operating(api string) (*operating, error) {
	f, err := newFormat(c.options, api)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(c.address.API(operation(api)))
	if err != nil {
		return nil, fmt.Errorf("address of the API: %w", err)
	}
	accept := "text/event-stream"
	if api == APIEmbeddings {
		accept = "application/json"
	}
	header := http.Header{
		"Content-Type": {"application/json"}, "Accept": {accept},
		// An idle connection that the server closed under the request is worth a
		// second connection; the nil field tells the transport so and is not sent.
		// The record is flagged.
		"Idempotency-Key": nil,
	}
	c.access.Set(header)
	return &operating{format: f, url: u, header: header}, nil
}

// Close drops the idle connections. The client is of no use after it.
func (c *Client) Close() {
	c.transport.CloseIdleConnections()
	c.stamping.Close()
}

// now is the client's own monotonic clock; Do rebases its stamps on the run's.
func (c *Client) now() time.Duration { return time.Since(c.origin) }

// warmTime is how long Warm waits for answers.
const warmTime = 2 * time.Second

// Warm opens n connections and leaves them idle, so that no request of the
// measured window has to open one. Each carries one GET /models; any answer
// will do. Servers close idle connections after a few seconds (llama.cpp and
// uvicorn after five), so warm right before the window. A server that answers
// fewer connections at a time than n (llama.cpp has a thread for each) keeps
// those that it answered within two seconds; the rest are opened when they
// are needed, which no TTFT counts. It is an error if none was answered.
func (c *Client) Warm(ctx context.Context, n int) error {
	if n <= 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, warmTime, errNoAnswer)
	defer cancel()
	var held, warm atomic.Int64
	all := make(chan struct{})
	var group errgroup.Group // which keeps going when one fails
	for range n {
		group.Go(func() error {
			// A connection is held back until every request has one of its own,
			// or the transport would hand the first ones around.
			trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
				if held.Add(1) == int64(n) {
					close(all)
				}
				select {
				case <-all:
				case <-ctx.Done():
				}
			}}
			err := c.ping(httptrace.WithClientTrace(ctx, trace))
			if err == nil {
				warm.Add(1)
			}
			return err
		})
	}
	err := group.Wait()
	if err == nil || warm.Load() > 0 && errors.Is(context.Cause(ctx), errNoAnswer) {
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("open %d connections to %s: %s", n, c.address, c.reason(err))
}

// errNoAnswer ends the wait for answers on new connections.
var errNoAnswer = fmt.Errorf("no answer within %v", warmTime)

// ping sends GET /models and reads whatever comes.
func (c *Client) ping(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address.API("/models"), nil)
	if err != nil {
		return err
	}
	c.access.Set(req.Header)
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, drainLimit))
	return err
}

// Do makes one request and reads its answer to the end. The request is built
// at once and sent at due, or immediately if due has passed. What goes wrong is
// in the record's Err. The stamps are on clock, which must be monotonic.
func (c *Client) Do(ctx context.Context, call Call, due time.Duration, clock func() time.Duration) Record {
	// One subtraction, so that connections need not know the run's clock.
	offset := clock() - c.now()
	call.API = cmp.Or(call.API, c.options.API)
	x := exchange{
		client: c,
		due:    due - offset,
		record: Record{
			Request: call.Request.Index, Conversation: call.Request.Conversation, Turn: call.Request.Turn, Kind: call.API,
			Due: due, Sent: Never, FirstToken: Never, LastToken: Never,
			PromptTokens: Unknown, OutputTokens: Unknown, CachedTokens: Unknown, ReasoningTokens: Unknown, PrefixOf: Unknown,
			TargetOutputTokens: call.MaxTokens,
			ServerPrefill:      Never, ServerDecode: Never,
		},
	}
	err := x.run(ctx, call)
	r := &x.record
	r.Done = clock()
	if x.ended > 0 {
		r.Done = x.ended + offset
	}
	if err != nil {
		r.Err = c.reason(x.explain(ctx, err))
	}
	if x.sent > 0 {
		r.Sent = x.sent + offset
	}
	for i := range r.TokenAt {
		r.TokenAt[i] += offset
	}
	if n := len(r.TokenAt); n > 0 {
		r.FirstToken, r.LastToken = r.TokenAt[0], r.TokenAt[n-1]
	}
	r.hold(x.asked, c.options.IgnoreEOS || c.options.MinTokens)
	return *r
}
