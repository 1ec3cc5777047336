package derivation

import (
	"context"
	"fmt"
	"os"

	"cfubench/attribution/lca"
	"cfubench/attribution/lca/outcomes"
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

// ReadOutcomes takes what requests were worth from the file at path, if there is one.
func (m *Amortization) ReadOutcomes(path string) error {
	if path == "" {
		return nil
	}
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read outcomes: %w", err)
	}
	defer in.Close()
	list, err := outcomes.Read(path, in)
	if err != nil {
		return err
	}
	index, err := outcomes.NewIndex(list)
	m.Outcomes = &index
	return err
}

// ReadHourly takes the electricity of each hour from the file at path, if there is one.
func (m *Amortization) ReadHourly(path string) error {
	if path == "" {
		return nil
	}
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read hourly mix: %w", err)
	}
	defer in.Close()
	m.Options.Hourly, err = lca.ReadHourly(path, in)
	return err
}
