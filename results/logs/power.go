package logs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"cfubench/meter"
	"cfubench/meter/gauge"
)

// Device is one gauge or counter of a power log.
type Device struct {
	// Name is unique within the log: "gpu0", "node", a column's name.
	Name string
	// ID is what the file calls it: a UUID, an index, a column.
	ID string
	// Host is the machine that it is in, "" where the file does not say.
	Host string
	// Product is the name of the part, "" where the file does not say.
	Product string
	// Unnamed says that the log does not say which GPU it is of.
	Unnamed bool
	// Driver is the version of its driver, "" where the file does not say.
	Driver string
	// Part is the part's identity, where it is another than ID: a part's gauge and
	// its counter have one in common.
	Part  string
	Scope meter.Scope
	Kind  meter.Kind // KindModel where the tool computes and does not measure
	// Gauge is the file's own name of the quantity ("power.draw [W]"): what it
	// averages over depends on it, the part and the driver.
	Gauge string
}

// Register is the name by which meter/gauge knows the figure that a gauge shows,
// "" where the file's name of it does not say.
func (d Device) Register() string {
	name := strings.ToLower(d.Gauge)
	switch {
	case d.Kind != meter.KindPower || d.Scope != meter.ScopeGPU:
		return ""
	case strings.Contains(name, "instant"):
		return string(gauge.Instant)
	case strings.HasPrefix(name, "power.draw.average"), name == "device_average":
		return string(gauge.Average)
	case strings.HasPrefix(name, "power.draw"), name == "pwr", strings.HasPrefix(name, "dcgm"):
		return string(gauge.Usage)
	}
	return ""
}

// Identity is the part that a device measures: the gauge and the counter of a GPU
// have the same.
func (d Device) Identity() string { return first(d.Part, d.ID) }

// universal are identities that no two GPUs have in common: UUIDs and, on one
// host, PCI addresses.
var universal = regexp.MustCompile(`(?i)^(?:(?:GPU|MIG)-.+|[0-9a-f]{4,8}:[0-9a-f]{2}:.*)$`)

// Same reports whether two devices of different logs are one GPU; known is false
// where nothing tells.
func (d Device) Same(o Device) (same, known bool) {
	a, b := d.Identity(), o.Identity()
	uuids := universal.MatchString(a) && universal.MatchString(b)
	switch {
	case d.Host != "" && o.Host != "" && d.Host != o.Host, d.Unnamed || o.Unnamed:
		return false, d.Host != o.Host && d.Host != "" && o.Host != ""
	case uuids:
		return strings.EqualFold(a, b), a[0] == b[0] || strings.EqualFold(a, b)
	case allDigits([]byte(a)) && allDigits([]byte(b)):
		return false, a != b // of one host, or of two
	}
	return false, false
}

// Sample is one reading of a device. A value that is not there is a reading
// that failed.
type Sample struct {
	Device    int   // index into Power.Devices
	UnixNS    int64 // Unix time in ns
	Energy    meter.Energy
	Power     meter.Power
	HasEnergy bool
	HasPower  bool
}

// Power describes a power log. Devices grows while samples are handed out.
type Power struct {
	Format  string
	Devices []Device
	Basis   Basis
	// Warnings are doubts that do not prevent the import.
	Warnings []string
	// Cut reports that the last line was incomplete, as after a kill: up to the
	// writer's buffer is lost before it.
	Cut bool

	warned  map[string]bool
	columns []string // of a table
	// total is the device whose power is the sum of the others' in every tick.
	total    int
	hasTotal bool
}

// HasColumn reports whether the log is a table with a column of that name.
func (p *Power) HasColumn(name string) bool { return slices.Contains(p.columns, name) }

// warn adds a doubt once.
func (p *Power) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.warned == nil {
		p.warned = map[string]bool{}
	}
	if !p.warned[text] {
		p.warned[text] = true
		p.Warnings = append(p.Warnings, text)
	}
}

// maxDevices bounds the devices of one log.
const maxDevices = 4096

// device returns the index of the device with an ID on a host, which it adds
// if it is new.
func (p *Power) device(d Device) (int, error) {
	for i := range p.Devices {
		if p.Devices[i].ID == d.ID && p.Devices[i].Host == d.Host {
			return i, nil
		}
	}
	if len(p.Devices) == maxDevices {
		return 0, fmt.Errorf("over %d devices: the column taken for the device is none; say which is with --column gpu=NAME", maxDevices)
	}
	p.Devices = append(p.Devices, d)
	return len(p.Devices) - 1, nil
}

// Options say how to read a log.
type Options struct {
	Clock Clock
	// Columns maps roles to columns: see ParseColumn. Empty for a known format.
	Columns Columns
	// Several says that the map is for several logs: a log need not have all of
	// its columns.
	Several bool
	// RowsPerTick is the number of GPUs of a log without an index column, whose
	// rows follow each other in the GPUs' order; 0 refuses such logs.
	RowsPerTick int
	// Run picks a run of a file to which several were appended, from 1; 0
	// refuses such files.
	Run int
}

// powerFormat is a kind of power log.
type powerFormat struct {
	name string
	// detect reports whether a file that begins with head is of this format.
	detect func(head []byte) bool
	read   func(r io.Reader, p *Power, o Options, sink func(Sample) error) error
}

// powerFormats lists the formats in the order in which they are tried.
func powerFormats() []powerFormat {
	return []powerFormat{
		{"spl", detectSPL, readSPL},
		{"aiperf-telemetry", detectTelemetry, readTelemetry},
		{"prometheus", detectPrometheus, readPrometheus},
		{"prometheus-json", detectPrometheusJSON, readPrometheusJSON},
		{"zeus", detectZeus, readZeus},
		{"json", detectJSON, readJSONTable},
		{"dmon", detectDmon, readDmon},
		{"nvidia-smi", detectNvidiaSMI, readTable},
		{"amd-smi", detectAMDSMI, readTable},
		{"rocm-smi", detectROCmSMI, readTable},
		{"dcgm", detectDCGM, readTable},
		{"csv", detectCSV, readTable},
	}
}

// PowerFormats lists the names of the formats of power logs.
func PowerFormats() (names []string) {
	for _, f := range powerFormats() {
		names = append(names, f.name)
	}
	return names
}

// headSize is how much of a file its format is told by.
const headSize = 64 << 10

// ReadPower reads the power log at path, in the format if one is named, and
// hands its samples to sink in the order of the file. For each device times
// never go back.
func ReadPower(path, format string, o Options, sink func(Sample) error) (*Power, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("power log: %w", err)
	}
	defer f.Close()
	head := make([]byte, headSize)
	n, err := io.ReadFull(f, head)
	if head = head[:n]; err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, fmt.Errorf("power log: %w", err)
	}
	var rest io.Reader = io.MultiReader(bytes.NewReader(head), f)
	if big, ok := utf16Order(head); ok {
		rest = &utf16Text{r: bufio.NewReader(rest), big: big}
		head = make([]byte, headSize)
		n, err := io.ReadFull(rest, head)
		if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
			return nil, fmt.Errorf("power log: %w", err)
		}
		head = head[:n]
		rest = io.MultiReader(bytes.NewReader(head), rest)
	}
	chosen, err := choosePower(format, head, o)
	if err != nil {
		return nil, fmt.Errorf("power log %s: %w", path, err)
	}
	p := &Power{Format: chosen.name}
	order := &ordered{sink: sink, p: p}
	if err := chosen.read(rest, p, o, order.take); err != nil {
		if l := (*lineError)(nil); errors.As(err, &l) {
			return p, fmt.Errorf("power log %s:%d: %w", path, l.line, l.err)
		}
		return p, fmt.Errorf("power log %s: %w", path, err)
	}
	order.total()
	if order.count == 0 {
		return p, fmt.Errorf("power log %s: it has no reading of a power or an energy", path)
	}
	if err := order.contradictions(); err != nil {
		return p, fmt.Errorf("power log %s: %w", path, err)
	}
	return p, nil
}

// choosePower finds the format of a file.
func choosePower(format string, head []byte, o Options) (powerFormat, error) {
	formats := powerFormats()
	if format != "" {
		i := slices.IndexFunc(formats, func(f powerFormat) bool { return f.name == format })
		if i < 0 {
			return powerFormat{}, fmt.Errorf("unknown format %q: want one of %s", format, strings.Join(PowerFormats(), ", "))
		}
		return formats[i], nil
	}
	if len(head) == 0 {
		return powerFormat{}, errors.New("file is empty")
	}
	if detectCodeCarbon(head) {
		return powerFormat{}, errors.New("CodeCarbon's emissions.csv has no series of readings: it gives the energy of whole runs; give it as --requests FILE:codecarbon")
	}
	for _, f := range formats {
		if f.detect(head) {
			return f, nil
		}
	}
	if len(o.Columns["power"])+len(o.Columns["wall"])+len(o.Columns["energy"]) > 0 {
		return formats[len(formats)-1], nil // any table, by the map
	}
	if err := foreignAdvice(head); err != nil {
		return powerFormat{}, err
	}
	return powerFormat{}, errors.New("unknown format: " + describe(head))
}

// describe says what an unknown file looks like and how to map it.
func describe(head []byte) string {
	r := newTable(bytes.NewReader(head))
	if err := r.read(); err != nil {
		return "it is no table"
	}
	names := make([]string, 0, len(r.fields))
	for _, f := range r.fields {
		names = append(names, string(f))
	}
	if r.header() {
		return fmt.Sprintf("its columns are %s; say which are which, in what unit, with --column time=NAME --column power=NAME:W", clip(strings.Join(names, ", ")))
	}
	return fmt.Sprintf("its first line, %q, has no names of columns, no time that can be told and no unit; number the columns from 1: --column time=1 --column power=2:W", clip(string(r.raw)))
}

// ordered holds the samples of each device to times that never go back.
type ordered struct {
	p     *Power
	sink  func(Sample) error
	last  []int64
	meter []meter.Energy
	has   []bool
	count int64
	// watts are the last powers; times counts the times that a device has a power
	// at, and twice those of its powers that differ from another at the same time.
	// finer says that the log's times have fractions of a second.
	watts []meter.Power
	times []int64
	twice []int64
	finer bool
	// tick are the powers of the devices that were read at one time; of ticks of
	// three or more devices, sums counts those in which a device's power is that of
	// the others together.
	tick  []Sample
	ticks int64
	sums  []int64
}

const (
	// sumTolerance is how far from the sum of the others a total may be rounded.
	sumTolerance = 0.005
	// ticksOfSums is how many ticks say that a device is a total, and sumShare the
	// share of them in which it must be.
	ticksOfSums = 10
	sumShare    = 0.98
)

// endTick looks for a total in the tick that is over.
func (t *ordered) endTick() {
	if len(t.tick) >= 3 {
		t.ticks++
		whole, most := 0.0, t.tick[0]
		for _, s := range t.tick {
			whole += float64(s.Power)
			if s.Power > most.Power {
				most = s
			}
		}
		for len(t.sums) <= most.Device {
			t.sums = append(t.sums, 0)
		}
		if rest := whole - float64(most.Power); math.Abs(float64(most.Power)-rest) <= sumTolerance*rest {
			t.sums[most.Device]++
		}
	}
	t.tick = t.tick[:0]
}

// total notes the device that is the sum of the others, if there is one.
func (t *ordered) total() {
	t.endTick()
	for i, n := range t.sums {
		if t.ticks >= ticksOfSums && float64(n) >= sumShare*float64(t.ticks) {
			t.p.total, t.p.hasTotal = i, true
		}
	}
}

// contradictions finds what is two devices under one name, as in the joined logs of
// two hosts: powers that differ at one time. Where times are whole seconds, they
// may as well be readings of that second.
func (t *ordered) contradictions() error {
	for i, n := range t.twice {
		switch name := t.p.Devices[i].Name; {
		case n == 0:
		case t.finer && 2*n >= t.times[i]:
			return fmt.Errorf("%s has powers that differ at the same time, %d times in %d: rows of several devices under one name; say what tells them apart with --column gpu=NAME, or give each its own --power", name, n, t.times[i])
		case t.finer:
			t.p.warn("%s has powers that differ at the same time, %d times in %d: the last of each is taken", name, n, t.times[i])
		}
	}
	return nil
}

func (t *ordered) take(s Sample) error {
	for len(t.last) <= s.Device {
		t.last, t.meter, t.has = append(t.last, 0), append(t.meter, 0), append(t.has, false)
		t.watts, t.times, t.twice = append(t.watts, 0), append(t.times, 0), append(t.twice, 0)
	}
	if s.HasPower {
		t.finer = t.finer || s.UnixNS%int64(time.Second) != 0
		switch again := t.times[s.Device] > 0 && s.UnixNS == t.last[s.Device]; {
		case !again:
			t.times[s.Device]++
		case s.Power != t.watts[s.Device]:
			t.twice[s.Device]++
		}
		t.watts[s.Device] = s.Power
	}
	if s.UnixNS < t.last[s.Device] {
		back := time.Duration(t.last[s.Device] - s.UnixNS)
		why := "rows out of their order, rows twice or a clock that was set: sort the file by its times and leave out what is in it twice, or cut it there"
		if back > 50*time.Minute && back < 70*time.Minute && t.p.Basis == BasisWall {
			why = "a zone's clocks went back: cut the log there and give --clock local:UTC±hh:mm of each part"
		}
		return fmt.Errorf("the times of %s run backwards, by %.3f s: %s", t.p.Devices[s.Device].Name, back.Seconds(), why)
	}
	t.last[s.Device] = s.UnixNS
	if s.HasEnergy {
		if t.has[s.Device] && s.Energy < t.meter[s.Device] {
			return fmt.Errorf("the energy counter of %s runs backwards, from %v to %v: the device was reset or the rows are of two devices; cut the log there",
				t.p.Devices[s.Device].Name, t.meter[s.Device], s.Energy)
		}
		t.meter[s.Device], t.has[s.Device] = s.Energy, true
	}
	if s.HasEnergy || s.HasPower {
		t.count++
	}
	if s.HasPower && t.p.Devices[s.Device].Scope == meter.ScopeGPU {
		if len(t.tick) > 0 && t.tick[0].UnixNS != s.UnixNS {
			t.endTick()
		}
		t.tick = append(t.tick, s)
	}
	return t.sink(s)
}
