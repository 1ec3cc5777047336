// Package ptdtest is a simulated PTDaemon for tests: it answers on a real socket
// what the public clients of the real one expect. Nothing here was compared with
// a real daemon.
package ptdtest

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"cfubench/meter"
)

// Identity is what the simulated daemon says to Identify: an analyzer of one
// channel with a sample each 50 ms, in power mode.
const Identity = "Dummy (testing only)-na,50,1,1,1,1,0,0,0,version=1.10.0-bc965ca0-20211012,OS=Linux,mode=power,1,1,1"

// Daemon answers one connection at a time.
type Daemon struct {
	Address string // host:port

	power    func() meter.Power
	listener net.Listener
	mu       sync.Mutex
	answers  map[string]string // to commands, instead of its own
	asked    []string
	conn     net.Conn
}

// New starts a daemon whose analyzer shows power, which is called for every
// sample.
func New(tb testing.TB, power func() meter.Power) *Daemon {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	d := &Daemon{Address: l.Addr().String(), power: power, listener: l, answers: map[string]string{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.conn = conn
			d.mu.Unlock()
			d.serve(conn)
		}
	}()
	tb.Cleanup(func() {
		l.Close()
		d.Drop()
		<-done
	})
	return d
}

// Answer sets what the daemon says to a command (its first word) from now on; ""
// lets it say its own again.
func (d *Daemon) Answer(command, answer string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers[command] = answer
}

// Drop closes the connection under way.
func (d *Daemon) Drop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil {
		d.conn.Close()
	}
}

// Asked are the commands so far.
func (d *Daemon) Asked() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.asked...)
}

func (d *Daemon) serve(conn net.Conn) {
	defer conn.Close()
	measuring := false
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		command := strings.TrimSpace(lines.Text())
		word, _, _ := strings.Cut(command, ",")
		d.mu.Lock()
		d.asked = append(d.asked, command)
		answer := d.answers[word]
		d.mu.Unlock()
		if answer == "" {
			answer, measuring = d.reply(word, measuring)
		}
		if _, err := fmt.Fprintf(conn, "%s\r\n", answer); err != nil {
			return
		}
	}
}

// reply is the daemon's own answer, and whether it measures after it.
func (d *Daemon) reply(word string, measuring bool) (string, bool) {
	switch word {
	case "Hello":
		return "Hello, PTDaemon here!", measuring
	case "Identify":
		return Identity, measuring
	case "Go":
		return "Starting untimed measurement, maximum 500000 samples at 50ms with 0 rampup samples", true
	case "Stop":
		if !measuring {
			return "Error: no measurement to stop", false
		}
		return "Stopping untimed measurement", false
	case "R*":
		if !measuring {
			return "No data", measuring
		}
		w := d.power().Watts()
		return fmt.Sprintf("Watts,%.6f,Volts,230.000000,Amps,%.6f,PF,1.000000", w, w/230), measuring
	}
	return "Unknown command", measuring
}
