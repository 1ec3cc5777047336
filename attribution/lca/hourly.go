package lca

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"cfubench/meter"
)

// Hourly is a grid's mix over time: intensities per kWh, a row an hour or
// another equal step. It replaces the yearly mean for what a cell was metered to
// use, weighted by the energy of each hour; what did not run in those hours (the
// making, idle machines) keeps the inventory's electricity.
type Hourly struct {
	name, hash      string
	source          string
	quality         Quality
	scope           Scope
	characterizedBy string
	line            int // of the header
	columns         []hourlyColumn
	starts          []time.Time
	step            time.Duration
}

// hourlyColumn holds one intensity by row, in the unit of the file.
type hourlyColumn struct {
	key, unit, dimension string
	values               []float64
}

// Hours are the hourly mixes of the places of serving, by the name of the site;
// that of the inventory's own place is "".
type Hours map[string]*Hourly

// HourEnergy is what a host used in one stretch of the wall clock. Only the
// proportions among the stretches of a host count.
type HourEnergy struct {
	From, To time.Time
	Energy   meter.Energy
}

// marketKey is the column of the market-based intensity.
const marketKey = "carbon_market"

// maxStep is the longest step of an hourly mix, minStep the shortest.
const (
	maxStep = time.Hour
	minStep = time.Minute
)

// ReadHourly reads CSV. The first column is start, RFC 3339 with a zone; each
// other one is named by a key of electricity and its unit, "carbon (g CO2e/kWh)".
// Comment lines before the header say where the figures are from: "# source: …"
// is wanted, "# scope:", "# characterized_by:" and "# quality:" are not. A row
// holds from its start until the next one's. name says in errors what is read.
func ReadHourly(name string, r io.Reader) (*Hourly, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read hourly mix: %w", err)
	}
	h := &Hourly{name: name, hash: hashOf(text), quality: Secondary, characterizedBy: "unknown"}
	in := csv.NewReader(bytes.NewReader(text))
	in.Comment = '#'
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, h.wrong(1, "is empty: give a header such as start,carbon (g CO2e/kWh)")
	}
	if err != nil {
		return nil, h.csvError(err)
	}
	h.line, _ = in.FieldPos(0)
	if err := h.readComments(text); err != nil {
		return nil, err
	}
	if err := h.readHeader(header); err != nil {
		return nil, err
	}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, h.csvError(err)
		}
		line, _ := in.FieldPos(0)
		if err := h.readRow(line, row); err != nil {
			return nil, err
		}
	}
	if len(h.starts) == 0 {
		return nil, h.wrong(h.line, "has no row: give one an hour")
	}
	h.step = maxStep
	for i := 1; i < len(h.starts); i++ {
		h.step = min(h.step, h.starts[i].Sub(h.starts[i-1]))
	}
	if h.step < minStep {
		return nil, h.wrong(h.line, "has rows %v apart: give steps of a minute to an hour", h.step)
	}
	return h, nil
}

func (h *Hourly) wrong(line int, format string, args ...any) error {
	return fmt.Errorf("read hourly mix: %s:%d: %s", h.name, line, fmt.Sprintf(format, args...))
}

func (h *Hourly) csvError(err error) error {
	if parse := (*csv.ParseError)(nil); errors.As(err, &parse) {
		return h.wrong(parse.Line, "%v", parse.Err)
	}
	return fmt.Errorf("read hourly mix: %s: %w", h.name, err)
}

// readComments takes what the comment lines before the header say.
func (h *Hourly) readComments(text []byte) error {
	for i, line := range strings.Split(string(text), "\n") {
		if i+1 >= h.line {
			break
		}
		key, value, ok := strings.Cut(strings.TrimLeft(line, "# \t"), ":")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "source":
			if err := plainText(value); err != nil {
				return h.wrong(i+1, "source %v", err)
			}
			h.source = value
		case "scope":
			if h.scope = Scope(value); h.scope != Direct && h.scope != LifeCycle {
				return h.wrong(i+1, "scope %q: give direct or life_cycle", value)
			}
		case "characterized_by":
			if h.characterizedBy = value; !slices.Contains([]string{"ar4", "ar5", "ar6", "unknown"}, value) {
				return h.wrong(i+1, "characterized_by %q: give ar4, ar5, ar6 or unknown", value)
			}
		case "quality":
			if h.quality = Quality(value); !slices.Contains(Qualities(), h.quality) {
				return h.wrong(i+1, "quality %q: give one of %v", value, Qualities())
			}
		}
	}
	if h.source == "" {
		return h.wrong(h.line, "does not say where the figures are from: add a line before the header, # source: …")
	}
	return nil
}

// hourlyDimension is the dimension of a column, "" if there is none of that
// name. A category that substances give has no column, but for carbon.
func hourlyDimension(key string) string {
	if key == marketKey {
		return GWP.row().rate
	}
	if row := rowOf(key); row != nil && (row.factor == nil || row.name == GWP) {
		return row.rate
	}
	return ""
}

// hourlyKeys lists the columns that there can be.
func hourlyKeys() []string {
	var list []string
	for _, row := range categoryTable {
		if row.key != "" && hourlyDimension(row.key) != "" {
			list = append(list, row.key)
		}
	}
	return append(list, marketKey)
}

// readHeader finds the columns and their units.
func (h *Hourly) readHeader(header []string) error {
	if first := strings.TrimSpace(strings.TrimPrefix(header[0], "\ufeff")); first != "start" {
		return h.wrong(h.line, "the first column is %q: call it start, the begin of each hour in RFC 3339", first)
	}
	if len(header) < 2 {
		return h.wrong(h.line, "has no intensity: add a column such as carbon (g CO2e/kWh)")
	}
	for _, column := range header[1:] {
		key, unit, ok := strings.Cut(strings.TrimSuffix(strings.TrimSpace(column), ")"), "(")
		key, unit = strings.TrimSpace(key), strings.TrimSpace(unit)
		dim := hourlyDimension(key)
		switch {
		case dim == "":
			return h.wrong(h.line, "column %q: give start and any of %s, each with its unit in brackets", column, strings.Join(hourlyKeys(), ", "))
		case !ok:
			return h.wrong(h.line, "column %q has no unit: write %s (%s)", column, key, dimensionOf(dim).canonical)
		}
		if _, ok := dimensionOf(dim).convert(1, unit); !ok {
			return h.wrong(h.line, "column %q: %q is not a unit of %s: give one of %s", column, unit, dim, dimensionOf(dim).list())
		}
		if slices.ContainsFunc(h.columns, func(c hourlyColumn) bool { return c.key == key }) {
			return h.wrong(h.line, "two columns are %s: keep one", key)
		}
		h.columns = append(h.columns, hourlyColumn{key: key, unit: unit, dimension: dim})
	}
	return nil
}

// readRow reads the intensities of one step.
func (h *Hourly) readRow(line int, row []string) error {
	start, err := time.Parse(time.RFC3339, strings.TrimSpace(row[0]))
	if err != nil {
		return h.wrong(line, "start %q: give RFC 3339 with a zone, such as 2026-11-28T14:00:00Z", row[0])
	}
	if n := len(h.starts); n > 0 && !start.After(h.starts[n-1]) {
		return h.wrong(line, "start %s is not after the one before it: sort the rows by time, each once", row[0])
	}
	h.starts = append(h.starts, start)
	for i := range h.columns {
		c := &h.columns[i]
		v, err := strconv.ParseFloat(strings.TrimSpace(row[i+1]), 64)
		// A file of a year has gaps: they matter only where the run was.
		if err != nil || !(v >= 0) || v > 1e9 {
			return h.wrong(line, "%s %q: give a number that is not negative; leave out hours that are not known", c.key, row[i+1])
		}
		c.values = append(c.values, v)
	}
	return nil
}

// Edges are the starts of the mix's steps between from and to: where the energy
// of a cell is to be cut.
func (h *Hourly) Edges(from, to time.Time) []time.Time {
	var list []time.Time
	for _, s := range h.starts {
		if s.After(from) && s.Before(to) {
			list = append(list, s)
		}
	}
	return list
}

// at is the row that holds from t on; false where the file has a gap.
func (h *Hourly) at(t time.Time) (int, bool) {
	i, found := slices.BinarySearchFunc(h.starts, t, time.Time.Compare)
	if !found {
		i--
	}
	return i, i >= 0 && t.Before(h.starts[i].Add(h.step))
}

// check says which of the mixes is of a site that the inventory does not have.
func (h Hours) check(inv *Inventory) error {
	var sites []string
	for i := range inv.Serving.Sites {
		sites = append(sites, inv.Serving.Sites[i].Name)
	}
	for _, site := range slices.Sorted(maps.Keys(h)) {
		switch {
		case site == "" || slices.Contains(sites, site):
		case len(sites) == 0:
			return fmt.Errorf("hourly mix of site %q: the inventory has no sites: add serving.sites, or give the mix of its own place", site)
		default:
			return fmt.Errorf("hourly mix of site %q: the inventory has no such site: it has %s", site, strings.Join(sites, ", "))
		}
	}
	return nil
}

// over is the electricity of the places at which the cell was metered, with the
// mix of the hours of each in it; none where no mix is given.
func (h Hours) over(inv *Inventory, u Usage) (map[string]*Electricity, error) {
	if len(h) == 0 {
		return nil, nil
	}
	list := map[string]*Electricity{}
	for _, v := range inv.venues(u) {
		mix := h[v.site()]
		if mix == nil {
			continue
		}
		e, err := mix.over(*v.electricity, v.hosts)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.name(), err)
		}
		list[v.site()] = &e
	}
	return list, nil
}

// over is a place's electricity with the mix of the hours in it in which its hosts
// ran: weighted by the energy of each host, and among its hours by their own.
func (h *Hourly) over(e Electricity, hosts []HostUsage) (Electricity, error) {
	sum, steps := 0.0, 0
	var from, to time.Time
	means := make([]float64, len(h.columns))
	for _, host := range hosts {
		if len(host.Hours) == 0 {
			return e, errors.New("it is not known when it ran, and an hourly mix wants that")
		}
		var metered meter.Energy
		for _, hour := range host.Hours {
			metered += hour.Energy
		}
		if metered <= 0 && host.Energy > 0 {
			return e, errors.New("no energy was metered in any hour")
		}
		for _, hour := range host.Hours {
			i, ok := h.at(hour.From)
			if !ok || hour.To.After(h.starts[i].Add(h.step)) {
				return e, fmt.Errorf("%s has no row for %s to %s, in which it ran: the file goes from %s to %s in steps of %v", h.name, clock(hour.From), clock(hour.To),
					clock(h.starts[0]), clock(h.starts[len(h.starts)-1].Add(h.step)), h.step)
			}
			weight := ratioOf(hour.Energy, metered) * float64(host.Energy)
			sum += weight
			for k, c := range h.columns {
				means[k] += c.values[i] * weight
			}
		}
		from, to, steps = host.Hours[0].From, host.Hours[len(host.Hours)-1].To, max(steps, len(host.Hours))
	}
	if sum <= 0 {
		return e, errors.New("no energy was metered in any hour")
	}
	e.Title = fmt.Sprintf("%s, %s to %s", h.name, clock(from), clock(to))
	e.Impacts, e.Emissions = cloneFigures(e.Impacts), cloneFigures(e.Emissions)
	for k, c := range h.columns {
		d := &Datum{
			Value: means[k] / sum, Unit: c.unit, Source: h.source, Year: from.UTC().Year(), Boundary: Grid, Quality: h.quality,
			Note:      fmt.Sprintf("mean over %d steps, weighted by the energy metered in each", steps),
			dimension: c.dimension, place: Place{File: h.name, Line: h.line, Field: c.key}, limits: notNegative,
		}
		d.canonical, _ = dimensionOf(c.dimension).convert(d.Value, c.unit)
		if c.key == marketKey {
			e.CarbonMarket = d
			continue
		}
		if e.Impacts[c.key] = d; c.key == GWP.row().key {
			e.Scope, e.CharacterizedBy = h.scope, h.characterizedBy
			delete(e.Emissions, GWP.row().whole) // with it the yearly gases would be taken instead
		}
	}
	return e, nil
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02T15:04Z") }

// cloneFigures copies a map of figures, which may be nil.
func cloneFigures(of map[string]*Datum) map[string]*Datum {
	out := make(map[string]*Datum, len(of))
	maps.Copy(out, of)
	return out
}
