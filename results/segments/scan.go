package segments

import (
	"context"
	"iter"
	"math"
	"time"

	"cfubench/meter"
	"cfubench/results/runfolder"
)

// never is before every reading.
const never time.Duration = math.MinInt64

// scanned is a table of readings whose head was read.
type scanned struct {
	path    string
	domains []runfolder.DomainInfo
	meta    map[string]string
}

// scanFile reads the head of a table of readings.
func scanFile(path string) (scanned, error) {
	s := scanned{path: path}
	for _, err := range runfolder.ScanReadings(context.Background(), path, s.opened) {
		return s, err // the head is read before the first
	}
	return s, nil
}

func (s *scanned) opened(domains []runfolder.DomainInfo, meta map[string]string) {
	s.domains, s.meta = domains, meta
}

// all yields the readings in their order, and all of them: a signal does not end
// what makes a record whole.
func (s *scanned) all() iter.Seq2[meter.Reading, error] {
	return runfolder.ScanReadings(context.Background(), s.path, s.opened)
}
