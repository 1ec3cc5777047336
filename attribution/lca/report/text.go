package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"cfubench/attribution/lca"
	"cfubench/internal/prose"
	"cfubench/internal/texttable"
)

// Text writes the report in the four phases of ISO 14040/14044 as plain text.
func Text(w io.Writer, list []lca.Assessment, now time.Time) error {
	v, err := compose(list, now)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Life cycle assessment: %s\n%s\n%s\n", v.Title, v.Description, v.Date)

	heading(&b, "1. Goal and scope")
	for _, i := range v.Scope {
		fmt.Fprintf(&b, "%s: %s\n", i.Name, i.Text)
	}

	heading(&b, "2. Life cycle inventory")
	cells := words("cell", "requests", "output tokens", "energy", "bracket", "kind", "boundary", "device time", "source")
	cells[0].Key, cells[6].Break = true, true
	table(&b, cells, func(row func(...string)) {
		for _, c := range v.Cells {
			row(c.Cell, c.Requests, c.Tokens, c.Energy, c.Bracket, c.Kind, c.Boundary, c.BusyTime, c.Source)
		}
	})
	for _, f := range v.Figures {
		fmt.Fprintf(&b, "\n%s = %s (%s; boundary %s; spread %s)\n  source: %s (%s; %s)\n", f.Field, f.Value, f.Quality, f.Boundary, f.Spread, f.Source, f.Year, f.Place)
		if f.Note != "" {
			fmt.Fprintf(&b, "  note: %s\n", f.Note)
		}
	}

	heading(&b, "3. Life cycle impact assessment")
	for _, t := range v.Impacts {
		fmt.Fprintf(&b, "\n%s, per %s\n", t.Cell, t.Unit)
		columns := words(slices.Concat([]string{"category"}, titles(v.Kinds), []string{"C_FU", "interval"})...)
		columns[0].Key, columns[0].Wrap, columns[len(columns)-2].Break = true, false, true
		table(&b, columns, func(row func(...string)) {
			for _, r := range t.Rows {
				row(append(append([]string{r.Category}, r.Stages...), r.Total, r.Interval)...)
			}
		})
		for _, r := range t.Rows {
			for _, i := range r.Trace {
				fmt.Fprintf(&b, "  %s, %s: %s\n", r.Category, i.Name, i.Text)
			}
		}
	}
	if len(v.Sites) > 0 {
		fmt.Fprintln(&b, "\nPlaces of serving: inference per request by where its hosts stand")
		table(&b, words("cell", "site", "hosts", "electricity", "metered", "devices", "category", "operation", "hardware"), func(row func(...string)) {
			for _, s := range v.Sites {
				row(s.Cell, s.Site, s.Hosts, s.Grid, s.Energy, s.Devices, s.Category, s.Operation, s.Hardware)
			}
		})
	}

	heading(&b, "4. Interpretation")
	fmt.Fprintln(&b, "Significant issues (ISO 14044: terms of a tenth of the total or more)")
	table(&b, words("cell", "category", "term", "share"), func(row func(...string)) {
		for _, i := range v.Issues {
			row(i.Cell, i.Category, i.Term, i.Share)
		}
	})
	fmt.Fprintln(&b, "\nSensitivity of the first cell and the last, per request: each input alone over the central 95 % of its spread")
	table(&b, words("cell", "category", "input", "low", "base", "high", "line"), func(row func(...string)) {
		for _, s := range v.Swings {
			row(s.Cell, s.Category, s.Input, s.Low, s.Base, s.High, s.Place)
		}
	})
	if len(v.BreakEven) > 0 {
		fmt.Fprintln(&b, "\nBreak-even: requests at which inference has cost as much as what came before it")
		table(&b, words("cell", "category", "compared", "upfront", "per request", "requests", "95 % interval"), func(row func(...string)) {
			for _, l := range v.BreakEven {
				row(l.Cell, l.Category, l.Compared, l.Upfront, l.PerRequest, l.Requests, l.Interval)
			}
		})
	}
	if len(v.Variances) > 0 {
		fmt.Fprintln(&b, "\nParts of the uncertainty: inputs by their part of the variance of a category's total")
		table(&b, words("cell", "category", "input", "part", "line"), func(row func(...string)) {
			for _, l := range v.Variances {
				row(l.Cell, l.Category, l.Input, l.Share, l.Place)
			}
		})
	}
	fmt.Fprintln(&b, "\nChoices: the total per request of the first cell and the last under another one (sensitivity check)")
	table(&b, words("cell", "choice", "category", "as assessed", "under it", "change"), func(row func(...string)) {
		for _, l := range v.Scenarios {
			row(l.Cell, l.Choice, l.Category, l.Base, l.Value, l.Change)
		}
	})
	fmt.Fprintln(&b, "\nCompleteness check")
	table(&b, words("model", "category", "stage", "found"), func(row func(...string)) {
		for _, l := range v.Completeness {
			row(l.Model, l.Category, l.Kind, l.Found)
		}
	})
	fmt.Fprintln(&b, "\nConsistency check")
	for _, i := range v.Consistency {
		fmt.Fprintf(&b, "%s: %s\n", i.Name, i.Text)
	}
	fmt.Fprintln(&b, "\nConclusions")
	bullets(&b, v.Conclusions)
	fmt.Fprintln(&b, "\nSoftware Carbon Intensity (ISO/IEC 21031): training and experimentation have no place in it")
	for _, i := range v.SCI {
		fmt.Fprintf(&b, "%s: %s\n", i.Name, i.Text)
	}
	fmt.Fprintln(&b, "\nWarnings")
	bullets(&b, v.Warnings)
	fmt.Fprintln(&b, "\nLimits")
	bullets(&b, v.Limits)
	_, err = io.WriteString(w, prose.Wrap(b.String()))
	return err
}

func heading(b *strings.Builder, title string) {
	fmt.Fprintf(b, "\n%s\n%s\n", title, strings.Repeat("=", len(title)))
}

// words are columns of words that wrap.
func words(names ...string) []texttable.Column {
	columns := make([]texttable.Column, len(names))
	for i, name := range names {
		columns[i] = texttable.Column{Name: name, Text: true, Wrap: true}
	}
	return columns
}

// table writes what rows hands on, row by row, below the columns' names.
func table(b *strings.Builder, columns []texttable.Column, rows func(row func(cells ...string))) {
	var all [][]string
	rows(func(cells ...string) { all = append(all, cells) })
	texttable.Write(b, columns, all) // to memory: it cannot fail
}

func bullets(b *strings.Builder, list []string) {
	for _, s := range list {
		fmt.Fprintf(b, "- %s\n", s)
	}
}
