package meter

import "cfubench/internal/outside"

// printable is the domain with its texts fit to print.
func (d Domain) printable() Domain {
	for _, text := range []*string{&d.Name, &d.Device, &d.Product, &d.Driver, &d.Host, &d.Source, &d.Parent, &d.Note} {
		*text = outside.Clean(*text)
	}
	return d
}

// Printable is the refusal with its texts fit to print.
func (r Refusal) Printable() Refusal {
	for _, text := range []*string{&r.Source, &r.Domain, &r.Reason, &r.Remedy} {
		*text = outside.Clean(*text)
	}
	return r
}
