package loadgen

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// compressions are the encodings that decode does not undo. Other names than these
// and decode's are no encodings: "none" and "utf-8" stand in the field, too, the
// first of them to keep proxies from compressing a stream.
var compressions = []string{"br", "zstd", "compress", "x-compress", "lz4", "lzma", "xz", "bzip2", "snappy", "dcb", "dcz", "exi", "pack200-gzip", "aes128gcm"}

// decode undoes content encodings that nobody asked for, as some proxies send.
func decode(resp *http.Response) error {
	field := strings.Join(resp.Header.Values("Content-Encoding"), ",")
	if field == "" {
		return nil
	}
	encodings := strings.Split(strings.ToLower(field), ",")
	slices.Reverse(encodings) // the last was applied last
	for _, encoding := range encodings {
		var body io.ReadCloser
		var err error
		switch encoding = strings.TrimSpace(encoding); {
		case encoding == "gzip" || encoding == "x-gzip":
			body, err = gzip.NewReader(resp.Body)
		case encoding == "deflate":
			body, err = inflate(resp.Body)
		case slices.Contains(compressions, encoding):
			return fmt.Errorf("HTTP %d with Content-Encoding %q, which was not asked for: have the server or the proxy before it send plain text", resp.StatusCode, encoding)
		default:
			continue
		}
		if err != nil {
			return fmt.Errorf("HTTP %d with a body that is not the %s that its Content-Encoding says: %w", resp.StatusCode, encoding, err)
		}
		resp.Body = packed{body, encoding}
	}
	return nil
}

// packed is a body that is unpacked as it is read.
type packed struct {
	io.ReadCloser
	encoding string
}

// Read names the encoding where the body is not of it.
func (p packed) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	var corrupt flate.CorruptInputError
	if errors.As(err, &corrupt) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.Is(err, zlib.ErrChecksum) {
		err = fmt.Errorf("the body is not the %s that its Content-Encoding says: %w", p.encoding, err)
	}
	return n, err
}

// inflate reads what goes by the name of deflate: zlib's format (RFC 1950), or from
// some servers the bare one (RFC 1951).
func inflate(r io.Reader) (io.ReadCloser, error) {
	head := bufio.NewReader(r)
	b, err := head.Peek(2)
	if err != nil {
		return nil, err
	}
	if b[0]&0x0f == 8 && (int(b[0])<<8|int(b[1]))%31 == 0 {
		return zlib.NewReader(head)
	}
	return flate.NewReader(head), nil
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
	for n := 1; n <= head.Size(); n++ {
		first, err := head.Peek(n)
		if err != nil {
			break
		}
		told := begins(first)
		if told == beginsStream {
			return head, nil
		}
		if told == beginsOther {
			break
		}
	}
	body, _ := io.ReadAll(io.LimitReader(head, bodyLimit))
	if kind == "text/html" || looksLikeHTML(body) {
		return nil, fmt.Errorf("HTTP %d with %s instead of an event stream: is the endpoint the API's address?", resp.StatusCode, pageSummary(body))
	}
	return nil, fmt.Errorf("HTTP %d with %s instead of an event stream: %s", resp.StatusCode, kind, serverMessage(body))
}

// What begins says of the first bytes of a body.
const (
	beginsStream = iota // an event stream
	beginsOther         // something else
	beginsLater         // too few to tell
)

// begins tells an event stream by its first field or comment, which a byte order
// mark and blank lines may precede.
func begins(b []byte) int {
	const mark = "\ufeff"
	if len(b) < len(mark) && strings.HasPrefix(mark, string(b)) {
		return beginsLater
	}
	b = bytes.TrimLeft(bytes.TrimPrefix(b, []byte(mark)), "\r\n")
	told := beginsOther
	for _, field := range []string{"data:", "event:", "id:", ":", "retry:"} {
		if bytes.HasPrefix(b, []byte(field)) {
			return beginsStream
		}
		if strings.HasPrefix(field, string(b)) {
			told = beginsLater
		}
	}
	return told
}
