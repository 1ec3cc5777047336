package derivation

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"cfubench/attribution"
	"cfubench/attribution/lca"
	"cfubench/internal/atomicfile"
	"cfubench/loadgen/engine"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// ServedFile is what a server in production used for what it served, in the folder
// of its hour.
const ServedFile = "served.json"

// ServedLength is the least length of the intervals by which prefill and decode
// are told apart.
const ServedLength = 10 * time.Second

// ServedHour is served.json: the cells of a run folder of a server in production
// together. What is not known is not there.
type ServedHour struct {
	Model string `json:"model,omitempty"`
	// Kind is that of the energy: one modelled part makes "model".
	Kind        meter.Kind `json:"kind,omitempty"`
	Seconds     float64    `json:"seconds"`
	IdleSeconds float64    `json:"idle_s"`
	EnergyJ     *float64   `json:"energy_j,omitempty"`
	EnergyLoJ   *float64   `json:"energy_lo_j,omitempty"`
	EnergyHiJ   *float64   `json:"energy_hi_j,omitempty"`
	// IdleShare is the share of the energy used while the server had nothing to do.
	IdleShare      *float64            `json:"idle_share,omitempty"`
	PromptTokens   *float64            `json:"prompt_tokens,omitempty"`
	CachedTokens   *float64            `json:"cached_tokens,omitempty"`
	OutputTokens   *float64            `json:"output_tokens,omitempty"`
	Requests       *float64            `json:"requests,omitempty"`
	PerOutputToken *attribution.Fitted `json:"j_per_output_token,omitempty"`
	PerRequest     *attribution.Fitted `json:"j_per_request,omitempty"`
	// Split are the costs of prefill and decode; NoSplit says why there are none.
	Split   *attribution.ServedCosts `json:"split,omitempty"`
	NoSplit string                   `json:"split_unknown,omitempty"`
	// Grid is as stated, CarbonG of the energy at the meter; both only where a grid
	// was stated.
	Grid    *lca.CarbonGrid `json:"grid,omitempty"`
	CarbonG *float64        `json:"carbon_g_co2e,omitempty"`
	// Tenants divide the energy by the convention and the weights of a prompt and an
	// output token that stand beside them; only where a log told whose requests were.
	Tenants          []TenantShare `json:"tenants,omitempty"`
	TenantConvention string        `json:"tenant_convention,omitempty"`
	TenantWeights    string        `json:"tenant_weights,omitempty"`
	// Missing says of what there is no energy, and why.
	Missing []string `json:"missing,omitempty"`
}

// WriteServed sums up the cells of the run folder dir, whose energy.arrow are
// there, writes served.json and returns it. grid is nil where none was stated.
func WriteServed(ctx context.Context, dir string, run runfolder.Run, grid *lca.CarbonGrid) (ServedHour, error) {
	h, err := servedHour(ctx, dir, run, grid)
	if err != nil {
		return h, err
	}
	return h, atomicfile.WriteJSON(filepath.Join(dir, ServedFile), h)
}

// ReadServed reads served.json of the run folder dir.
func ReadServed(dir string) (h ServedHour, err error) {
	text, err := runfolder.ReadFile(filepath.Join(dir, ServedFile))
	if err != nil {
		return h, fmt.Errorf("read what was served: %w", err)
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, fmt.Errorf("read %s: %w", filepath.Join(dir, ServedFile), err)
	}
	for i, s := range h.Tenants {
		h.Tenants[i].Energy = meter.Energy(math.Round(s.EnergyJ * float64(meter.Joule)))
	}
	return h, nil
}

func servedHour(ctx context.Context, dir string, run runfolder.Run, grid *lca.CarbonGrid) (ServedHour, error) {
	var (
		h      ServedHour
		all    []Interval
		counts = engine.NoCounts()
		energy = Estimate{Known: true}
		served Served
		shares [][]TenantShare
	)
	weights, err := ParseTokenWeights(run.Config.Weights)
	if err != nil {
		return h, err
	}
	for _, cell := range run.Cells {
		if !cell.Complete {
			continue
		}
		e, err := ReadCellEnergy(dir, cell.ID)
		if err != nil {
			return h, err
		}
		intervals, err := Intervals(ctx, dir, cell)
		if err != nil {
			return h, err
		}
		for _, i := range intervals {
			counts = counts.Plus(i.Counts)
		}
		all = append(all, intervals...)
		if estimate := e.Estimate(); estimate.Known {
			list, told, err := tenantsOf(ctx, dir, cell, intervals, estimate.Energy, weights)
			if err != nil {
				return h, err
			}
			if told {
				shares = append(shares, list)
			}
		}
		energy = energy.plus(e.Estimate())
		h.Missing = append(h.Missing, e.missing()...)
		served.Time += cell.Window.Length()
		if k := e.kind(); h.Kind == "" || k == meter.KindModel {
			h.Kind = k
		}
	}
	if n := len(run.Engine); n > 0 {
		h.Model = run.Engine[n-1].Model
	}
	parts := SumServed(all)
	served.Counts, served.Energy, served.IdleTime = counts, energy, parts.IdleTime
	h.Seconds, h.IdleSeconds = served.Time.Seconds(), served.IdleTime.Seconds()
	h.PromptTokens, h.CachedTokens, h.OutputTokens, h.Requests = told(counts.PromptTokens), told(counts.CachedTokens), told(counts.OutputTokens), told(counts.Requests)
	if served.Time > 0 && energy.Known {
		h.EnergyJ, h.EnergyLoJ = told(energy.Energy.Joules()), told(energy.Lo.Joules())
		if energy.Hi != meter.Unbounded {
			h.EnergyHiJ = told(energy.Hi.Joules())
		}
		if grid != nil {
			h.Grid, h.CarbonG = grid, told(grid.Grams(energy.Energy))
		}
	}
	if len(shares) > 0 {
		h.Tenants, h.TenantConvention, h.TenantWeights = SumTenants(shares...), TenantConvention, cmp.Or(run.Config.Weights, "1:1")
	}
	if share, ok := parts.IdleShare(); ok {
		h.IdleShare = &share
	}
	if f, ok := served.PerOutputToken(); ok {
		h.PerOutputToken = &f
	}
	if f, ok := served.PerRequest(); ok {
		h.PerRequest = &f
	}
	if costs, reason := FitIntervals(all); reason == "" {
		h.Split = &costs
	} else {
		h.NoSplit = reason
	}
	return h, nil
}

// told is a figure, nil where it is not known.
func told(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}
