// Package ptd reads the wall power of a machine from SPEC's PTDaemon, the
// program that speaks to a power analyzer and to benchmarks (SPECpower, MLPerf
// Power).
//
// The daemon's own specification is not public. What is used here is what public
// clients of it send and expect: those of MLPerf Power (mlcommons/power-dev),
// SPECjvm2008 and SPEC CPU. Hello and Identify say whose daemon it is, Go begins
// a measurement of no fixed end, R* is the newest sample, Stop ends it.
//
// It is opinionated: an analyzer at the wall shows about one sample a second and
// counts fans and power supplies too, so the domain is the node's and coarse: a
// cross-check of a run, or the reference that its sensors are compared with.
package ptd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"cfubench/internal/outside"
	"cfubench/meter"
	"cfubench/meter/polled"
)

const source = "ptd"

const (
	// DefaultPort is where a daemon for power listens unless told otherwise.
	DefaultPort = "8888"
	// defaultPeriod is the time between two samples where the daemon does not say.
	defaultPeriod = time.Second
	// leastPeriod and longestPeriod bound what an analyzer may state.
	leastPeriod, longestPeriod = 50 * time.Millisecond, time.Minute
	// patience is how long the daemon may take to answer; reading the analyzer
	// over a serial line takes it a second or two.
	patience = 10 * time.Second
	// longestLine is the most that is read of an answer.
	longestLine = 4096
)

// Address completes host or host:port, or says what is wrong with it.
func Address(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.Trim(text, "[]"), DefaultPort
	}
	n, err := strconv.Atoi(port)
	if host == "" || strings.ContainsAny(host, "/ ") || strings.Contains(host, ":") && net.ParseIP(host) == nil || err != nil || n < 1 || n > 65535 {
		return "", errors.New("want HOST or HOST:PORT of a PTDaemon, such as ptd:analyzer:8888")
	}
	return net.JoinHostPort(host, port), nil
}

// Open starts a measurement at the daemon and returns the analyzer as a source
// of one domain. The measurement ends when the source is closed.
func Open(ctx context.Context, clock meter.Clock, address string) ([]meter.Source, []meter.Refusal) {
	refuse := func(reason, remedy string) ([]meter.Source, []meter.Refusal) {
		return nil, []meter.Refusal{{Source: source, Reason: reason, Remedy: remedy}}
	}
	a := &analyzer{address: address}
	ctx2, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := a.begin(ctx2); err != nil {
		a.hangUp()
		return refuse(fmt.Sprintf("PTDaemon at %s: %v", address, err), "start PTDaemon in power mode there, and end other clients' measurements")
	}
	domain := meter.Domain{
		Name: "wall", Device: address + " " + a.name, Source: source, Kind: meter.KindPower, Scope: meter.ScopeNode,
		UpdatePeriod: a.period, Coarse: true,
		Note: "whole machine from a power analyzer, fans and power supplies included: a cross-check of the run",
	}
	return []meter.Source{polled.New(ctx, clock, []meter.Domain{domain}, a.period, patience, a.fetch, a.end)}, nil
}

// analyzer is one connection to a daemon. It is used by one goroutine at a time.
type analyzer struct {
	address string
	name    string // what the daemon says of the device
	period  time.Duration
	conn    net.Conn // nil where it broke
	lines   *bufio.Reader
}

// begin connects, learns who is there and starts a measurement.
func (a *analyzer) begin(ctx context.Context) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.address)
	if err != nil {
		return err
	}
	a.conn, a.lines = conn, bufio.NewReaderSize(conn, longestLine)
	hello, err := a.ask(ctx, "Hello")
	if err != nil {
		return err
	}
	if !strings.Contains(hello, "PTDaemon") {
		return fmt.Errorf("it answers %q to Hello: it is no PTDaemon", outside.Clean(hello))
	}
	identity, err := a.ask(ctx, "Identify")
	if err != nil {
		return err
	}
	if err := a.identify(identity); err != nil {
		return err
	}
	// The interval is the analyzer's own, no sample is skipped as ramp-up, and the
	// mark shows in the daemon's log who measured.
	answer, err := a.ask(ctx, "Go,0,0,cfu")
	if err != nil {
		return err
	}
	if !strings.HasPrefix(answer, "Starting") {
		return fmt.Errorf("it does not measure: %s", outside.Clean(answer))
	}
	return nil
}

// identify takes the analyzer's name and interval from a list of the form
// NAME,INTERVAL_MS,…,version=V,OS=O,mode=M,….
func (a *analyzer) identify(answer string) error {
	fields := strings.Split(answer, ",")
	if len(fields) < 3 {
		return fmt.Errorf("it answers %q to Identify", outside.Clean(answer))
	}
	a.name, a.period = outside.Clean(strings.TrimSpace(fields[0])), defaultPeriod
	if ms, err := strconv.Atoi(strings.TrimSpace(fields[1])); err == nil && ms > 0 {
		a.period = min(max(time.Duration(ms)*time.Millisecond, leastPeriod), longestPeriod)
	}
	for _, f := range fields[2:] {
		if mode, ok := strings.CutPrefix(f, "mode="); ok && mode != "power" {
			return fmt.Errorf("it is in %s mode, not power mode", outside.Clean(mode))
		}
	}
	return nil
}

// ask sends one command and returns the line that answers it.
func (a *analyzer) ask(ctx context.Context, command string) (string, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(patience)
	}
	conn := a.conn
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })
	defer stop()
	if _, err := conn.Write([]byte(command + "\r\n")); err != nil {
		return "", fmt.Errorf("send %s: %w", command, err)
	}
	line, err := a.lines.ReadSlice('\n')
	if err != nil {
		return "", fmt.Errorf("answer to %s: %w", command, err)
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// fetch implements polled.Fetch. After an error of the connection the next call
// begins anew.
func (a *analyzer) fetch(ctx context.Context, dst []meter.Reading) []meter.Reading {
	if a.conn == nil {
		if a.begin(ctx) != nil {
			a.hangUp()
			return nil
		}
	}
	answer, err := a.ask(ctx, "R*")
	if err != nil {
		a.hangUp() // its answer may still come and would be taken for the next one's
		return nil
	}
	p, ok := watts(answer)
	if !ok {
		return nil
	}
	return append(dst, meter.Reading{Power: p, HasPower: true, Status: meter.StatusOK})
}

// watts finds the power in Watts,W,Volts,V,…; false where there is none: "No
// data" before the first sample, and the negative figures that stand for one
// that the analyzer missed. 0 W at the wall is a plug that is not in.
func watts(answer string) (meter.Power, bool) {
	fields := strings.Split(answer, ",")
	for i := 0; i+1 < len(fields); i++ {
		if strings.TrimSpace(fields[i]) != "Watts" {
			continue
		}
		w, err := strconv.ParseFloat(strings.TrimSpace(fields[i+1]), 64)
		if err != nil || !(w > 0) || w > mostWatts {
			return 0, false
		}
		return meter.Power(w*float64(meter.Watt) + 0.5), true
	}
	return 0, false
}

// mostWatts is beyond any machine.
const mostWatts = 1e7

// end stops the measurement and closes the connection.
func (a *analyzer) end() error {
	if a.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := a.ask(ctx, "Stop")
	a.hangUp()
	if err != nil {
		return fmt.Errorf("stop the measurement at %s: %w", a.address, err)
	}
	return nil
}

func (a *analyzer) hangUp() {
	if a.conn != nil {
		a.conn.Close()
		a.conn = nil
	}
}
