package derivation

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"cfubench/attribution/lca"
	"cfubench/internal/ordered"
	"cfubench/results/runfolder"
)

// Survey is what the cells of a run used and delivered, and what their assessments
// rest on: all that can be told before anything is drawn. It holds a few hundred
// bytes a cell.
type Survey struct {
	// Warnings of the run and of every assessment, each once.
	Warnings []string

	dir      string
	run      runfolder.Run
	how      Amortization
	assessor *lca.Assessor
	usages   []lca.Usage
	notes    []string          // of the run: the first assessment carries them
	leftOut  map[string]string // why, by cell
}

// Survey sums up the cells of the run in dir. A cell without a completed request or
// without a readable meter is left out with a warning; a run with none that can be
// assessed is an error.
func (m Amortization) Survey(ctx context.Context, dir string, run runfolder.Run) (*Survey, error) {
	if run.Record != nil && !run.Record.Serves() {
		return nil, fmt.Errorf("%s is a record, which delivers no request: name it in an inventory, as a stage with \"record\": %q, and amortize the run that serves the model", dir, dir)
	}
	if run.Record.Serves() && m.RequestsOnly {
		return nil, fmt.Errorf("%s is of a server in production, whose totals tell no energy of a request alone: amortize its whole energy", dir)
	}
	if m.SLO.IsZero() {
		m.SLO = run.Config.SLO
	}
	if m.SLO.IsZero() && slices.Contains(m.Options.FunctionalUnits, lca.PerSLORequest) {
		return nil, fmt.Errorf("functional unit %s: the run has no --slo, so say what a request must keep", lca.PerSLORequest)
	}
	inv, notes, err := m.inventory(run)
	if err != nil {
		return nil, err
	}
	if n := m.drawsOf(len(run.Cells)); n < m.Options.Draws {
		notes = append(notes, fmt.Sprintf("the run has %d cells: each is drawn %d times for its intervals, not %d; --monte-carlo draws more", len(run.Cells), n, m.Options.Draws))
		m.Options.Draws = n
	}
	m.Options.Counting = m.counting()
	s := &Survey{dir: dir, run: run, how: m, leftOut: map[string]string{}}
	if s.assessor, err = lca.NewAssessor(inv, m.Options); err != nil {
		return nil, err
	}
	leftOut, doubts, err := s.cells(ctx)
	if err != nil {
		return nil, err
	}
	if len(s.usages) == 0 {
		return nil, fmt.Errorf("%s: no cell can be amortized: %s", dir, strings.Join(append(leftOut, "the run has "+strconv.Itoa(len(run.Cells))+" cells"), "; "))
	}
	s.notes = append(leftOut, notes...)
	if m.Outcomes != nil {
		if doubt := m.Outcomes.Unjoined(); doubt != "" {
			s.notes = append(s.notes, doubt)
		}
	}
	s.Warnings = lca.Warnings([]lca.Assessment{{Warnings: s.notes}, {Warnings: doubts}})
	return s, nil
}

// counting is how the usage is counted, "" for as usual.
func (m Amortization) counting() string {
	var list []string
	if m.Devices > 0 {
		list = append(list, fmt.Sprintf("devices=%d", m.Devices))
	}
	if m.RequestsOnly {
		list = append(list, "requests-only")
	}
	if m.Convention != "" {
		list = append(list, "convention="+m.Convention)
	}
	return strings.Join(list, " ")
}

// cells sums up the cells, and gives why some are left out and what is doubtful in
// the others.
func (s *Survey) cells(ctx context.Context) (leftOut, doubts []string, err error) {
	type cell struct {
		usage    lca.Usage
		warnings []string
		id       string
		leftOut  string // why, "" where it is not
	}
	for c, err := range ordered.Results(ctx, len(s.run.Cells), s.weight, func(ctx context.Context, i int) (cell, error) {
		u, err := s.how.usage(ctx, s.dir, s.run, s.run.Cells[i], s.assessor.MixOf)
		if err == nil {
			var a lca.Assessment
			if a, err = s.assessor.Preview(u); err == nil {
				return cell{usage: u, warnings: append(s.doubts(i), a.Warnings...)}, nil
			}
		}
		if errors.Is(err, errNotAssessable) || errors.Is(err, lca.ErrNothingDelivered) {
			return cell{id: s.run.Cells[i].ID, leftOut: err.Error()}, nil
		}
		return cell{}, err
	}) {
		switch {
		case err != nil:
			return nil, nil, err
		case c.leftOut != "":
			leftOut, s.leftOut[c.id] = append(leftOut, c.leftOut), c.leftOut
		default:
			s.usages, doubts = append(s.usages, c.usage), append(doubts, c.warnings...)
		}
	}
	return leftOut, doubts, nil
}

// doubts are what there is to say of a cell that was not measured as planned.
func (s *Survey) doubts(cell int) []string {
	if c := s.run.Cells[cell]; s.run.Record == nil && !c.Complete {
		return []string{fmt.Sprintf("cell %q is incomplete: its figures are of the requests that were done", c.ID)}
	}
	return nil
}

// weight is what summing up a cell weighs: only hours make it read more than a batch
// of rows at a time.
func (s *Survey) weight(cell int) int64 {
	if len(s.how.Options.Hourly) == 0 {
		return 0
	}
	return runfolder.ReadingsBytes(s.dir, s.run.Cells[cell].ID)
}

// Assessments yields the assessment of each cell, in the order of the run, one at a
// time: memory is that of a few. What the survey says of the run is among the
// warnings of the first.
func (s *Survey) Assessments(ctx context.Context) iter.Seq2[lca.Assessment, error] {
	return ordered.Results(ctx, len(s.usages), nil, func(ctx context.Context, i int) (lca.Assessment, error) {
		a, err := s.assessor.Assess(ctx, s.usages[i])
		if i == 0 {
			a.Warnings = slices.Concat(s.notes, a.Warnings)
		}
		return a, err
	})
}

// Assess assesses every cell of the run in dir and writes nothing. It holds all
// assessments, some 70 kB a cell: Run hands them on one by one.
func (m Amortization) Assess(ctx context.Context, dir string, run runfolder.Run) ([]lca.Assessment, error) {
	s, err := m.Survey(ctx, dir, run)
	if err != nil {
		return nil, err
	}
	var list []lca.Assessment
	for a, err := range s.Assessments(ctx) {
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// Run assesses every cell of the run in dir, writes footprint.arrow, and hands each
// assessment on to each, which may be nil. It returns what it warns of, each once.
func (m Amortization) Run(ctx context.Context, dir string, run runfolder.Run, each func(a *lca.Assessment) error) (warnings []string, err error) {
	s, err := m.Survey(ctx, dir, run)
	if err != nil {
		return nil, err
	}
	if err := s.write(ctx, each); err != nil {
		return nil, err
	}
	return s.Warnings, nil
}
