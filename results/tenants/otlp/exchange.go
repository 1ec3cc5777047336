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
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"cfubench/internal/outside"
	"cfubench/results/tenants"
)

// Where spans are sent to.
const (
	httpPath = "/v1/traces"
	grpcPath = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
)

const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
	grpcType     = "application/grpc"
)

// Answer is what a sender is told.
type Answer string

// What senders are told.
const (
	Accepted    Answer = "accepted"
	Partial     Answer = "partial"     // some spans are rejected
	Malformed   Answer = "malformed"   // it cannot be decoded: no try again helps
	TooLarge    Answer = "too_large"   // smaller batches help
	Unsupported Answer = "unsupported" // another form than OTLP's
	Overrun     Answer = "busy"        // to be tried again
)

// Answers are all.
func Answers() []Answer {
	return []Answer{Accepted, Partial, Malformed, TooLarge, Unsupported, Overrun}
}

// Fates are all.
func Fates() []Fate { return []Fate{Request, Caller, Other, Rejected, Repeated, Busy} }

// codes are an answer's status of HTTP and its code of google.rpc.Code.
func (a Answer) codes() (status int, code uint64) {
	switch a {
	case Malformed:
		return http.StatusBadRequest, 3 // INVALID_ARGUMENT
	case TooLarge:
		return http.StatusRequestEntityTooLarge, 8 // RESOURCE_EXHAUSTED
	case Unsupported:
		return http.StatusUnsupportedMediaType, 12 // UNIMPLEMENTED
	case Overrun:
		return http.StatusServiceUnavailable, 14 // UNAVAILABLE
	}
	return http.StatusOK, 0
}

// retryAfter is when a sender may try again, in seconds.
const retryAfter = "1"

// outcome is what became of a request.
type outcome struct {
	answer   Answer
	message  string
	rejected int
}

// text is the message, fit to be shown by whoever gets it.
func (o outcome) text() string { return outside.Line(o.message, 0) }

// handler answers both transports.
func (r *Receiver) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+httpPath, func(w http.ResponseWriter, req *http.Request) {
		o, format := r.overHTTP(w, req)
		r.Meter.Export(o.answer)
		o.overHTTP(w, format)
	})
	mux.HandleFunc("POST "+grpcPath, func(w http.ResponseWriter, req *http.Request) {
		o := r.overGRPC(w, req)
		r.Meter.Export(o.answer)
		o.overGRPC(w)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		if mediaType(req) == grpcType {
			outcome{answer: Unsupported, message: "only traces are received"}.overGRPC(w)
			return
		}
		http.Error(w, "only traces are received, at "+httpPath, http.StatusNotFound)
	})
	return mux
}

// overHTTP takes a request of OTLP/HTTP; format is that of the answer. No page of a
// browser sends one without being asked first: its type is no form's.
func (r *Receiver) overHTTP(w http.ResponseWriter, req *http.Request) (o outcome, format string) {
	var parse func([]byte, string) (tenants.Spans, error)
	switch format = mediaType(req); format {
	case protobufType:
		parse = tenants.ParseProtobuf
	case jsonType:
		parse = tenants.ParseJSON
	default:
		return outcome{answer: Unsupported, message: fmt.Sprintf("want the Content-Type %s or %s", protobufType, jsonType)}, protobufType
	}
	release, ok := r.slot(req.Context())
	if !ok {
		return outcome{answer: Overrun, message: "too many requests at once"}, format
	}
	defer release()
	body, err := unpacked(http.MaxBytesReader(w, req.Body, mostBytes), req.Header.Get("Content-Encoding"))
	if err != nil {
		return refused(err), format
	}
	return r.take(body, parse), format
}

// overGRPC takes a request of OTLP/gRPC: a message behind its length and whether it
// is packed.
func (r *Receiver) overGRPC(w http.ResponseWriter, req *http.Request) outcome {
	if mediaType(req) != grpcType || req.ProtoMajor < 2 {
		return outcome{answer: Unsupported, message: "want gRPC over HTTP/2"}
	}
	release, ok := r.slot(req.Context())
	if !ok {
		return outcome{answer: Overrun, message: "too many requests at once"}
	}
	defer release()
	frame, err := unpacked(http.MaxBytesReader(w, req.Body, mostBytes+5), "")
	if err != nil {
		return refused(err)
	}
	if len(frame) < 5 || int64(binary.BigEndian.Uint32(frame[1:5])) != int64(len(frame)-5) || frame[0] > 1 {
		return outcome{answer: Malformed, message: "want one message of gRPC"}
	}
	encoding := ""
	if frame[0] == 1 {
		encoding = req.Header.Get("Grpc-Encoding")
	}
	body, err := unpacked(bytes.NewReader(frame[5:]), encoding)
	if err != nil {
		return refused(err)
	}
	return r.take(body, tenants.ParseProtobuf)
}

// slot takes one of the places of requests that are read at the same time. It waits
// for it a moment: a sender that is refused before it has sent all may not see why.
func (r *Receiver) slot(ctx context.Context) (release func(), ok bool) {
	timer := time.NewTimer(slotPatience)
	defer timer.Stop()
	select {
	case r.slots <- struct{}{}:
		return func() { <-r.slots }, true
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil, false
}

func mediaType(req *http.Request) string {
	kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(kind, "+proto") // application/grpc+proto
}

var errEncoding = errors.New("want no Content-Encoding, or gzip")

// unpacked reads a body of at most mostBytes, packed as its encoding says.
func unpacked(body io.Reader, encoding string) ([]byte, error) {
	limit := int64(mostBytes + 5)
	switch encoding {
	case "", "identity":
	case "gzip":
		unpacker, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body, limit = unpacker, mostBytes
	default:
		return nil, errEncoding
	}
	text, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = &http.MaxBytesError{Limit: mostBytes}
	}
	return text, err
}

// refused is of a body that cannot be read.
func refused(err error) outcome {
	large := (*http.MaxBytesError)(nil)
	switch {
	case errors.As(err, &large):
		return outcome{answer: TooLarge, message: fmt.Sprintf("more than %d bytes: send smaller batches", mostBytes)}
	case errors.Is(err, errEncoding):
		return outcome{answer: Unsupported, message: err.Error()}
	}
	return outcome{answer: Malformed, message: fmt.Sprintf("read the request: %v", err)}
}

// overHTTP answers with an ExportTraceServiceResponse, or a google.rpc.Status.
func (o outcome) overHTTP(w http.ResponseWriter, format string) {
	status, code := o.answer.codes()
	w.Header().Set("Content-Type", format)
	if o.answer == Overrun {
		w.Header().Set("Retry-After", retryAfter)
	}
	w.WriteHeader(status)
	body := o.response()
	if status != http.StatusOK {
		body = append(varint(1, code), text(2, o.text())...)
	}
	if format == jsonType {
		body = o.json(status, code)
	}
	_, _ = w.Write(body) // an error is the sender's going away
}

// json is the answer in JSON.
func (o outcome) json(status int, code uint64) []byte {
	v := map[string]any{}
	switch {
	case status != http.StatusOK:
		v["code"], v["message"] = code, o.text()
	case o.answer == Partial:
		v["partialSuccess"] = map[string]string{"rejectedSpans": strconv.Itoa(o.rejected), "errorMessage": o.text()}
	}
	body, _ := json.Marshal(v) // texts and numbers
	return body
}

// overGRPC answers with a message in a frame and the status in the trailer.
func (o outcome) overGRPC(w http.ResponseWriter) {
	_, code := o.answer.codes()
	h := w.Header()
	h.Set("Content-Type", grpcType)
	h.Set("Trailer", "Grpc-Status, Grpc-Message")
	w.WriteHeader(http.StatusOK)
	if code == 0 {
		body := o.response()
		_, _ = w.Write(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body))), body...))
	} else {
		h.Set("Grpc-Message", url.PathEscape(o.text()))
	}
	h.Set("Grpc-Status", strconv.FormatUint(code, 10))
}

// response is an ExportTraceServiceResponse, empty unless spans were rejected.
func (o outcome) response() []byte {
	if o.answer != Partial {
		return nil
	}
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), append(varint(1, uint64(o.rejected)), text(2, o.text())...))
}

func varint(n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), v)
}

func text(n protowire.Number, v string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, n, protowire.BytesType), v)
}
