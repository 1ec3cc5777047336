package runfolder

import (
	"bytes"
	"cfubench/loadgen"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Config is what run.json keeps of the configuration: every flag of `cfu run`
// that changes what is measured or derived, under the flag's name, and no
// secret. The fields of ExtraBody are kept whole, for they change what the
// server does. A new flag is a field here and a line where it is bound.
type Config struct {
	Endpoint  string `json:"endpoint"`
	EngineCmd string `json:"engine_cmd"`
	Model     string `json:"model"`
	API       string `json:"api"` // one of loadgen.APIs
	// TokensField is the name under which the server takes the length of an
	// answer; Header are the names, never the values, of further header fields.
	TokensField string   `json:"tokens_field,omitempty"`
	Header      []string `json:"header,omitempty"`

	Dataset         string        `json:"dataset"`
	Select          string        `json:"select"`
	Tokenizer       string        `json:"tokenizer"`
	NumRequests     int           `json:"num_requests"`
	MaxPromptTokens int           `json:"max_prompt_tokens"`
	MaxTokens       int           `json:"max_tokens"`
	MultiTurn       bool          `json:"multi_turn"`
	HashBlock       int           `json:"hash_block,omitempty"`
	TimeUnit        time.Duration `json:"time_unit_ns,omitempty"`
	History         string        `json:"history"`
	Seed            int64         `json:"seed"`
	IgnoreEOS       bool          `json:"ignore_eos"`
	MinTokens       bool          `json:"min_tokens"`

	// Configurations are the ways of serving that are compared; none where there
	// is one, of EngineCmd or Endpoint.
	Configurations []Configuration `json:"configurations,omitempty"`
	// Order is that of the repeats, one of the orders below.
	Order string `json:"order,omitempty"`

	Batch       []int         `json:"batch"` // 0: the endpoint's own, not known
	Concurrency []int         `json:"concurrency"`
	Rate        []string      `json:"rate"` // requests/s, or "inf"
	Arrival     string        `json:"arrival"`
	Burstiness  float64       `json:"burstiness"`
	Think       time.Duration `json:"think_ns"`
	Repeat      int           `json:"repeat"`
	Warmup      int           `json:"warmup"`

	Timeout     time.Duration `json:"timeout_ns"`
	MaxInFlight int           `json:"max_in_flight"`
	MaxErrors   int           `json:"max_errors"`
	MinDuration time.Duration `json:"min_duration_ns"`
	MaxDuration time.Duration `json:"max_duration_ns"`

	Meter         []string      `json:"meter"`
	CPUWatts      float64       `json:"cpu_watts"`
	CPUIdleWatts  float64       `json:"cpu_idle_watts"`
	GPUs          string        `json:"gpus"`
	ExpectDevices int           `json:"expect_devices"`
	Idle          time.Duration `json:"idle_ns"`
	Sysfs         string        `json:"sysfs"`
	NVMLLibrary   string        `json:"nvml_library"`
	Poll          time.Duration `json:"poll_ns"`

	Convention string `json:"convention"`
	Weights    string `json:"weights"`
	CacheShare string `json:"cache_share,omitempty"` // "" is "owner"
	// Roles are "DOMAIN=prefill" or "DOMAIN=decode", as they were given.
	Roles []string `json:"role,omitempty"`
	// ModelParameters and WeightBytes are the model's size where they were given.
	ModelParameters float64 `json:"model_parameters,omitempty"`
	WeightBytes     float64 `json:"weight_bytes,omitempty"`
	// StepPrior is the file of the step convention's costs, where it was given.
	StepPrior    string `json:"step_prior,omitempty"`
	ShapleyModel string `json:"shapley_model"`
	Reference    string `json:"reference,omitempty"`
	Inventory    string `json:"inventory"`

	ClientCPUs string `json:"client_cpus"`
	EngineCPUs string `json:"engine_cpus"`

	SLO              loadgen.SLO `json:"slo"`
	SLOShare         float64     `json:"slo_share"`
	FindRate         bool        `json:"find_rate"`
	FindRateFrom     float64     `json:"find_rate_from"`
	FindRateRequests int         `json:"find_rate_requests"`

	ExtraBody map[string]any `json:"extra_body,omitempty"`
	Shard     string         `json:"shard,omitempty"` // "1/4"
}

// Orders in which repeats are measured.
const (
	// OrderGrouped measures all repeats on one launch of the server.
	OrderGrouped = "grouped"
	// OrderInterleaved launches every server anew for each repeat, so that a drift
	// of the machine falls on all configurations alike.
	OrderInterleaved = "interleaved"
	// OrderRandom does so in an order drawn anew for each repeat.
	OrderRandom = "random"
)

// Configuration is one way of serving the model: an engine command, in which
// parameters stand in braces, with their values, under a label that names its
// cells.
type Configuration struct {
	Label     string            `json:"label"`
	EngineCmd string            `json:"engine_cmd"`
	Params    map[string]string `json:"params,omitempty"`
}

// Hash is the configuration's key for --resume: the same flags give the same
// text.
func (c Config) Hash() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("runfolder: a configuration of plain fields does not marshal: %v", err))
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Flag is one entry of the configuration as it is written on the command line:
// --idle 2s.
type Flag struct{ Name, Text string }

// Flags are the configuration's entries in the order of their names. Lists have
// commas between; an entry that is not set has no text.
func (c Config) Flags() []Flag {
	fields := c.fields()
	flags := make([]Flag, 0, len(fields))
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		var value any
		decoder := json.NewDecoder(bytes.NewReader(fields[key]))
		decoder.UseNumber() // a seed has more digits than a float64 keeps
		if err := decoder.Decode(&value); err != nil {
			panic(fmt.Sprintf("runfolder: configuration %s: %v", key, err))
		}
		flags = append(flags, Flag{flagName(key), flagText(key, value, fields[key])})
	}
	return flags
}

// configurationsKey is the entry that no flag of its own fills: --param and the
// configurations of a --sweep file do.
const configurationsKey = "configurations"

// Differing names the flags in which c and other differ, in alphabetical order.
func (c Config) Differing(other Config) []string {
	a, b := c.fields(), other.fields()
	keys := map[string]bool{}
	for k := range a {
		keys[k] = true
	}
	for k := range b {
		keys[k] = true
	}
	var names []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		switch {
		case string(a[k]) == string(b[k]):
		case k == configurationsKey:
			names = append(names, "the configurations that --param or --sweep gives")
		default:
			names = append(names, flagName(k))
		}
	}
	return names
}

func flagName(key string) string {
	return "--" + strings.ReplaceAll(strings.TrimSuffix(key, "_ns"), "_", "-")
}

func flagText(key string, value any, encoded []byte) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i, part := range v {
			parts[i] = fmt.Sprint(part)
		}
		if len(v) > 0 {
			if _, ok := v[0].(map[string]any); ok {
				break // a list of records, as JSON has it
			}
		}
		return strings.Join(parts, ",")
	case json.Number:
		if n, err := v.Int64(); err == nil && strings.HasSuffix(key, "_ns") {
			return time.Duration(n).String()
		}
	}
	return string(encoded)
}

// fields are the configuration's JSON by key.
func (c Config) fields() map[string]json.RawMessage {
	text, err := json.Marshal(c)
	var m map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		panic(fmt.Sprintf("runfolder: a configuration of plain fields does not marshal: %v", err))
	}
	return m
}
