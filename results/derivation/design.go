package derivation

import (
	"context"
	"fmt"
	"os"
	"strings"

	"cfubench/attribution/lca"
	"cfubench/results/runfolder"
)

// Design assesses a design for lca.Compare, which draws designs together: without
// draws, and with the inventory's own lifetime. text is MODEL@RATE of the published
// table, or a run folder, with #CELL behind it or else its cell with the least
// marginal cost in category by; =INVENTORY behind either replaces m's.
func (m Amortization) Design(ctx context.Context, text string, by lca.Category) (lca.Assessment, error) {
	if design, inventory, ok := strings.Cut(text, "="); ok {
		text, m.Inventory = design, inventory
	}
	m.Options.Draws = 0
	m.Options.LifetimeInferences = 0
	if _, err := os.Stat(text); err != nil && strings.Contains(text, "@") {
		return m.publishedDesign(ctx, text)
	}
	dir, cell, _ := strings.Cut(text, "#")
	run, err := runfolder.ReadRun(dir)
	if err != nil {
		return lca.Assessment{}, err
	}
	s, err := m.Survey(ctx, dir, run)
	if err != nil {
		return lca.Assessment{}, err
	}
	var found lca.Assessment
	for a, err := range s.Assessments(ctx) {
		if err != nil {
			return lca.Assessment{}, err
		}
		this := a.Usage.Cell == cell
		if cell == "" {
			this = found.Usage.Cell == "" || a.Balance(by).Marginal() < found.Balance(by).Marginal()
		}
		if this {
			found = a
		}
	}
	if found.Usage.Cell == "" {
		return lca.Assessment{}, fmt.Errorf("the run has no assessed cell %s", cell)
	}
	found.Usage.Cell = dir + "#" + found.Usage.Cell
	return found, nil
}

// publishedDesign assesses a row of the published table, MODEL@RATE.
func (m Amortization) publishedDesign(ctx context.Context, text string) (lca.Assessment, error) {
	at := strings.LastIndex(text, "@")
	if m.Inventory == "" {
		m.Inventory = lca.DefaultPreset
	}
	inv, err := lca.Load(m.Inventory, Files{})
	if err != nil {
		return lca.Assessment{}, err
	}
	return lca.AssessPublishedRun(ctx, inv, strings.TrimSpace(text[:at]), strings.TrimSpace(text[at+1:]), m.Options)
}
