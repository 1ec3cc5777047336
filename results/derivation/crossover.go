package derivation

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"cfubench/attribution/lca"
	"cfubench/attribution/lca/report"
)

// Compare assesses designs, as Design reads them, and compares them over their usage. by
// is the category in which a design of several cells is chosen. Every draw goes to the
// CSV file draws, "" for none. They are compared per the one functional unit of m.
func (m Amortization) Compare(ctx context.Context, designs []string, by lca.Category, draws string) ([]lca.Assessment, lca.Comparison, error) {
	doubt, err := m.judgedApart(designs)
	if err != nil {
		return nil, lca.Comparison{}, err
	}
	var list []lca.Assessment
	for _, design := range designs {
		a, err := m.Design(ctx, design, by)
		if err != nil {
			return nil, lca.Comparison{}, fmt.Errorf("design %q: %w", design, err)
		}
		a.Options.Draws = m.Options.Draws
		list = append(list, a)
	}
	unit := m.unit()
	each, done, err := exportDraws(draws, lca.DesignNames(list), unit)
	if err != nil {
		return nil, lca.Comparison{}, err
	}
	r, err := lca.Compare(ctx, list, unit, m.Options.LifetimeInferences, each)
	if closeErr := done(); err == nil {
		err = closeErr
	}
	if doubt != "" {
		r.Warnings = append(r.Warnings, doubt)
	}
	return list, r, err
}

// judgedApart refuses outcomes of a run that is no design, and doubts those of one file
// that are joined to several runs.
func (m Amortization) judgedApart(designs []string) (doubt string, err error) {
	of, shared := map[string]bool{}, []string{}
	for _, design := range designs {
		out := cleaned(DesignFolder(design))
		if !of[out] && m.Outcomes != nil && m.OutcomesOf[out] == nil && !IsPublishedDesign(design) {
			shared = append(shared, out)
		}
		of[out] = true
	}
	for _, out := range slices.Sorted(maps.Keys(m.OutcomesOf)) {
		if !of[out] {
			return "", fmt.Errorf("outcomes of run %s: it is none of the designs", out)
		}
	}
	if len(shared) > 1 {
		doubt = fmt.Sprintf("the outcomes of one file are joined to the requests of %s alike: give each run its own, as --outcomes OUT=FILE", strings.Join(shared, " and "))
	}
	return doubt, nil
}

// unit is the functional unit by which designs are compared: the first that was asked
// for, else what outcomes count, else the request.
func (m Amortization) unit() string {
	switch {
	case len(m.Options.FunctionalUnits) > 0:
		return string(m.Options.FunctionalUnits[0])
	case len(m.Options.Custom) > 0:
		return m.Options.Custom[0].Name
	case m.Outcomes != nil || len(m.OutcomesOf) > 0:
		return m.OutcomeUnit
	}
	return string(lca.PerRequest)
}

// exportDraws gives what writes every draw to the file at path, if there is one, and
// what completes it.
func exportDraws(path string, designs []string, unit string) (each func(lca.Draw) error, done func() error, err error) {
	if path == "" {
		return nil, func() error { return nil }, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, nil, fmt.Errorf("write %s: %w", path, err)
	}
	buffer := bufio.NewWriter(file)
	draws := report.NewDrawsCSV(buffer, designs, unit)
	return draws.Add, func() error {
		for _, err := range []error{draws.Close(), buffer.Flush(), file.Close()} {
			if err != nil {
				return fmt.Errorf("write %s: %w", path, err)
			}
		}
		return nil
	}, nil
}
