package sweep

import (
	"time"

	"cfubench/internal/secret"
	"cfubench/loadgen/endpoint"
	"cfubench/results/commandline"
	"cfubench/results/runfolder"
)

// Config is what a sweep is told to do: what run.json keeps of it, and what does
// not change what is measured. Check completes it.
type Config struct {
	runfolder.Config

	// Out is the run folder; Resume goes on with the run that is in it.
	Out    string
	Resume bool
	// ReadyTimeout is how long an engine may take to become healthy, Drain how long
	// requests in flight may still take after an interrupt.
	ReadyTimeout, Drain time.Duration
	// APIKey is the endpoint's bearer key, CAFile the authorities to trust for it.
	APIKey, CAFile string
	// Headers are further fields of every request. Their values are recorded
	// nowhere, as the key's is not.
	Headers []endpoint.Header
	// Certify measures the client's own error after the sweep.
	Certify bool
	// Listen is where live metrics are exposed, "" for nowhere.
	Listen string
	// ShardIndex of ShardCount, from 1, is this client's part of a run made by
	// several; 0 of 0 for a run of its own. Shards start together at StartAt, or
	// meet in the folder Rendezvous.
	ShardIndex, ShardCount int
	StartAt                time.Time
	Rendezvous             string
	// Budget is the time that the sweep may take, 0 for any: a cell that would
	// likely not end within it is not begun.
	Budget time.Duration
	// Getenv reads the environment: credentials of meters, for one.
	Getenv func(string) string
	// Secrets hides keys and passwords in all that the sweep says and writes.
	// Check makes those of the configuration known to it.
	Secrets *secret.Redactor
}

// Defaults is the configuration of `cfu run` without flags: it lacks a server and
// a folder.
func Defaults() Config {
	return Config{
		Config:       commandline.Defaults(),
		ReadyTimeout: 5 * time.Minute, Drain: time.Second, Certify: true,
	}
}

// noMeter is the --meter of a shard that leaves metering to another.
const noMeter = "none"
