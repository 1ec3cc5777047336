package derivation

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cfubench/attribution/lca"
	"cfubench/attribution/lca/figure"
	"cfubench/attribution/lca/report"
	"cfubench/results/runfolder"
)

// AssessmentFiles are the files that hold assessments in forms for others; those without
// a name are not written.
type AssessmentFiles struct {
	Reports    []string // in the phases of ISO 14040/44, HTML or (ending in .txt) text
	Forms      []string // a published form each, NAME=FILE
	Figure     string   // both panels of the paper's Figure 2
	Disclosure string   // the block that the paper asks developers to publish
}

// Any reports whether a file was asked for.
func (f AssessmentFiles) Any() bool {
	return len(f.Reports) > 0 || len(f.Forms) > 0 || f.Figure != "" || f.Disclosure != ""
}

// Paths are the files that were asked for.
func (f AssessmentFiles) Paths() []string {
	list := slices.Clone(f.Reports)
	for _, form := range f.Forms {
		_, path, _ := strings.Cut(form, "=")
		list = append(list, path)
	}
	for _, path := range []string{f.Figure, f.Disclosure} {
		if path != "" {
			list = append(list, path)
		}
	}
	return list
}

// Check refuses names that say no form, as a runfolder.ConfigError.
func (f AssessmentFiles) Check() error {
	for _, form := range f.Forms {
		name, path, _ := strings.Cut(form, "=")
		if path == "" || !slices.ContainsFunc(report.Shapes(), func(s report.Shape) bool { return s.Name == name }) {
			return runfolder.Refuse("--form %s: want NAME=FILE with one of %s", form, report.ShapeNames())
		}
	}
	if ext := filepath.Ext(f.Figure); f.Figure != "" && !strings.EqualFold(ext, ".svg") {
		return runfolder.Refuse("--figure %s: want a name that ends in .svg", f.Figure)
	}
	for _, path := range f.Reports {
		switch strings.ToLower(filepath.Ext(path)) {
		case ".html", ".htm", ".txt":
		default:
			return runfolder.Refuse("--report %s: want a name that ends in .html or .txt", path)
		}
	}
	return nil
}

// Write makes the files of the assessments, all or none; the figure is of category
// drawn. run is nil of published runs.
func (f AssessmentFiles) Write(assessments []lca.Assessment, run *runfolder.Run, drawn lca.Category) error {
	var files renderedFiles
	for _, path := range f.Reports {
		render := report.HTML
		if strings.EqualFold(filepath.Ext(path), ".txt") {
			render = report.Text
		}
		if err := files.add(path, func(w io.Writer) error { return render(w, assessments, time.Now()) }); err != nil {
			return err
		}
	}
	for _, form := range f.Forms {
		name, path, _ := strings.Cut(form, "=")
		if err := files.add(path, func(w io.Writer) error { return report.WriteShape(w, name, assessments) }); err != nil {
			return err
		}
	}
	if f.Figure != "" {
		if err := files.add(f.Figure, func(w io.Writer) error { return figure.LifeCycle(w, assessments, drawn) }); err != nil {
			return err
		}
	}
	if f.Disclosure != "" {
		block, err := Disclosure(assessments, run)
		if err != nil {
			return err
		}
		if err := files.add(f.Disclosure, func(w io.Writer) error { return report.Disclosure(w, block) }); err != nil {
			return err
		}
	}
	return files.write()
}

// WriteCrossover makes the figure of a comparison, if it was asked for.
func (f AssessmentFiles) WriteCrossover(designs []lca.Assessment, r lca.Comparison, drawn lca.Category) error {
	if f.Figure == "" {
		return nil
	}
	var files renderedFiles
	if err := files.add(f.Figure, func(w io.Writer) error { return figure.Crossover(w, designs, r, drawn) }); err != nil {
		return err
	}
	return files.write()
}

// renderedFile is a file that is not written yet; renderedFiles are written once all of
// them could be rendered.
type (
	renderedFile struct {
		path string
		text []byte
	}
	renderedFiles []renderedFile
)

func (r *renderedFiles) add(path string, render func(io.Writer) error) error {
	var text bytes.Buffer
	if err := render(&text); err != nil {
		return err
	}
	*r = append(*r, renderedFile{path, text.Bytes()})
	return nil
}

func (r renderedFiles) write() error {
	for _, f := range r {
		if err := os.WriteFile(f.path, f.text, 0o666); err != nil {
			return fmt.Errorf("write %s: %w", f.path, err)
		}
	}
	return nil
}
