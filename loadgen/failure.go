package loadgen

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
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
	if invalid := invalidFields(raw); invalid != "" {
		return invalid
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

// invalidFields reads FastAPI's list of what is wrong with a request, by field; "" if
// raw is none. The list repeats the request's text as well, which is left out.
func invalidFields(raw []byte) string {
	var list []struct {
		Where []any  `json:"loc"`
		What  string `json:"msg"`
	}
	if json.Unmarshal(raw, &list) != nil {
		return ""
	}
	var all []string
	for _, one := range list {
		if one.What == "" {
			return ""
		}
		var where []string
		for _, part := range one.Where {
			where = append(where, fmt.Sprint(part))
		}
		all = append(all, strings.TrimPrefix(strings.Join(where, ".")+": "+one.What, ": "))
	}
	return strings.Join(all, "; ")
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
