package lca

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// zonesFile has a row a grid zone; scripts/presets writes it.
const zonesFile = "presets/zones.csv"

// zoneUnits are the units of the columns of zonesFile after the first.
var zoneUnits = map[string]string{"carbon": "kg CO2e/kWh", "adpe": "kg Sb eq/kWh", "primary_energy": "MJ/kWh", "water": "L/kWh"}

// loadZones adds the grid zones to the electricity presets, as ecologits-ISO3.
func loadZones(lib library) error {
	data, err := presetFiles.ReadFile(zonesFile)
	if err != nil {
		return fmt.Errorf("read presets: %w", err)
	}
	r := csv.NewReader(strings.NewReader(string(data)))
	r.Comment = '#'
	header, err := r.Read()
	if err != nil {
		return fmt.Errorf("read presets: %w", err)
	}
	doc := &document{file: "preset:zones.csv", lines: map[jsontext.Pointer]int{}}
	for {
		row, err := r.Read()
		if row == nil {
			break
		}
		if err != nil {
			return fmt.Errorf("read presets: %w", err)
		}
		line, _ := r.FieldPos(0)
		where := at{doc, ""}.field(row[0])
		doc.lines[where.pointer] = line
		zone := Electricity{
			Name: "ecologits-" + strings.ToLower(row[0]), Title: row[0] + ", mix of EcoLogits 0.11.3", Region: row[0],
			Scope: LifeCycle, CharacterizedBy: "unknown", Impacts: map[string]*Datum{},
		}
		for i, key := range header[1:] {
			if row[i+1] == "" {
				continue
			}
			value, err := strconv.ParseFloat(row[i+1], 64)
			if err != nil {
				return fmt.Errorf("read presets: %s line %d: %w", zonesFile, line, err)
			}
			zone.Impacts[key] = &Datum{
				Value: value, Unit: zoneUnits[key], Source: "EcoLogits 0.11.3 (electricity_mixes.json)", Year: 2026, Boundary: Grid, Quality: Secondary,
			}
			for _, p := range []jsontext.Pointer{where.field(key).pointer, where.field(key).field("value").pointer} {
				doc.lines[p] = line
			}
		}
		lib.electricity[zone.Name] = located[Electricity]{zone, where}
	}
	return nil
}
