package derivation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"cfubench/meter"
	"cfubench/results/runfolder"
	"cfubench/results/tenants"
)

// TenantConvention names how the energy of a server in production is divided among
// its tenants: that of each interval, all of it, by the weighted tokens in it. A
// request's prompt tokens lie at its start, its output tokens evenly from there to its
// end.
const TenantConvention = "tokens-by-interval"

// TokenWeights are what a prompt token and an output token count.
type TokenWeights struct{ Prompt, Output float64 }

// ParseTokenWeights reads "1:4"; "" is "1:1", every token alike.
func ParseTokenWeights(text string) (w TokenWeights, err error) {
	in, out, ok := strings.Cut(cmp.Or(text, "1:1"), ":")
	var err1, err2 error
	w.Prompt, err1 = strconv.ParseFloat(in, 64)
	w.Output, err2 = strconv.ParseFloat(out, 64)
	if sum := w.Prompt + w.Output; !ok || err1 != nil || err2 != nil || !(w.Prompt >= 0 && w.Output >= 0 && sum > 0 && sum < 1e12) {
		return w, fmt.Errorf("%q: want two numbers of zero or more, not both zero, such as 1:4", text)
	}
	return w, nil
}

func (w TokenWeights) of(prompt, output float64) float64 { return w.Prompt*prompt + w.Output*output }

// TenantShare is a tenant's part of a time: its tokens and finished requests by its
// records, and the energy that it is charged.
type TenantShare struct {
	Tenant       string       `json:"tenant"`
	Energy       meter.Energy `json:"-"`
	EnergyJ      float64      `json:"energy_j"`
	PromptTokens float64      `json:"prompt_tokens"`
	OutputTokens float64      `json:"output_tokens"`
	Requests     float64      `json:"requests"`
}

// TenantDivider divides intervals among requests, one after the other. Where the next
// does not begin with the end of the last, the tokens between are of a time that is not
// divided, and nobody's. Of the
// server's tokens those that no record has are tenants.Unattributed's: over all
// intervals so far, for a server may count a request's tokens earlier or later than
// its record spreads them.
type TenantDivider struct {
	Weights TokenWeights
	pending []pendingRequest
	end     time.Duration  // of the last interval
	begun   bool           // there was one
	gaps    []meter.Window // between intervals, in their order
	// unexplained are the server's weighted tokens that neither a record nor
	// tenants.Unattributed has had; below zero where records are ahead.
	unexplained float64
}

// pendingRequest is a request whose output tokens until a moment have been divided,
// and whose prompt has.
type pendingRequest struct {
	runfolder.TenantRequest
	until    time.Duration
	prompted bool
}

// Add adds a finished request, on the clock of the intervals. Its tokens before from
// are left out: they are of a time that is not divided here.
func (d *TenantDivider) Add(r runfolder.TenantRequest, from time.Duration) {
	if r.Start = min(r.Start, r.End); r.End > from {
		d.pending = append(d.pending, pendingRequest{r, max(r.Start, from), r.Start < from})
	}
}

// oldestGap is how long a gap is remembered: requests are told of for an hour.
const oldestGap = 2 * time.Hour

// advance takes the place of the next interval.
func (d *TenantDivider) advance(next meter.Window) {
	if d.begun && next.Start > d.end {
		d.gaps = append(d.gaps, meter.Window{Start: d.end, End: next.Start})
	}
	d.begun, d.end = true, next.End
	for len(d.gaps) > 0 && d.gaps[0].End < d.end-oldestGap {
		d.gaps = d.gaps[1:]
	}
}

// divided is how much of a time lies in no gap.
func (d *TenantDivider) divided(from, to time.Duration) time.Duration {
	length := to - from
	for _, g := range d.gaps {
		length -= max(0, min(to, g.End)-max(from, g.Start))
	}
	return length
}

// inGap reports whether a moment lies in a gap.
func (d *TenantDivider) inGap(at time.Duration) bool {
	return slices.ContainsFunc(d.gaps, func(g meter.Window) bool { return at > g.Start && at <= g.End })
}

// Divide divides the next interval. Tokens of earlier ones that were added too late
// for them come to lie in it. The shares are in the order of their names, and their
// energies sum to the interval's.
func (d *TenantDivider) Divide(i Interval) []TenantShare {
	shares, weights := map[string]*TenantShare{}, map[string]float64{}
	of := func(name string) *TenantShare {
		if shares[name] == nil {
			shares[name] = &TenantShare{Tenant: name}
		}
		return shares[name]
	}
	d.advance(i.Window)
	recorded := 0.0
	kept := d.pending[:0]
	for _, r := range d.pending {
		if r.Start < i.End || r.End <= i.End {
			part := 1.0
			if length := r.End - r.Start; length > 0 {
				part = float64(d.divided(r.until, min(r.End, i.End))) / float64(length)
				r.until = min(r.End, i.End)
			} else if d.inGap(r.End) {
				part = 0
			}
			s, prompt, output := of(r.Tenant), 0.0, part*float64(r.OutputTokens)
			if !r.prompted && !d.inGap(r.Start) {
				prompt = float64(r.PromptTokens)
			}
			r.prompted = true
			s.PromptTokens, s.OutputTokens = s.PromptTokens+prompt, s.OutputTokens+output
			weights[r.Tenant] += d.Weights.of(prompt, output)
			recorded += d.Weights.of(prompt, output)
			if r.End <= i.End {
				if !d.inGap(r.End) {
					s.Requests++
				}
				continue
			}
		}
		kept = append(kept, r)
	}
	d.pending = kept
	d.unexplained += d.Weights.of(known(i.PromptTokens), known(i.OutputTokens)) - recorded
	if d.unexplained > tokenNoise {
		weights[tenants.Unattributed] += d.unexplained
		d.unexplained = 0
	}
	total := 0.0
	for _, w := range weights {
		total += w
	}
	if total == 0 {
		name := tenants.Unattributed
		if i.Idle {
			name = tenants.Idle
		}
		weights[name], total = 1, 1
	}
	names := slices.Sorted(maps.Keys(weights))
	left := i.Energy.Energy
	for k, name := range names {
		part := meter.Energy(math.Round(float64(i.Energy.Energy) * weights[name] / total))
		if k == len(names)-1 {
			part = left // with what rounding left
		}
		of(name).Energy = part
		left -= part
	}
	return sortedShares(shares)
}

// tokenNoise is how much of a weighted token the sums of spread tokens may be off.
const tokenNoise = 1e-6

// sortedShares are shares by name, in joules too.
func sortedShares(shares map[string]*TenantShare) []TenantShare {
	var list []TenantShare
	for _, name := range slices.Sorted(maps.Keys(shares)) {
		s := *shares[name]
		s.EnergyJ = s.Energy.Joules()
		list = append(list, s)
	}
	return list
}

// SumTenants sums shares up by tenant, in the order of their names.
func SumTenants(lists ...[]TenantShare) []TenantShare {
	sums := map[string]*TenantShare{}
	for _, list := range lists {
		for _, s := range list {
			sum := sums[s.Tenant]
			if sum == nil {
				sum = &TenantShare{Tenant: s.Tenant}
				sums[s.Tenant] = sum
			}
			sum.Energy += s.Energy
			sum.PromptTokens += s.PromptTokens
			sum.OutputTokens += s.OutputTokens
			sum.Requests += s.Requests
		}
	}
	return sortedShares(sums)
}

// tenantsOf divides the intervals of a cell by its tenants.arrow; false where there
// is none. The shares sum to the cell's one energy: intervals whose energy is not
// known, and what their sum misses of it, count as the others do.
func tenantsOf(ctx context.Context, dir string, cell runfolder.Cell, intervals []Interval, energy meter.Energy, weights TokenWeights) ([]TenantShare, bool, error) {
	divider := TenantDivider{Weights: weights}
	for r, err := range runfolder.TenantRequests().Scan(ctx, runfolder.CellFile(dir, cell.ID, runfolder.TenantsFile)) {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		divider.Add(*r, cell.Window.Start)
	}
	var lists [][]TenantShare
	for _, i := range intervals {
		lists = append(lists, divider.Divide(i))
	}
	return scaled(SumTenants(lists...), energy), true, nil
}

// scaled are shares whose energies are made to sum to an energy.
func scaled(shares []TenantShare, energy meter.Energy) []TenantShare {
	var sum meter.Energy
	for _, s := range shares {
		sum += s.Energy
	}
	if sum == 0 {
		return shares
	}
	left := energy
	for i := range shares {
		part := meter.Energy(math.Round(float64(shares[i].Energy) / float64(sum) * float64(energy)))
		if i == len(shares)-1 {
			part = left
		}
		left -= part
		shares[i].Energy, shares[i].EnergyJ = part, part.Joules()
	}
	return shares
}
