package results

import (
	"encoding/json"
	"time"

	"cfubench/attribution"
	"cfubench/loadgen"
	"cfubench/meter"
)

// Run is run.json: the configuration as run, what it ran on, and the windows
// of its cells. It is rewritten whole after each cell.
type Run struct {
	Schema  int    `json:"schema"` // 1
	Cfu     string `json:"cfu_version"`
	Started string `json:"started"` // RFC 3339, UTC
	// Config holds the flags as run, without secrets; ConfigHash is its hash and the
	// key of --resume; TraceHash and ScheduleHash those of what was sent and when.
	Config       map[string]any    `json:"config"`
	ConfigHash   string            `json:"config_hash"`
	TraceHash    string            `json:"trace_hash"`
	ScheduleHash map[string]string `json:"schedule_hash"` // by load point: "c8", "rate4"
	Trace        TraceInfo         `json:"trace"`
	Host         Host              `json:"host"`
	Engine       []EngineInfo      `json:"engine"` // one a batch size
	Domains      []DomainInfo      `json:"domains"`
	// LeftOut are sources and domains that are not read, with reason and remedy.
	LeftOut []meter.Refusal `json:"left_out"`
	// Certificate is the client's own measured error (loadgen's certificate).
	Certificate json.RawMessage `json:"certificate,omitempty"`
	// BareIdle is the host before the first server was launched.
	BareIdle *BareIdle `json:"bare_idle,omitempty"`
	Cells    []Cell    `json:"cells"`
	// RateSearches are the outcomes of --find-rate, one a batch size.
	RateSearches []RateSearch `json:"rate_searches,omitempty"`
	Warnings     []string     `json:"warnings,omitempty"`
}

// TraceInfo says which requests were sent and how they were chosen.
type TraceInfo struct {
	Source    string         `json:"source"`
	Selection string         `json:"selection"`
	Tokenizer string         `json:"tokenizer"`
	Requests  int            `json:"requests"`
	Dropped   map[string]int `json:"dropped,omitempty"`
	Warnings  []string       `json:"warnings,omitempty"`
}

// Host identifies the machine that ran the client and the meters.
type Host struct {
	OS     string `json:"os"`
	Kernel string `json:"kernel"`
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory_bytes"`
}

// EngineInfo identifies the server under test.
type EngineInfo struct {
	Batch          int    `json:"batch"`                     // asked for; 0 with --endpoint
	EffectiveBatch int    `json:"effective_batch,omitempty"` // read back from the server
	Kind           string `json:"kind"`                      // "llama.cpp", "vllm", "sglang", "tensorrt-llm", "openai"
	Version        string `json:"version,omitempty"`
	Model          string `json:"model"`
	Command        string `json:"command,omitempty"`
	// Unknown lists what the server did not tell.
	Unknown []string `json:"unknown,omitempty"`
}

// DomainInfo is one metered domain, its calibration and its reader's own cost.
type DomainInfo struct {
	Name           string        `json:"domain"`
	Device         string        `json:"device"`
	Host           string        `json:"host,omitempty"` // where not the client's
	Source         string        `json:"source"`
	Kind           meter.Kind    `json:"kind"`
	Scope          meter.Scope   `json:"scope"`
	Parent         string        `json:"parent,omitempty"`
	Range          meter.Energy  `json:"range_uj,omitempty"`
	Quantum        meter.Energy  `json:"quantum_uj,omitempty"`
	Limit          meter.Power   `json:"limit_uw,omitempty"`
	UpdatePeriod   time.Duration `json:"update_period_ns"`
	UpdatePeriodP5 time.Duration `json:"update_period_p5_ns,omitempty"`
	UpdatePeriodP9 time.Duration `json:"update_period_p95_ns,omitempty"`
	Poll           time.Duration `json:"poll_ns"`
	CallP50        time.Duration `json:"call_ns_p50"`
	CallP99        time.Duration `json:"call_ns_p99"`
	// InsideCalls is the share of the run that the sampler spent in reads.
	InsideCalls float64 `json:"inside_calls_ratio"`
	// ReadCPU is the processor time of reading, judging and storing what the
	// domain's source read in the last cell, without the wake-ups; Reads its
	// calls, Missed the polls that fell due during a late one, Backoffs how often
	// its period was doubled because its calls were slow.
	ReadCPU  time.Duration `json:"read_cpu_ns,omitempty"`
	Reads    int64         `json:"reads,omitempty"`
	Missed   int64         `json:"missed_polls,omitempty"`
	Backoffs int           `json:"backoffs,omitempty"`
	// LateP50 and LateP99 say how long after it was due a read began.
	LateP50 time.Duration `json:"read_late_p50_ns,omitempty"`
	LateP99 time.Duration `json:"read_late_p99_ns,omitempty"`
	// CounterToPower is the counter's mean power over the gauge's, 0 if there
	// is no gauge to hold it against.
	CounterToPower float64 `json:"counter_to_power_ratio,omitempty"`
	Coarse         bool    `json:"coarse,omitempty"`
	Note           string  `json:"note,omitempty"`
	// NotSummed says why the domain, though recorded, is in no sum; "" if it is.
	NotSummed string `json:"not_summed,omitempty"`
}

// RateSearch is the search for the highest Poisson rate that keeps an SLO.
type RateSearch struct {
	Batch int    `json:"batch"`
	SLO   string `json:"slo"`
	loadgen.FoundRate
}

// Cell is one point of the sweep, (batch, concurrency or rate, repeat).
type Cell struct {
	ID          string  `json:"cell"` // "b8-c16-r1", "b8-rate4-r1"
	Batch       int     `json:"batch"`
	Concurrency int     `json:"concurrency,omitempty"`
	Rate        float64 `json:"rate,omitempty"` // requests/s
	RateInf     bool    `json:"rate_inf,omitempty"`
	Repeat      int     `json:"repeat"`
	// OriginUnix places the cell's clock origin on the wall clock.
	OriginUnix int64 `json:"origin_unix_ns"`
	// The phases of the cell on its clock. IdleBefore and IdleAfter are empty
	// windows where no baseline was taken.
	IdleBefore   attribution.Window `json:"idle_before"`
	Window       attribution.Window `json:"window"`
	IdleAfter    attribution.Window `json:"idle_after"`
	Requests     int                `json:"requests"`
	Errors       int                `json:"errors"`
	ScheduleHash string             `json:"schedule_hash"`
	Complete     bool               `json:"complete"` // false: interrupted or failed, rows kept
	Interrupted  string             `json:"interrupted,omitempty"`
	// Reasons are validity reason codes found while running; see Verdict.
	Reasons []string `json:"reasons,omitempty"`
	// Devices is what was seen of the metered devices beside their readings:
	// GPUs' clocks, throttling and processes, and the connections to agents.
	Devices json.RawMessage `json:"devices,omitempty"`
}
