package derivation

import (
	"context"
	"fmt"
	"os"
	"strings"

	"cfubench/attribution/lca"
	"cfubench/attribution/lca/outcomes"
	"cfubench/results/runfolder"
)

// Published assesses the published runs of the models, all where none is named, and hands
// them on. It returns their doubts.
func (m Amortization) Published(ctx context.Context, models []string, each func(*lca.Assessment) error) ([]string, error) {
	if m.Inventory == "" {
		m.Inventory = lca.DefaultPreset
	}
	inv, err := lca.Load(m.Inventory, Files{})
	if err != nil {
		return nil, err
	}
	published, err := inv.Published(models...)
	if err != nil {
		return nil, err
	}
	list, err := lca.AssessPublished(ctx, inv, published, m.Options) // all in one go: they are few
	if err != nil {
		return nil, err
	}
	for i := range list {
		if err := each(&list[i]); err != nil {
			return nil, err
		}
	}
	return lca.Warnings(list), nil
}

// OutcomesFile parts FILE#FILTER. A file whose own name has that form is one.
func OutcomesFile(text string) (path, filter string) {
	at := strings.LastIndex(text, "#")
	if at < 0 {
		return text, ""
	}
	if _, err := os.Stat(text); err == nil {
		return text, ""
	}
	return text[:at], text[at+1:]
}

// ReadOutcomes takes what requests were worth from the file of text, FILE or
// FILE#FILTER, if there is one.
func (m *Amortization) ReadOutcomes(text string) error {
	if text == "" {
		return nil
	}
	path, filter := OutcomesFile(text)
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read outcomes: %w", err)
	}
	defer in.Close()
	list, err := outcomes.Read(path, in)
	if err != nil {
		return err
	}
	if filter != "" {
		if list, err = outcomes.OfFilter(path, list, filter); err != nil {
			return err
		}
	}
	index, err := outcomes.NewIndex(path, list)
	m.Outcomes = &index
	return err
}

// HourlyFile parts SITE=FILE; a FILE alone is of the inventory's own place, "".
func HourlyFile(text string) (site, path string) {
	site, path, ok := strings.Cut(text, "=")
	if !ok {
		return "", text
	}
	return site, path
}

// ReadHourly takes the electricity of each hour from the files of texts, each FILE
// or SITE=FILE: of the inventory's own place, or of one of its sites.
func (m *Amortization) ReadHourly(texts []string) error {
	for _, text := range texts {
		site, path := HourlyFile(text)
		if m.Options.Hourly[site] != nil {
			return runfolder.Refuse("--grid-hourly %s: there is another for the same place: keep one", text)
		}
		mix, err := readHourly(path)
		if err != nil {
			return err
		}
		if m.Options.Hourly == nil {
			m.Options.Hourly = lca.Hours{}
		}
		m.Options.Hourly[site] = mix
	}
	return nil
}

func readHourly(path string) (*lca.Hourly, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read hourly mix: %w", err)
	}
	defer in.Close()
	return lca.ReadHourly(path, in)
}
