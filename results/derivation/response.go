package derivation

import (
	"fmt"
	"time"

	"cfubench/attribution"
	"cfubench/meter/gauge"
	"cfubench/results/runfolder"
)

// disagrees says how the response that a cell has shown of a domain's gauge differs
// from what is published of it, "" if it does not or if nothing is published.
func disagrees(d runfolder.DomainInfo, r attribution.Response) string {
	register := gauge.OfPower(d.Domain)
	g := gauge.Of(gauge.Card{Product: d.Product, Driver: d.Driver}, register)
	if d.Source != "nvml" || !g.Known() {
		return ""
	}
	published := g.Average/2 + g.Lag
	average := (r.Average - g.Average).Abs() > max(2*r.Resolution, g.Average/2)
	delay := (r.Delay - published).Abs() > max(2*r.Resolution, published/2)
	if !average && !delay {
		return ""
	}
	return fmt.Sprintf("%s: after the end of the load its power gauge (%s) behaved like a mean over %v that is %v late; published of this card are %v and %v (%s): estimates use the published",
		d.Name, register, about(r.Average), about(r.Lag), about(g.Average), about(g.Lag), g.Source)
}

func about(d time.Duration) time.Duration { return d.Round(5 * time.Millisecond) }
