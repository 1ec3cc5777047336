package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"cfubench/attribution/lca"
	"cfubench/attribution/lca/figure"
)

//go:embed report.html.tmpl
var page string

// HTML writes the same report as one file that needs nothing else: no script,
// no font, no network. The figure is drawn if there is an upfront cost.
func HTML(w io.Writer, list []lca.Assessment, now time.Time) error {
	v, err := compose(list, now)
	if err != nil {
		return err
	}
	t, err := template.New("report").Parse(page)
	if err != nil {
		return fmt.Errorf("parse report template: %w", err)
	}
	var svg strings.Builder
	for start := 0; start < len(list); {
		end := start + 1
		for end < len(list) && list[end].Inventory.Model.Title == list[start].Inventory.Model.Title {
			end++
		}
		if b := list[start].Balance(lca.GWP); b.Upfront() > 0 && b.Marginal() > 0 {
			if err := figure.LifeCycle(&svg, list[start:end], lca.GWP); err != nil {
				return err
			}
		}
		start = end
	}
	return t.Execute(w, struct {
		view
		Stages []string
		// The drawing is ours and escapes its labels.
		Figure template.HTML
	}{v, titles(v.Kinds), template.HTML(svg.String())})
}
