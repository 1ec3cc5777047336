package record

import (
	"regexp"
	"strings"
	"testing"

	"cfubench/attribution/lca"
	"cfubench/meter"
	"cfubench/results/derivation"
	"cfubench/results/runfolder"
)

// TestTextOfBounds: what is said of the whole record are the bounds of its parts, and
// those that the table above it says of their domains.
func TestTextOfBounds(t *testing.T) {
	part := func(energy, lo, hi meter.Energy) derivation.CellEnergy {
		return derivation.CellEnergy{
			HasEnergy: true, Energy: energy, Lo: lo, Hi: meter.Bound(hi), Kind: "counter",
			Domains: []derivation.DomainEnergy{{Domain: meter.Domain{Name: "package-0", Kind: meter.KindCounter}, Summed: true, Energy: energy, Lo: lo, Hi: meter.Bound(hi)}},
		}
	}
	const j = meter.Joule
	for _, c := range []struct {
		why   string
		parts []derivation.CellEnergy
		want  string
		also  string // in the table
	}{
		{"both ends are known", []derivation.CellEnergy{part(250*j, 243*j, 260*j)}, "from 243 J to 260 J; measured", "260"},
		{"a register was reset: the lower end is known nevertheless", []derivation.CellEnergy{part(250*j, 243*j, meter.Unbounded)}, "from 243 J to no bound; measured", "no bound"},
		{"one of two parts has no bound", []derivation.CellEnergy{part(180*j, 176*j, 190*j), part(540*j, 535*j, meter.Unbounded)}, "from 711 J to no bound; measured", "no bound"},
		{"a sum that cannot be held has none", []derivation.CellEnergy{part(180*j, 176*j, meter.Unbounded-1), part(540*j, 535*j, 2)}, "from 711 J to no bound; measured", "package-0"},
	} {
		r := Result{Parts: c.parts, Record: lca.Record{Kind: meter.KindCounter}, Run: runfolder.Run{Record: &runfolder.Recorded{}}}
		for _, p := range c.parts {
			r.Run.Cells = append(r.Run.Cells, runfolder.Cell{ID: runfolder.RecordCell})
			r.Run.Record.Parts = append(r.Run.Record.Parts, runfolder.RecordedPart{Of: "host"})
			r.Record.Energy += p.Energy
		}
		var out strings.Builder
		if err := r.WriteText(&out, "REC"); err != nil {
			t.Fatal(err)
		}
		flat := regexp.MustCompile(`\s+`).ReplaceAllString(out.String(), " ")
		if !strings.Contains(flat, c.want) || !strings.Contains(flat, c.also) {
			t.Errorf("%s: got\n%swant %q below %q", c.why, out.String(), c.want, c.also)
		}
	}
}
