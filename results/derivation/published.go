package derivation

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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

// OutcomesFile parts [OUT=]FILE[#FILTER]: OUT is a run folder, the longest that is one,
// or "". A file whose own name has that form is one.
func OutcomesFile(text string) (out, path, filter string) {
	path = text
	for i := len(text) - 1; i > 0 && !isThere(path); i-- {
		if text[i] == '=' && isFolder(text[:i]) {
			out, path = text[:i], text[i+1:]
			break
		}
	}
	if at := strings.LastIndex(path, "#"); at >= 0 && !isThere(path) {
		path, filter = path[:at], path[at+1:]
	}
	return out, path, filter
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// ReadOutcomes takes what requests were worth from the files of texts, each
// [OUT=]FILE[#FILTER]: of one run among designs, or of all that have no file of their own.
func (m *Amortization) ReadOutcomes(texts []string) error {
	for _, text := range texts {
		out, path, filter := OutcomesFile(text)
		index, err := readOutcomes(path, filter)
		if err != nil {
			return err
		}
		out = cleaned(out)
		switch before := m.OutcomesOf[out]; {
		case out == "" && m.Outcomes != nil:
			return fmt.Errorf("read outcomes: %s: another file is given, too: keep one, or say of which run each is, as OUT=FILE", path)
		case before != nil:
			return fmt.Errorf("read outcomes: %s: another file is of run %s, too: keep one", path, out)
		case out == "":
			m.Outcomes = index
			continue
		case m.OutcomesOf == nil:
			m.OutcomesOf = map[string]*outcomes.Index{}
		}
		m.OutcomesOf[out] = index
	}
	return nil
}

// cleaned is the path of a folder as it is compared, "" of none.
func cleaned(path string) string {
	if path == "" {
		return ""
	}
	return filepath.Clean(path)
}

func readOutcomes(path, filter string) (*outcomes.Index, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read outcomes: %w", err)
	}
	defer in.Close()
	list, err := outcomes.Read(path, in)
	if err == nil && filter != "" {
		list, err = outcomes.OfFilter(path, list, filter)
	}
	if err != nil {
		return nil, err
	}
	index, err := outcomes.NewIndex(path, list)
	return &index, err
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
