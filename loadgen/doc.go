// Package loadgen sends the requests of a trace to a server and stamps every token.
//
// A schedule says when each request is due (Poisson, gamma, constant, ramps, a
// trace's own times, or a closed loop). Run sends the requests over connections
// that are open before the window begins, reads the streamed answers without an
// allocation per token, and returns one Record for each request that was started:
// when it was due, sent, and answered, how many tokens it got, or why it failed.
//
// The client runs on the host that is metered, so its CPU time and its lateness
// are measurement error. Both are kept small and reported: Stats has lateness,
// waits for a CPU and read lag, RunSelfTest measures the client against a server
// whose own times are known, FindRate searches the highest rate that meets an SLO.
//
// loadgen knows nothing of sensors and joules. docs/loadgen.md describes what each
// time means and how large the errors are.
package loadgen
