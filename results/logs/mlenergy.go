package logs

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cfubench/meter"
)

// detectMLEnergy knows the tables of the ML.ENERGY leaderboard
// (github.com/ml-energy/leaderboard): one object a configuration.
func detectMLEnergy(head []byte) bool {
	return detectJSON(head) && bytes.Contains(head, []byte(`"configurations"`)) && bytes.Contains(head, []byte(`"energy_per_token_joules"`))
}

// readMLEnergy reads what the configurations state. Their joules per request
// are joules per output token times the mean output, at the steady state: no
// figure of a window, and no prompt has a share.
func readMLEnergy(f file, q *Requests, _ Options, _ func(Request) error) error {
	q.Grade, q.Basis = GradeTotals, BasisNone
	model := ""
	return newWalk(f).run(func(path []string) step {
		switch {
		case is(path, "configurations", "*"), is(path, "model_id"):
			return take
		case toward(path, "configurations", "*"):
			return into
		}
		return skip
	}, func(path []string, v jsontext.Value) error {
		if len(path) == 1 {
			return json.Unmarshal(v, &model, lenient())
		}
		var c struct {
			Model      string  `json:"model_id"`
			GPU        string  `json:"gpu_model"`
			GPUs       int     `json:"num_gpus"`
			Batch      int     `json:"max_num_seqs"`
			PerToken   float64 `json:"energy_per_token_joules"`
			PerRequest float64 `json:"energy_per_request_joules"`
			Watts      float64 `json:"avg_power_watts"`
			Output     float64 `json:"avg_output_len"`
			Throughput float64 `json:"output_throughput_tokens_per_sec"`
		}
		if err := json.Unmarshal(v, &c, lenient()); err != nil {
			return err
		}
		if c.PerToken <= 0 || c.Output <= 0 {
			return fmt.Errorf("configuration %d: no energy_per_token_joules or no avg_output_len", len(q.Stated))
		}
		label := fmt.Sprintf("%s %dx%s b%d", first(c.Model, model), max(1, c.GPUs), c.GPU, c.Batch)
		q.Stated = append(q.Stated, Stated{
			Label: strings.TrimSpace(label), JoulesPerRequest: c.PerRequest, JoulesPerOutputToken: c.PerToken,
			OutputTokens: c.Output, Requests: 1, Power: meter.Power(c.Watts * 1e6), GPU: c.GPU, GPUs: c.GPUs,
		})
		return nil
	})
}
