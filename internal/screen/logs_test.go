package screen

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"

	"cfubench/internal/outside"
	"cfubench/internal/secret"
)

// A server that goes on after its answer, unasked, gets neither a key nor a terminal
// sequence nor a flood into what net/http logs.
func TestLogs(t *testing.T) {
	r, w := io.Pipe()
	before := log.Writer()
	Logs(w, secret.New("logged-5d2c88a1"))
	defer log.SetOutput(before)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	read := make(chan struct{})
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return
		}
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		<-read
		fmt.Fprint(c, "logged-5d2c88a1 \x1b[2J "+strings.Repeat("flood ", 500))
		<-t.Context().Done()
	}()
	client := http.Client{Transport: &http.Transport{}}
	resp, err := client.Get("http://" + ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	close(read)
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil || !strings.Contains(line, "Unsolicited response") || !strings.Contains(line, "***") {
		t.Errorf("got %q, %v, want what net/http says, with a mask", line, err)
	}
	if strings.Contains(line, "5d2c88a1") || strings.Contains(line, "\x1b") || len(line) > outside.Limit+1 {
		t.Errorf("got %q, of %d bytes", line, len(line))
	}
}
