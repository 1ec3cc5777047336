// Package agent carries the readings of a host's meters to a run on another:
// a Server beside the engine under test, a Source in the client.
//
// It is opinionated: no reading is silently lost and no clock is silently
// trusted. Readings are numbered and kept in a ring, so that a broken
// connection costs nothing as long as the ring reaches back; what it no longer
// holds, and an agent that was restarted, is a flagged gap. Both ends compare
// their monotonic clocks over and over, and what is not known about the
// difference widens every reading's bounds, so that it reaches the bounds of
// every energy: power times uncertainty (docs/agent.md). Wall clocks are not
// used.
package agent

import (
	"crypto/rand"
	"os"
	"strings"
	"time"

	"cfubench/meter"
)

// Paths of the protocol, version 1.
const (
	pathHello    = "/v1/hello"
	pathClock    = "/v1/clock"
	pathReadings = "/v1/readings"
	pathWatch    = "/v1/watch"
)

// hello is what an agent says of itself.
type hello struct {
	// Session is new at each start: sequence numbers and times of different
	// sessions have nothing to do with each other.
	Session string `json:"session"`
	// Host identifies the running kernel, so that a client on the same host
	// knows its own registers again.
	Host    string          `json:"host"`
	Domains []meter.Domain  `json:"domains"`
	LeftOut []meter.Refusal `json:"left_out"`
	// Last is the number of the newest reading.
	Last int64 `json:"last_sequence"`
	// Periods are the times between two readings, by domain.
	Periods []time.Duration `json:"periods_ns"`
}

// clockAnswer is the agent's clock when it had the question and when it
// answered.
type clockAnswer struct {
	Session  string        `json:"session"`
	Received time.Duration `json:"received_ns"`
	Sent     time.Duration `json:"sent_ns"`
}

// bootID identifies the running kernel, "" where there is none to ask.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// newSession returns a name that no other start of an agent has.
func newSession() string { return rand.Text() }
