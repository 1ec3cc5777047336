package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"cfubench/attribution/lca"
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
	table(&b, "cell\trequests\toutput tokens\tenergy\tbracket\tkind\tboundary\tdevice time\tsource", func(row func(...string)) {
		for _, c := range v.Cells {
			row(c.Cell, c.Requests, c.Tokens, c.Energy, c.Bracket, c.Kind, c.Boundary, c.BusyTime, c.Source)
		}
	})
	table(&b, "figure\tvalue\tboundary\tquality\tspread\tyear\tsource\tline\tnote", func(row func(...string)) {
		for _, f := range v.Figures {
			row(f.Field, f.Value, f.Boundary, f.Quality, f.Spread, f.Year, f.Source, f.Place, f.Note)
		}
	})

	heading(&b, "3. Life cycle impact assessment")
	for _, t := range v.Impacts {
		fmt.Fprintf(&b, "\n%s, per %s\n", t.Cell, t.Unit)
		table(&b, "category\t"+strings.Join(titles(v.Kinds), "\t")+"\tC_FU\tinterval", func(row func(...string)) {
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
		table(&b, "cell\tsite\thosts\telectricity\tmetered\tdevices\tcategory\toperation\thardware", func(row func(...string)) {
			for _, s := range v.Sites {
				row(s.Cell, s.Site, s.Hosts, s.Grid, s.Energy, s.Devices, s.Category, s.Operation, s.Hardware)
			}
		})
	}

	heading(&b, "4. Interpretation")
	fmt.Fprintln(&b, "Significant issues (ISO 14044: terms of a tenth of the total or more)")
	table(&b, "cell\tcategory\tterm\tshare", func(row func(...string)) {
		for _, i := range v.Issues {
			row(i.Cell, i.Category, i.Term, i.Share)
		}
	})
	fmt.Fprintf(&b, "\nSensitivity of %s, per request: each input alone over the central 95 %% of its spread\n", v.Cells[0].Cell)
	table(&b, "category\tinput\tlow\tbase\thigh\tline", func(row func(...string)) {
		for _, s := range v.Swings {
			row(s.Category, s.Input, s.Low, s.Base, s.High, s.Place)
		}
	})
	if len(v.BreakEven) > 0 {
		fmt.Fprintln(&b, "\nBreak-even: requests at which inference has cost as much as what came before it")
		table(&b, "cell\tcategory\tcompared\tupfront\tper request\trequests\t95 % interval", func(row func(...string)) {
			for _, l := range v.BreakEven {
				row(l.Cell, l.Category, l.Compared, l.Upfront, l.PerRequest, l.Requests, l.Interval)
			}
		})
	}
	if len(v.Variances) > 0 {
		fmt.Fprintln(&b, "\nParts of the uncertainty: inputs by their part of the variance of a category's total")
		table(&b, "cell\tcategory\tinput\tpart\tline", func(row func(...string)) {
			for _, l := range v.Variances {
				row(l.Cell, l.Category, l.Input, l.Share, l.Place)
			}
		})
	}
	fmt.Fprintln(&b, "\nChoices: the total per request under another one (sensitivity check)")
	table(&b, "cell\tchoice\tcategory\tas assessed\tunder it\tchange", func(row func(...string)) {
		for _, l := range v.Scenarios {
			row(l.Cell, l.Choice, l.Category, l.Base, l.Value, l.Change)
		}
	})
	fmt.Fprintln(&b, "\nCompleteness check")
	table(&b, "model\tcategory\tstage\tfound", func(row func(...string)) {
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
	_, err = io.WriteString(w, b.String())
	return err
}

func heading(b *strings.Builder, title string) {
	fmt.Fprintf(b, "\n%s\n%s\n", title, strings.Repeat("=", len(title)))
}

// table writes aligned columns under a header.
func table(b *strings.Builder, header string, rows func(row func(cells ...string))) {
	tw := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, header)
	rows(func(cells ...string) { fmt.Fprintln(tw, strings.Join(cells, "\t")) })
	tw.Flush() // to memory: it cannot fail
}

func bullets(b *strings.Builder, list []string) {
	for _, s := range list {
		fmt.Fprintf(b, "- %s\n", s)
	}
}
