package summary

import (
	"math"
	"strings"

	"cfubench/attribution"
	"cfubench/internal/texttable"
	"cfubench/results/derivation"
)

// StepTableOf sets out what a step of the engine costs, one row a valid cell and
// domain, before them their sum where they are several that do the same work: reading the weights once, a prompt token, an output token, each with its
// 95 % interval, by how much they miss an interval between two publications of the
// register, and which of them the load tells from the others. There is no row where the step convention could not tell.
func StepTableOf(s Summary) (columns []texttable.Column, rows []TableRow) {
	var lines []line
	kind := s.modelledKind()
	columns = []texttable.Column{
		{Name: "cell", Text: true}, {Name: "domain", Text: true}, {Name: "step", Unit: "J", Kind: kind}, {Name: "prompt token", Unit: "J", Kind: kind},
		{Name: "output token", Unit: "J", Kind: kind}, {Name: "requests a step"}, {Name: "miss an interval by", Unit: "%"},
		{Name: "told apart", Text: true, Wrap: true}, {Name: "from", Text: true, Wrap: true},
	}
	for _, c := range s.Cells {
		if !c.Validity.Valid() {
			continue
		}
		if sum, ok := sumOfSteps(c.StepCosts); ok {
			lines = append(lines, line{[]texttable.Cell{
				texttable.Words(c.Cell), texttable.Words(derivation.SumOf(len(c.StepCosts))), fitted(sum.Step), fitted(sum.Prompt), fitted(sum.Decode),
				texttable.Figures(sum.MeanBatch), texttable.Words(""), texttable.Words(""), texttable.Words(""),
			}, c.Validity.Verdict, false})
		}
		for _, costs := range c.StepCosts {
			from := costs.Source
			if costs.Doubt != "" {
				from += ", doubtful"
			}
			miss, known := costs.Miss()
			if !known {
				miss = math.NaN()
			}
			domain := costs.Domain
			if costs.Role != attribution.RoleBoth {
				domain += " (" + string(costs.Role) + ")"
			}
			lines = append(lines, line{[]texttable.Cell{
				texttable.Words(c.Cell), texttable.Words(domain), fitted(costs.Step), fitted(costs.Prompt), fitted(costs.Decode),
				texttable.Figures(costs.MeanBatch), texttable.Figures(100 * miss), texttable.Words(costs.Told()), texttable.Words(from),
			}, c.Validity.Verdict, false})
		}
	}
	return lay(columns, lines)
}

// sumOfSteps is what a step costs in all domains together; false where there is one
// domain, or devices do different parts of the work. Its interval is the sum of theirs,
// as wide as if all missed to one side: the domains' fits share the requests' times.
func sumOfSteps(each []*attribution.StepCosts) (sum attribution.StepCosts, ok bool) {
	for _, c := range each {
		if c.Role != attribution.RoleBoth {
			return sum, false
		}
		sum.Step, sum.Prompt, sum.Decode, sum.MeanBatch = plus(sum.Step, c.Step), plus(sum.Prompt, c.Prompt), plus(sum.Decode, c.Decode), c.MeanBatch
	}
	return sum, len(each) > 1
}

func plus(a, b attribution.Fitted) attribution.Fitted {
	return attribution.Fitted{Value: a.Value + b.Value, Lo: a.Lo + b.Lo, Hi: a.Hi + b.Hi}
}

// fitted is a fitted number with its interval.
func fitted(f attribution.Fitted) texttable.Cell {
	if math.IsNaN(f.Lo) || math.IsInf(f.Hi, 0) {
		return texttable.Figures(f.Value)
	}
	return texttable.Cell{Layout: "%s (%s to %s)", Figures: []float64{f.Value, f.Lo, f.Hi}}
}

func (s Summary) stepTable(b *strings.Builder) {
	columns, rows := StepTableOf(s)
	if len(rows) == 0 {
		return
	}
	b.WriteString("\nwhat the engine's steps cost above idle\n")
	texttable.Write(b, columns, cellsOf(rows))
}
