package live

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cfubench/meter"
	"cfubench/results/runfolder"
)

// meters are the figures of the domains.
type meters struct {
	energy   *prometheus.CounterVec
	power    *prometheus.GaugeVec
	readings *prometheus.CounterVec

	mu      sync.Mutex
	domains map[string]*domain
}

// domain is what is kept of one domain.
type domain struct {
	summed bool
	kind   meter.Kind
	known  bool // a power was seen
	watts  float64
	// The register as last read, and what it advanced since its power was last
	// taken.
	last, anchor meter.Energy
	anchored     time.Duration
	seen         bool
}

func newMeters(registry *prometheus.Registry) *meters {
	of := []string{"domain", "kind", "summed"}
	m := &meters{
		domains:  map[string]*domain{},
		energy:   prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "cfu", Name: "energy_joules_total", Help: "Energy since the run began, by domain: add up those with summed=\"true\"; kind model is no measurement."}, of),
		power:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "cfu", Name: "power_watts", Help: "Power over the last second, by domain: add up those with summed=\"true\"; kind model is no measurement."}, of),
		readings: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "cfu", Name: "sensor_readings_total", Help: "Sensor readings by domain and status."}, []string{"domain", "status"}),
	}
	registry.MustRegister(m.energy, m.power, m.readings)
	return m
}

// forget leaves the domains for others.
func (m *meters) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.domains)
}

// Watts is the power of the domains that are summed, and whether a model is among
// them; it is not known before each of them has shown one.
func (m *meters) Watts() (watts float64, model, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.domains {
		if !d.summed {
			continue
		}
		if !d.known {
			return 0, false, false
		}
		known = true
		watts += d.watts
		model = model || d.kind == meter.KindModel
	}
	return watts, model, known
}

// ObserveReadings takes a batch of readings in time order; domains are those
// that the readings number, and say which of them are summed.
func (m *meters) ObserveReadings(domains []runfolder.DomainInfo, readings []meter.Reading) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range readings {
		info := &domains[r.Domain]
		m.readings.WithLabelValues(info.Name, string(r.Status)).Inc()
		d := m.domains[info.Name]
		if d == nil {
			d = &domain{summed: info.Summed(), kind: info.Kind}
			m.domains[info.Name] = d
		}
		labels := []string{info.Name, string(info.Kind), strconv.FormatBool(info.Summed())}
		if r.HasEnergy {
			if used := d.advance(info.Domain, r); used > 0 {
				m.energy.WithLabelValues(labels...).Add(used.Joules())
			}
		}
		// A register's power is its own slope, as in the tables: the gauge beside
		// it is another sensor.
		if info.Kind == meter.KindPower && r.HasPower {
			d.watts, d.known = r.Power.Watts(), true
		}
		if d.known {
			m.power.WithLabelValues(labels...).Set(d.watts)
		}
	}
}

// slopeTime is the least time over which a register's power is taken.
const slopeTime = time.Second

// advance takes a register's value and returns what it advanced since the last
// one. A fall by a known range is a wrap; another is a reset, across which
// nothing is known.
func (d *domain) advance(of meter.Domain, r meter.Reading) meter.Energy {
	before, seen := d.last, d.seen
	if r.Status == meter.StatusGlitch {
		return 0
	}
	d.last, d.seen = r.Energy, true
	if !seen || r.Status == meter.StatusReset {
		d.anchor, d.anchored = 0, r.At()
		return 0
	}
	used := r.Energy - before
	if used < 0 && of.Range > 0 {
		used += of.Range + of.Quantum
	}
	used = max(used, 0)
	d.anchor += used
	if past := r.At() - d.anchored; past >= max(slopeTime, 2*of.UpdatePeriod) {
		d.watts, d.known = d.anchor.Joules()/past.Seconds(), true
		d.anchor, d.anchored = 0, r.At()
	}
	return used
}
