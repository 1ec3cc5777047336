package loadgen

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	openai "github.com/sashabaranov/go-openai"

	"cfubench/internal/origin"
)

// failureLimit is the longest error text of a record, in bytes.
const failureLimit = 300

// bodyLimit is how much of an error's body is read.
const bodyLimit = 16 << 10

// reason is an error in one line, without secrets.
func (c *Client) reason(err error) string {
	return c.secrets.Line(err.Error(), failureLimit)
}

// excerpt quotes what a server sent. It is cut with the whole message, after
// secrets are masked: half of a key is one, too.
func excerpt(b []byte) string {
	return strconv.Quote(strings.Join(strings.Fields(string(b[:min(len(b), bodyLimit)])), " "))
}

// streamError is an error that the server reported inside the stream.
type streamError struct{ message string }

func (e streamError) Error() string { return "server error in mid-stream: " + e.message }

// streamFailure reads the JSON of an error in mid-stream: OpenAI's error
// object, a bare string, or old vLLM's {"object":"error",…}.
func streamFailure(raw []byte) error {
	return streamError{serverMessage(raw)}
}

// serverMessage finds the human part of a server's error, or quotes it.
func serverMessage(raw []byte) string {
	raw = bytes.TrimSpace(raw)
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var object struct {
		Message string
		Status  string `json:"status_msg"` // MiniMax
		Detail  json.RawMessage
		Error   json.RawMessage
	}
	if json.Unmarshal(raw, &object) == nil {
		switch {
		case object.Message != "" || object.Status != "":
			return cmp.Or(object.Message, object.Status)
		case len(object.Error) > 0:
			return serverMessage(object.Error)
		case len(object.Detail) > 0:
			return serverMessage(object.Detail)
		}
	}
	if looksLikeHTML(raw) {
		return pageSummary(raw)
	}
	if len(raw) == 0 {
		return "no message"
	}
	return excerpt(raw)
}

// refusal is the error of an answer that is no success: its status and what
// the server says.
func refusal(resp *http.Response, path string) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	var message string
	var known openai.ErrorResponse
	switch {
	case resp.StatusCode/100 == 3:
		message = origin.Redirected(resp).Error()
	case json.Unmarshal(body, &known) == nil && known.Error != nil && known.Error.Message != "":
		message = known.Error.Message
	default:
		message = serverMessage(body)
	}
	text := fmt.Sprintf("HTTP %d %s from %s: %s", resp.StatusCode, http.StatusText(resp.StatusCode), path, message)
	if after := resp.Header.Get("Retry-After"); after != "" {
		text += " (Retry-After: " + after + ")"
	}
	return errors.New(text)
}

// decode undoes a content encoding that nobody asked for, as some proxies send.
func decode(resp *http.Response) error {
	switch encoding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		body, err := gzip.NewReader(resp.Body)
		if err != nil {
			return fmt.Errorf("HTTP %d with a body that is not the gzip that its Content-Encoding says: %w", resp.StatusCode, err)
		}
		resp.Body = body
	case "deflate":
		body, err := zlib.NewReader(resp.Body)
		if err != nil {
			return fmt.Errorf("HTTP %d with a body that is not the deflate that its Content-Encoding says: %w", resp.StatusCode, err)
		}
		resp.Body = body
	default:
		return fmt.Errorf("HTTP %d with Content-Encoding %q, which was not asked for: have the server or the proxy before it send plain text", resp.StatusCode, encoding)
	}
	return nil
}

// stream is the body of a success, or why it is no event stream: an HTML page
// of a wrong address, JSON from a server that ignored "stream". Some servers
// give a stream another type: then its first line decides.
func stream(resp *http.Response) (io.Reader, error) {
	kind := resp.Header.Get("Content-Type")
	if strings.HasPrefix(kind, "text/event-stream") || kind == "" { // in the load's path
		return resp.Body, nil
	}
	kind, _, _ = mime.ParseMediaType(kind)
	head := bufio.NewReaderSize(resp.Body, 512)
	first, _ := head.Peek(1)
	for len(first) > 0 && len(first) < len("event:") && first[0] != '<' && first[0] != '{' {
		more, err := head.Peek(len(first) + 1)
		if err != nil {
			break
		}
		first = more
	}
	for _, field := range []string{"data:", "event:", "id:", ":", "retry:"} {
		if bytes.HasPrefix(first, []byte(field)) {
			return head, nil
		}
	}
	body, _ := io.ReadAll(io.LimitReader(head, bodyLimit))
	if kind == "text/html" || looksLikeHTML(body) {
		return nil, fmt.Errorf("HTTP %d with %s instead of an event stream: is the endpoint the API's address?", resp.StatusCode, pageSummary(body))
	}
	return nil, fmt.Errorf("HTTP %d with %s instead of an event stream: %s", resp.StatusCode, kind, serverMessage(body))
}

var htmlTitle = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

func looksLikeHTML(b []byte) bool {
	b = bytes.TrimSpace(b)
	head := bytes.ToLower(b[:min(len(b), 15)])
	return bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html"))
}

// pageSummary names an HTML page by its title.
func pageSummary(b []byte) string {
	if m := htmlTitle.FindSubmatch(b); m != nil {
		return fmt.Sprintf("an HTML page titled %q", strings.TrimSpace(html.UnescapeString(string(m[1]))))
	}
	return "an HTML page"
}
