package derivation

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"

	"cfubench/attribution/lca"
	"cfubench/results/runfolder"
)

// Design assesses a design for lca.Compare, which draws designs together: without
// draws, and with the inventory's own lifetime. text is MODEL@RATE of the published
// table, or a run folder, with #CELL behind it or else its complete cell with the least
// marginal cost in category by; =INVENTORY behind either replaces m's.
func (m Amortization) Design(ctx context.Context, text string, by lca.Category) (lca.Assessment, error) {
	m.Options.Draws = 0
	m.Options.LifetimeInferences = 0
	dir, cell, inventory := splitDesign(text)
	if inventory != "" {
		m.Inventory = inventory
	}
	if IsPublishedDesign(text) {
		a, err := m.publishedDesign(ctx, dir)
		a.Design = named(a, inventory)
		return a, err
	}
	if own := m.OutcomesOf[cleaned(dir)]; own != nil {
		m.Outcomes = own
	}
	run, err := runfolder.ReadRun(dir)
	if err != nil {
		return lca.Assessment{}, err
	}
	s, err := m.Survey(ctx, dir, run)
	if err != nil {
		return lca.Assessment{}, err
	}
	complete := map[string]bool{}
	for _, c := range run.Cells {
		complete[c.ID] = c.Complete
	}
	var found lca.Assessment
	for a, err := range s.Assessments(ctx) {
		if err != nil {
			return lca.Assessment{}, err
		}
		this := a.Usage.Cell == cell
		if cell == "" {
			whole, foundWhole := complete[a.Usage.Cell], complete[found.Usage.Cell]
			less := found.Usage.Cell == "" || a.Balance(by).Marginal() < found.Balance(by).Marginal()
			this = whole && !foundWhole || whole == foundWhole && less
		}
		if this {
			found = a
		}
	}
	if found.Usage.Cell == "" {
		if why := s.leftOut[cell]; why != "" {
			return lca.Assessment{}, fmt.Errorf("the run has no assessed cell %s: %s", cell, why)
		}
		return lca.Assessment{}, fmt.Errorf("the run has no assessed cell %s", cell)
	}
	// What there is to say of the run is said whichever cell it is.
	found.Warnings = lca.Warnings([]lca.Assessment{{Warnings: s.notes}, {Warnings: found.Warnings}})
	found.Usage.Cell = dir + "#" + found.Usage.Cell
	found.Design = named(found, inventory)
	return found, nil
}

// named is a design's name: its cell, and the inventory that it was given.
func named(a lca.Assessment, inventory string) string {
	if inventory == "" {
		return a.Usage.Cell
	}
	return a.Usage.Cell + "=" + inventory
}

// splitDesign parts a design's text. Names of folders and of cells may have = and # in
// them, so the parts are what is there: the folder is the longest that is one, and the
// cell one of its run.
func splitDesign(text string) (dir, cell, inventory string) {
	for i := len(text); i >= 0; i-- {
		if i < len(text) && text[i] != '#' && text[i] != '=' || !isFolder(text[:i]) {
			continue
		}
		dir, rest := text[:i], text[i:]
		if !strings.HasPrefix(rest, "#") {
			return dir, "", strings.TrimPrefix(rest, "=")
		}
		rest = rest[1:]
		if !strings.Contains(rest, "=") {
			return dir, rest, ""
		}
		if run, err := runfolder.ReadRun(dir); err == nil {
			for _, c := range run.Cells {
				if after, ok := strings.CutPrefix(rest, c.ID); ok && (after == "" || after[0] == '=') && len(c.ID) >= len(cell) {
					cell, inventory = c.ID, strings.TrimPrefix(after, "=")
				}
			}
		}
		return dir, cmp.Or(cell, rest), inventory
	}
	dir, inventory, _ = strings.Cut(text, "=")
	dir, cell, _ = strings.Cut(dir, "#")
	return dir, cell, inventory
}

// DesignFolder is the run folder of a design's text, or MODEL@RATE.
func DesignFolder(text string) string {
	dir, _, _ := splitDesign(text)
	return dir
}

// IsPublishedDesign reports whether a design's text is MODEL@RATE, and no run folder.
func IsPublishedDesign(text string) bool {
	dir := DesignFolder(text)
	return !isFolder(dir) && strings.Contains(dir, "@")
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
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
