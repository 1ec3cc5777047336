package summary

import (
	"strings"

	"cfubench/internal/texttable"
)

// RooflineTableOf sets the costs of the engine's steps against the model's size,
// one row a valid cell and domain: energy per byte of weights that a step reads and
// per operation that a token takes, a prompt token against an output token (by
// operations they are the same), and how many output tokens a step costs. There is
// no row where the size is not known.
func RooflineTableOf(s Summary) (columns []texttable.Column, rows []TableRow) {
	var lines []line
	kind := s.modelledKind()
	columns = []texttable.Column{
		{Name: "cell", Text: true}, {Name: "domain", Text: true}, {Name: "weights", Unit: "GB"}, {Name: "a token", Unit: "GFLOP"},
		{Name: "step", Unit: "pJ/B", Kind: kind}, {Name: "prompt token", Unit: "pJ/FLOP", Kind: kind}, {Name: "output token", Unit: "pJ/FLOP", Kind: kind},
		{Name: "prompt : output", Unit: "by FLOP 1"}, {Name: "step", Unit: "output tokens"},
	}
	for _, c := range s.Cells {
		if !c.Validity.Valid() {
			continue
		}
		for _, r := range c.Rooflines {
			lines = append(lines, line{[]texttable.Cell{
				texttable.Words(c.Cell), texttable.Words(r.Domain), texttable.Figures(r.WeightBytes / 1e9), texttable.Figures(2 * r.Parameters / 1e9),
				fitted(r.StepByte), fitted(r.PromptFLOP), fitted(r.DecodeFLOP), fitted(r.PromptToOutput), texttable.Figures(r.BalanceTokens),
			}, c.Validity.Verdict, false})
		}
	}
	return lay(columns, lines)
}

func (s Summary) rooflineTable(b *strings.Builder) {
	columns, rows := RooflineTableOf(s)
	if len(rows) == 0 {
		return
	}
	b.WriteString("\nthese costs against the model's size\n")
	texttable.Write(b, columns, cellsOf(rows))
}
