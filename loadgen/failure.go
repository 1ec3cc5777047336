package loadgen

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	openai "github.com/sashabaranov/go-openai"
)

// failureLimit is the longest error text of a record, in bytes.
const failureLimit = 300

// bodyLimit is how much of an error's body is read.
const bodyLimit = 16 << 10

// reason is an error in one line, without the API key.
func (c *Client) reason(err error) string {
	text := err.Error()
	if key := c.options.APIKey; key != "" {
		text = strings.ReplaceAll(text, key, "[API key]")
	}
	return oneLine(text)
}

// oneLine makes text fit for a table cell: no control characters, valid UTF-8,
// bounded.
func oneLine(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	if len(text) <= failureLimit {
		return text
	}
	cut := failureLimit
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// excerpt quotes the beginning of what a server sent.
func excerpt(b []byte) string {
	if len(b) > 80 {
		b = append(bytes.Clone(b[:80]), "…"...)
	}
	return fmt.Sprintf("%q", b)
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
		Detail  json.RawMessage
		Error   json.RawMessage
	}
	if json.Unmarshal(raw, &object) == nil {
		switch {
		case object.Message != "":
			return object.Message
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

// refusal notes what a non-2xx answer says beside its body, and hands
// go-openai a bounded body to classify.
func refusal(x *exchange, resp *http.Response) *http.Response {
	x.retryAfter = resp.Header.Get("Retry-After")
	body, _ := io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	drain(resp.Body, func() { x.cancel(nil) })
	out := *resp
	if resp.StatusCode/100 == 3 {
		// To go-openai a redirect is a success; here it is none, because the
		// second hop would be part of every latency.
		out.StatusCode = http.StatusMisdirectedRequest
		body = []byte(fmt.Sprintf("redirects to %s: give that address as the endpoint", resp.Header.Get("Location")))
	}
	out.Body = io.NopCloser(bytes.NewReader(body))
	return &out
}

// statusError is the line for an HTTP status that is no success.
func statusError(status int, path, retryAfter string, err error) error {
	var message string
	var api *openai.APIError
	var request *openai.RequestError
	switch {
	case errors.As(err, &api):
		message = api.Message
	case errors.As(err, &request):
		message = serverMessage(request.Body)
		if status/100 == 3 {
			message = string(request.Body)
		}
	default:
		message = err.Error()
	}
	text := fmt.Sprintf("HTTP %d %s from %s: %s", status, http.StatusText(status), path, message)
	if retryAfter != "" {
		text += " (Retry-After: " + retryAfter + ")"
	}
	return errors.New(text)
}

// checkStream refuses a success that is not an event stream: an HTML page of a
// wrong address, or JSON from a server that ignored "stream".
func checkStream(resp *http.Response) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch kind {
	case "text/event-stream", "":
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	switch {
	case kind == "text/html" || looksLikeHTML(body):
		return fmt.Errorf("HTTP %d with %s instead of an event stream: is the endpoint the API's address?", resp.StatusCode, pageSummary(body))
	case bytes.HasPrefix(bytes.TrimSpace(body), []byte("data:")):
		return fmt.Errorf("HTTP %d with an event stream of type %q: want text/event-stream", resp.StatusCode, kind)
	}
	return fmt.Errorf("HTTP %d with %s instead of an event stream: %s", resp.StatusCode, kind, serverMessage(body))
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
