package meter

import (
	"cfubench/internal/outside"
	"cfubench/internal/secret"
)

// fit is a text of a device, an agent or an exporter, fit to print and without secrets,
// which it may repeat.
func fit(text string) string {
	text = outside.Clean(secret.Own().Text(text))
	return secret.Own().Text(text)
}

// printable is the domain with its texts fit to print.
func (d Domain) printable() Domain {
	for _, text := range []*string{&d.Name, &d.Device, &d.Product, &d.Driver, &d.Host, &d.Parent, &d.Note} {
		*text = fit(*text)
	}
	d.Source = secret.Own().Values(outside.Clean(d.Source)) // of an agent's, its word
	return d
}

// Printable is the refusal with its texts fit to print.
func (r Refusal) Printable() Refusal {
	for _, text := range []*string{&r.Domain, &r.Reason, &r.Remedy} {
		*text = fit(*text)
	}
	r.Source = secret.Own().Values(outside.Clean(r.Source))
	return r
}
