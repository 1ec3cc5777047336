package lca

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Tables of presets. scripts/presets writes them from pinned packages; that of
// the subregions was read where no package has it.
const (
	zonesFile        = "presets/zones.csv"
	statesFile       = "presets/states.csv"
	subregionsFile   = "presets/subregions.csv"
	acceleratorsFile = "presets/accelerators.csv"
)

// presetRow is a row of such a table.
type presetRow struct {
	at     at
	line   int
	fields map[string]string
}

// readTable reads a table of presets.
func readTable(file string) ([]presetRow, error) {
	data, err := presetFiles.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read presets: %w", err)
	}
	r := csv.NewReader(strings.NewReader(string(data)))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read presets: %s: %w", file, err)
	}
	doc := &document{file: "preset:" + strings.TrimPrefix(file, "presets/"), lines: map[jsontext.Pointer]int{}}
	var list []presetRow
	for i, row := range rows[1:] {
		const comments, header = 2, 1
		p := presetRow{at: at{doc, ""}.field(row[0]), line: comments + header + i + 1, fields: map[string]string{}}
		doc.lines[p.at.pointer] = p.line
		for k, name := range rows[0] {
			p.fields[name] = row[k]
		}
		list = append(list, p)
	}
	return list, nil
}

// figures are the columns that have one of the units, as figures like d.
func (p presetRow) figures(units map[string]string, d Datum) (map[string]*Datum, error) {
	list := map[string]*Datum{}
	for key, unit := range units {
		text, ok := p.fields[key]
		if !ok || text == "" {
			continue
		}
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("read presets: %s:%d: %s: %w", p.at.doc.file, p.line, key, err)
		}
		figure := d
		figure.Value, figure.Unit = value, unit
		list[key] = &figure
		for _, pointer := range []jsontext.Pointer{p.at.field(key).pointer, p.at.field(key).field("value").pointer} {
			p.at.doc.lines[pointer] = p.line
		}
	}
	return list, nil
}

// loadGrids adds the grid zones to the electricity presets, as ecologits-ISO3, and
// the US states and eGRID's subregions, as us-XX-egrid2023.
func loadGrids(lib library) error {
	zones, err := readTable(zonesFile)
	if err != nil {
		return err
	}
	for _, row := range zones {
		zone := row.fields["zone"]
		e := Electricity{
			Name: "ecologits-" + strings.ToLower(zone), Title: zone + ", mix of EcoLogits 0.11.3", Region: zone, Scope: LifeCycle, CharacterizedBy: "unknown",
		}
		e.Impacts, err = row.figures(map[string]string{"carbon": "kg CO2e/kWh", "adpe": "kg Sb eq/kWh", "primary_energy": "MJ/kWh", "water": "L/kWh"},
			Datum{Source: "EcoLogits 0.11.3 (electricity_mixes.json)", Year: 2026, Boundary: Grid, Quality: Secondary})
		if err != nil {
			return err
		}
		lib.electricity[e.Name] = located[Electricity]{e, row.at}
	}
	states, err := readTable(statesFile)
	if err != nil {
		return err
	}
	for _, row := range states {
		code := row.fields["state"]
		e := Electricity{
			Name: "us-" + strings.ToLower(code) + "-egrid2023", Title: row.fields["name"] + " (US state), eGRID2023", Region: "US-" + code, Scope: Direct, CharacterizedBy: "ar5",
		}
		e.Impacts, err = row.figures(map[string]string{"carbon": "lb CO2e/MWh"},
			Datum{Source: "US EPA eGRID2023, STC2ERTA, as in CodeCarbon 3.3.2 (usa_emissions.json)", Year: 2025, Boundary: Grid, Quality: Secondary})
		if err != nil {
			return err
		}
		lib.electricity[e.Name] = located[Electricity]{e, row.at}
	}
	return loadSubregions(lib)
}

// loadSubregions adds eGRID's subregions. Their carbon is characterised already,
// for the rates of methane and nitrous oxide are not in the table.
func loadSubregions(lib library) error {
	rows, err := readTable(subregionsFile)
	if err != nil {
		return err
	}
	for _, row := range rows {
		code := row.fields["subregion"]
		e := Electricity{
			Name: "us-" + strings.ToLower(code) + "-egrid2023", Title: row.fields["name"] + " (subregion " + code + "), eGRID2023", Region: "US, eGRID " + code,
			Scope: Direct, CharacterizedBy: "ar5",
		}
		figure := Datum{Source: "US EPA eGRID2023 rev 2, total output, as in EPA's Power Profiler", Year: 2025, Boundary: Grid, Quality: Secondary}
		if e.Impacts, err = row.figures(map[string]string{"carbon": "lb CO2e/MWh"}, figure); err != nil {
			return err
		}
		if e.Emissions, err = row.figures(map[string]string{"NOx": "lb/MWh", "SO2": "lb/MWh"}, figure); err != nil {
			return err
		}
		// Substances stand in a part's emissions, which have no column of their own.
		for substance := range e.Emissions {
			at := row.at.field("emissions").field(substance)
			row.at.doc.lines[at.pointer], row.at.doc.lines[at.field("value").pointer] = row.line, row.line
		}
		lib.electricity[e.Name] = located[Electricity]{e, row.at}
	}
	return nil
}
