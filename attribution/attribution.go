// Package attribution turns readings into an energy curve with bounds, and a
// curve and the requests that ran under it into joules per request by a named
// convention. It is made of pure functions: no files, clocks or sockets.
package attribution

import (
	"time"

	"cfubench/meter"
)

// Request is what attribution needs to know of one request. Times are
// negative where the event did not happen.
type Request struct {
	ID                                int64
	Sent, FirstToken, LastToken, Done time.Duration
	PromptTokens, OutputTokens        int
	// CachedTokens of the prompt were not computed; none if negative.
	CachedTokens int
	// Tokens are the arrivals of the answer's parts and TokenCounts the tokens
	// in each, nil for one each; nil where they were not recorded.
	Tokens      []time.Duration
	TokenCounts []int32
	// ServerPrefill and ServerDecode are the server's own times, negative if
	// it gave none.
	ServerPrefill, ServerDecode time.Duration
	Failed                      bool
	// Refused: the server answered at once with an error, or there was none to
	// answer, and computed nothing.
	Refused bool
}

// The pseudo requests that close every convention's sum.
const (
	IdleRow         int64 = -1 // energy while no request was in flight
	UnattributedRow int64 = -2 // energy that belongs to nobody by this convention
)

// Share is one request's energy in one domain by one convention.
type Share struct {
	Request    int64
	Convention string
	Domain     string
	// Energy is the share; Lo and Hi bracket it with the meter's bound.
	Energy, Lo, Hi meter.Energy
	// Prefill and Decode split Energy where the convention can; Idle is the
	// part of Energy that loaded idle power would have used anyway.
	Prefill, Decode, Idle meter.Energy
	// Fit is the half width of the 95 % interval that the convention's own fit
	// leaves open, beside the meter's bracket; zero where nothing was fitted.
	Fit    meter.Energy
	Method meter.Kind
	Flags  []string
}
