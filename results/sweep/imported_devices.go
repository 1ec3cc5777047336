package sweep

import (
	"fmt"
	"strings"

	"cfubench/meter"
	"cfubench/results/logs"
)

// loggedDevice is a device and the power log, from 0, that has it.
type loggedDevice struct {
	logs.Device
	log int
}

// tellApart settles which GPUs of different logs are one: a log of another tool
// may be of the same GPU or of another, of this host or the next. GPUs that
// nothing tells apart are an error unless the user named them.
func (c *importedCell) tellApart(named bool) error {
	for i, a := range c.origins {
		if a.Scope != meter.ScopeGPU || c.before(i) {
			continue // the containment graph leaves the second of two logs of one GPU out
		}
		for j, b := range c.origins[:i] {
			if a.log == b.log || b.Scope != meter.ScopeGPU {
				continue
			}
			if _, known := a.Same(b.Device); !known && !named {
				return fmt.Errorf("nothing tells whether %s of power log %d and %s of log %d are one GPU: log them with the uuid; or name those that served with --gpus %s,%s; or say that a column is of a whole machine with --column wall=NAME:W",
					b.Name, b.log+1, a.Name, a.log+1, b.Name, a.Name)
			}
			mine, other := &c.domains[i], c.domains[j]
			if mine.Host == other.Host && (mine.Source != other.Source || mine.Device == other.Device) {
				// It would take them for two readers of one.
				mine.Host = fmt.Sprintf("log%d", a.log+1)
			}
		}
	}
	return nil
}

// before reports whether an earlier domain is of the same GPU as domain i.
func (c *importedCell) before(i int) bool {
	a := c.origins[i]
	for _, b := range c.origins[:i] {
		same, known := a.Same(b.Device)
		if known && same || a.log == b.log && strings.EqualFold(a.Identity(), b.Identity()) && a.Host == b.Host {
			return true
		}
	}
	return false
}

// gpuCount is the number of GPUs, each once.
func (c *importedCell) gpuCount() int {
	n := 0
	for i, a := range c.origins {
		if a.Scope == meter.ScopeGPU && !c.before(i) {
			n++
		}
	}
	return n
}
