package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"cfubench/results/tenants"
)

// counts is what a receiver has counted.
type counts struct {
	mu      sync.Mutex
	spans   map[Fate]int
	exports map[Answer]int
}

func (c *counts) Spans(f Fate, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > 0 {
		c.spans[f] += n
	}
}

func (c *counts) Export(a Answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exports[a]++
}

// of is a copy of the spans' counts.
func (c *counts) of() map[Fate]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.spans)
}

var errOld = errors.New("it is of another hour")

// served is a receiver on a socket; requests before 2000 are not of now.
func served(t *testing.T, environment map[string]string) (*Receiver, *counts, *Server) {
	t.Helper()
	c := &counts{spans: map[Fate]int{}, exports: map[Answer]int{}}
	r := &Receiver{Field: "tenant", Meter: c, Check: func(r tenants.Record) error {
		if r.End.Year() < 2000 {
			return errOld
		}
		return nil
	}}
	s, err := Listen(t.Context(), "127.0.0.1:0", Gate(func(name string) string { return environment[name] }), r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return r, c, s
}

// A message of Protocol Buffers, by its fields.
func field(n protowire.Number, in ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), bytes.Join(in, nil))
}

func stamp(n protowire.Number, unix int64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(nil, n, protowire.Fixed64Type), uint64(unix)*1e9)
}

func attribute(key string, v any) []byte {
	var value []byte
	switch v := v.(type) {
	case string:
		value = field(1, []byte(v))
	case int:
		value = protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), uint64(v))
	}
	return field(9, field(1, []byte(key)), field(2, value))
}

// request is a span of a request, as vLLM sends it.
func request(id byte, unix int64, tenant string, prompt, output int) []byte {
	return field(2, field(1, bytes.Repeat([]byte{id}, 16)), field(2, bytes.Repeat([]byte{id}, 8)), field(5, []byte("llm_request")), stamp(7, unix-1), stamp(8, unix),
		attribute("tenant", tenant), attribute("gen_ai.usage.prompt_tokens", prompt), attribute("gen_ai.usage.completion_tokens", output), attribute("gen_ai.request.id", "cmpl-1"))
}

// export is a request of OTLP with spans.
func export(spans ...[]byte) []byte {
	return field(1, field(1, field(1, field(1, []byte("service.name")), field(2, field(1, []byte("vllm"))))), field(2, spans...))
}

const now = 1_790_000_000

func exportJSON(unix int64, output string) string {
	return fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","startTimeUnixNano":"%d000000000","endTimeUnixNano":"%d000000000","attributes":[{"key":"tenant","value":{"stringValue":"j"}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":%s}}]}]}]}]}`, unix, unix, output)
}

func packed(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// send sends a body over HTTP and returns the answer.
func send(t *testing.T, method, url string, header map[string]string, body []byte) (status int, h http.Header, text string) {
	t.Helper()
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range header {
		req.Header.Set(name, v)
	}
	if host := header["Host"]; host != "" {
		req.Host = host
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

// status is a google.rpc.Status, partial a response of which spans were rejected.
func status(code uint64, message string) string {
	return string(protowire.AppendVarint([]byte{1 << 3}, code)) + string(field(2, []byte(message)))
}

func partial(rejected uint64, message string) string {
	return string(field(1, protowire.AppendVarint([]byte{1 << 3}, rejected), field(2, []byte(message))))
}

func TestHTTP(t *testing.T) {
	proto, inJSON := map[string]string{"Content-Type": "application/x-protobuf"}, map[string]string{"Content-Type": "application/json; charset=utf-8"}
	with := func(h map[string]string, name, v string) map[string]string {
		h = maps.Clone(h)
		h[name] = v
		return h
	}
	large := export(field(2, field(5, bytes.Repeat([]byte{'x'}, mostBytes))))
	wrongTimes := "a span has no startTimeUnixNano and endTimeUnixNano in this order"
	for _, tt := range []struct {
		name, method, path string
		header             map[string]string
		body               []byte
		status             int
		answer             string
		spans              map[Fate]int
	}{
		{"a span, and one around it", "POST", httpPath, proto, export(request(1, now, "a", 5, 6), field(2, field(5, []byte("GET /health")))), 200, "", map[Fate]int{Request: 1, Other: 1}},
		{"packed", "POST", httpPath, with(proto, "Content-Encoding", "gzip"), packed(export(request(1, now, "a", 5, 6))), 200, "", map[Fate]int{Request: 1}},
		{"none", "POST", httpPath, proto, nil, 200, "", nil},
		{"JSON", "POST", httpPath, inJSON, []byte(exportJSON(now, `"7"`)), 200, "{}", map[Fate]int{Request: 1}},
		{"part of it, in JSON", "POST", httpPath, inJSON, []byte(strings.Replace(exportJSON(now, "7"), "endTime", "anyTime", 1)), 200, `{"partialSuccess":{"errorMessage":"` + wrongTimes + `","rejectedSpans":"1"}}`, map[Fate]int{Rejected: 1}},
		{"one of another hour beside one of now", "POST", httpPath, proto, export(request(1, 7, "a", 5, 6), request(2, now, "a", 5, 6)), 200, partial(1, errOld.Error()), map[Fate]int{Request: 1, Rejected: 1}},
		{"no message", "POST", httpPath, proto, []byte{0xff}, 400, status(3, "not a message of Protocol Buffers: unexpected EOF"), nil},
		{"a message that ends in a span", "POST", httpPath, proto, export(request(1, now, "a", 5, 6))[:60], 400, status(3, "not a message of Protocol Buffers: unexpected EOF"), nil},
		{"no JSON", "POST", httpPath, inJSON, []byte("{"), 400, `{"code":3,"message":"not a JSON object: jsontext: unexpected EOF after offset 1"}`, nil},
		{"not packed", "POST", httpPath, with(proto, "Content-Encoding", "gzip"), []byte("x"), 400, status(3, "read the request: unexpected EOF"), nil},
		{"too large", "POST", httpPath, proto, large, 413, status(8, "more than 4194304 bytes: send smaller batches"), nil},
		{"too large once it is unpacked", "POST", httpPath, with(proto, "Content-Encoding", "gzip"), packed(large), 413, status(8, "more than 4194304 bytes: send smaller batches"), nil},
		{"another packing", "POST", httpPath, with(proto, "Content-Encoding", "br"), nil, 415, status(12, "want no Content-Encoding, or gzip"), nil},
		{"a form of a page", "POST", httpPath, map[string]string{"Content-Type": "text/plain"}, []byte(exportJSON(now, "7")), 415, status(12, "want the Content-Type application/x-protobuf or application/json"), nil},
		{"a page of another name", "POST", httpPath, with(inJSON, "Host", "evil.example"), []byte(exportJSON(now, "7")), 421, "the receiver of spans answers to its loopback address only\n", nil},
		{"a question", "GET", httpPath, nil, nil, 404, "only traces are received, at /v1/traces\n", nil},
		{"metrics", "POST", "/v1/metrics", proto, nil, 404, "only traces are received, at /v1/traces\n", nil},
	} {
		_, c, s := served(t, nil)
		got, header, answer := send(t, tt.method, "http://"+s.Addr().String()+tt.path, tt.header, tt.body)
		if got != tt.status || answer != tt.answer {
			t.Errorf("%s: got %d %q, want %d %q", tt.name, got, answer, tt.status, tt.answer)
		}
		if kind := strings.Split(tt.header["Content-Type"], ";")[0]; got == 200 && header.Get("Content-Type") != kind {
			t.Errorf("%s: the answer is of type %q, want the request's", tt.name, header.Get("Content-Type"))
		}
		if diff := cmp.Diff(tt.spans, c.of()); diff != "" && len(tt.spans)+len(c.of()) > 0 {
			t.Errorf("%s: spans (-want +got):\n%s", tt.name, diff)
		}
	}
}

// over sends a message over gRPC without TLS, and returns the status and the message
// of the trailer and the answer.
func over(t *testing.T, address, path, encoding string, body []byte) (code, message string, answer []byte) {
	t.Helper()
	frame := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body))), body...)
	if encoding != "" {
		frame[0] = 1
	}
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	req, err := http.NewRequest(http.MethodPost, "http://"+address+path, bytes.NewReader(frame))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}, "Grpc-Encoding": {encoding}}
	resp, err := (&http.Client{Timeout: 10 * time.Second, Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/grpc" {
		t.Errorf("got %v, %d, %v", err, resp.StatusCode, resp.Header)
	}
	return resp.Trailer.Get("Grpc-Status"), resp.Trailer.Get("Grpc-Message"), answer
}

func TestGRPC(t *testing.T) {
	r, _, s := served(t, nil)
	for _, tt := range []struct {
		name, path, encoding string
		body                 []byte
		code, message        string
		answer               string
	}{
		{"a span", grpcPath, "", export(request(1, now, "a", 5, 6)), "0", "", "\x00\x00\x00\x00\x00"},
		{"packed", grpcPath, "gzip", packed(export(request(2, now, "a", 5, 6))), "0", "", "\x00\x00\x00\x00\x00"},
		{"part of it", grpcPath, "", export(request(3, 7, "a", 5, 6)), "0", "", "\x00\x00\x00\x00\x1b" + partial(1, errOld.Error())},
		{"no message", grpcPath, "", []byte{0xff}, "3", "not%20a%20message%20of%20Protocol%20Buffers:%20unexpected%20EOF", ""},
		{"another packing", grpcPath, "snappy", nil, "12", "want%20no%20Content-Encoding%2C%20or%20gzip", ""},
		{"too large", grpcPath, "", make([]byte, mostBytes+1), "8", "more%20than%204194304%20bytes:%20send%20smaller%20batches", ""},
		{"metrics", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", "", nil, "12", "only%20traces%20are%20received", ""},
	} {
		code, message, answer := over(t, s.Addr().String(), tt.path, tt.encoding, tt.body)
		if code != tt.code || message != tt.message || string(answer) != tt.answer {
			t.Errorf("%s: got %s %q %q, want %s %q %q", tt.name, code, message, answer, tt.code, tt.message, tt.answer)
		}
	}
	if got := r.Take().Requests; len(got) != 2 || got[1].Tenant != "a" || got[1].PromptTokens != 5 || got[1].OutputTokens != 6 || got[1].End.Unix() != now || got[1].Span != strings.Repeat("02", 8) {
		t.Errorf("kept %+v", got)
	}
}

// TestBusy: what there is no room for is refused whole, and its sender told to come
// again; once it was taken there is room.
func TestBusy(t *testing.T) {
	r, c, s := served(t, nil)
	var half [][]byte
	for range mostKept/2 + 1 {
		half = append(half, field(2, stamp(7, now), stamp(8, now), attribute("output_tokens", 1)))
	}
	post := func(body []byte) (int, http.Header) {
		status, header, _ := send(t, http.MethodPost, s.URL(), map[string]string{"Content-Type": protobufType}, body)
		return status, header
	}
	if status, _ := post(export(half...)); status != 200 {
		t.Fatalf("the first half: got %d", status)
	}
	status, header := post(export(half...))
	if status != 503 || header.Get("Retry-After") != "1" {
		t.Errorf("beyond the bound: got %d, %v", status, header)
	}
	if code, _, _ := over(t, s.Addr().String(), grpcPath, "", export(half...)); code != "14" {
		t.Errorf("beyond the bound over gRPC: got %s, want UNAVAILABLE", code)
	}
	if n := len(r.Take().Requests); n != len(half) {
		t.Errorf("%d are kept, want %d", n, len(half))
	}
	if status, _ := post(export(half...)); status != 200 {
		t.Errorf("once there is room: got %d", status)
	}
	if status, _ := post(export(append(half, half...)...)); status != 413 {
		t.Errorf("more than there ever is room for: got %d", status)
	}
	r.End()
	if status, _ := post(export(request(1, now, "a", 5, 6))); status != 503 {
		t.Errorf("at the end: got %d", status)
	}
	if diff := cmp.Diff(map[Fate]int{Request: 2 * len(half), Busy: 2*len(half) + 1}, c.of()); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	if got := c.exports[Overrun]; got != 3 {
		t.Errorf("%d were told to come again, want 3", got)
	}
}

// TestSlow: requests whose bodies do not come take the places of requests that are
// read, for a time; their connections end with the receiver.
func TestSlow(t *testing.T) {
	_, _, s := served(t, nil)
	for range mostAtOnce {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n", httpPath, protobufType)
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Read(make([]byte, 1)); err != nil { // its body is asked for: it has a place
			t.Fatal(err)
		}
	}
	if status, _, _ := send(t, http.MethodPost, s.URL(), map[string]string{"Content-Type": protobufType}, nil); status != 503 {
		t.Errorf("beside them: got %d, want 503", status)
	}
	begun := time.Now()
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > stopPatience+time.Second {
		t.Errorf("the end took %v", took)
	}
}

// TestToken: other hosts need a token, which is checked before anything is read.
func TestToken(t *testing.T) {
	gate := Gate(func(string) string { return "" })
	if _, err := gate.CheckListen("0.0.0.0:4318"); err == nil || !strings.Contains(err.Error(), "anybody could send it requests that never were: set CFU_OTLP_TOKEN") {
		t.Errorf("all addresses without a token: got %v", err)
	}
	_, c, s := served(t, map[string]string{"CFU_OTLP_TOKEN": "right"})
	for _, tt := range []struct {
		authorization string
		want          int
	}{{"Bearer right", 200}, {"Bearer wrong", 401}, {"", 401}} {
		status, _, _ := send(t, http.MethodPost, s.URL(), map[string]string{"Content-Type": protobufType, "Authorization": tt.authorization}, export(request(1, now, "a", 5, 6)))
		if status != tt.want {
			t.Errorf("%q: got %d, want %d", tt.authorization, status, tt.want)
		}
	}
	if got := c.of()[Request]; got != 1 {
		t.Errorf("%d spans are kept, want 1", got)
	}
}

func TestListenWhereSomebodyDoes(t *testing.T) {
	_, _, s := served(t, nil)
	if _, err := Listen(context.Background(), s.Addr().String(), Gate(func(string) string { return "" }), &Receiver{}); err == nil || !strings.Contains(err.Error(), "--otlp-listen: ") {
		t.Errorf("got %v", err)
	}
}

// FuzzExport: whatever comes is answered, and what is kept of it are requests.
func FuzzExport(f *testing.F) {
	f.Add(export(request(1, now, "a", 5, 6)), true)
	f.Add([]byte(exportJSON(now, "7")), false)
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f}, true)
	f.Add([]byte(`{"resourceSpans":[{"resource":{"attributes":[{}]},"scopeSpans":[{"spans":[{"traceId":1,"attributes":{}}]}]}]}`), false)
	f.Fuzz(func(t *testing.T, body []byte, proto bool) {
		r := &Receiver{Field: "tenant", Meter: &counts{spans: map[Fate]int{}, exports: map[Answer]int{}}, Check: func(tenants.Record) error { return nil }}
		parse := tenants.ParseJSON
		if proto {
			parse = tenants.ParseProtobuf
		}
		o := r.take(body, parse)
		s := r.Take()
		for _, one := range s.Requests {
			if one.PromptTokens < 0 || one.OutputTokens < 0 || one.End.Before(one.Start) || len(one.Tenant) > 300 || len(one.Trace)+len(one.Span) > 64 {
				t.Errorf("%q gives %+v", body, one)
			}
		}
		if status, code := o.answer.codes(); !json.Valid(o.json(status, code)) || len(o.text()) > 400 {
			t.Errorf("%q is answered by %q", body, o.text())
		}
	})
}
