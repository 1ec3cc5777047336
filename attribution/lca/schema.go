package lca

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// object is a JSON schema.
type object map[string]any

// Schema is the JSON schema of an inventory, made from the tables that the
// loader uses: docs/inventory.schema.json is its text.
func Schema() ([]byte, error) {
	defs := object{
		"boundary": object{"enum": Boundaries()},
		"spread":   spreadSchema(),
		"pedigree": pedigreeSchema(),
		"share": object{"description": "a share: a fraction such as 2/128, a number, or a figure", "oneOf": []any{
			object{"type": "string", "pattern": `^\s*[0-9.]+\s*(/\s*[0-9.]+\s*)?$`}, object{"type": "number", "exclusiveMinimum": 0}, ref("ratio")}},
		"hardware":    hardwareSchema(),
		"electricity": electricitySchema(),
		"facility":    fields("PUE, WUE and host factor of a place", object{"title": text(), "name": text(), "pue": ref("ratio"), "wue": ref("water intensity"), "aware": ref("aware"), "host_factor": ref("ratio")}),
		"price_part":  fields("price of electricity", object{"title": text(), "name": text(), "electricity": ref("price")}, "electricity"),
		"model": fields("the making of a model", object{"title": text(), "name": text(),
			"parameters": ref("parameters"), "training_tokens": ref("tokens"), "training_compute": ref("compute"),
			"stages": listOf(ref("stage")), "runs": listOf(ref("published_run"))}),
		"stage":         stageSchema(),
		"published_run": runSchema(),
	}
	for _, name := range dimensionNames() {
		defs[defName(name)] = datumSchema(dimensionOf(name))
	}
	whole := fields("Life cycle inventory of cfu amortize: see docs/lca.md", object{
		"$schema": text(), "schema": object{"const": schemaVersion}, "name": filled(), "title": text(), "description": text(),
		"study": studySchema(), "hardware": stackSchema(), "electricity": partOf("electricity"), "facility": partOf("facility"),
		"price": partOf("price_part"), "serving": servingSchema(), "model": partOf("model"), "stages": listOf(ref("stage")),
		"lifetime_inferences": ref("lifetime"), "lifetime_rate": ref("rate"),
		"allocation": fields("how the stages are shared among what is delivered", object{
			"by": object{"enum": []FunctionalUnit{PerRequest, PerOutputToken, PerConversation}}, "per_request": ref("ratio"), "reason": text()}),
		"boundary_mix": fields("permission to add figures of different boundaries", object{"allow": object{"type": "boolean"}, "reason": text()}, "allow"),
	}, "schema", "name", "hardware", "electricity", "facility", "model", "lifetime_inferences")
	whole["$schema"], whole["title"], whole["$defs"] = "https://json-schema.org/draft/2020-12/schema", "cfu inventory", defs
	data, err := json.MarshalIndent(whole, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	return append(data, '\n'), nil
}

func defName(name string) string { return strings.ReplaceAll(name, " ", "_") }
func ref(name string) object     { return object{"$ref": "#/$defs/" + defName(name)} }
func text() object               { return object{"type": "string"} }
func filled() object             { return object{"type": "string", "minLength": 1} }
func listOf(item object) object  { return object{"type": "array", "items": item} }

// fields is an object with no members but these.
func fields(description string, properties object, required ...string) object {
	o := object{"type": "object", "description": description, "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

// partOf is a part, written out or named from the presets.
func partOf(definition string) object {
	return object{"description": "the name of a preset (cfu amortize --list-presets), or the part itself", "oneOf": []any{filled(), ref(definition)}}
}

func stackSchema() object {
	o := listOf(partOf("hardware"))
	o["minItems"] = 1
	return o
}

// impacts adds the figures of the categories that key and dim give.
func impacts(properties object, key, dim func(categoryRow) string) object {
	for _, row := range categoryTable {
		if key(row) != "" && dim(row) != "" {
			properties[key(row)] = ref(dim(row))
		}
	}
	return properties
}

func amountOf(row categoryRow) string { return row.amount }
func rateOf(row categoryRow) string   { return row.rate }
func keyOf(row categoryRow) string    { return row.key }

func emissionsSchema(dim string) object {
	properties := object{}
	for _, substance := range substances() {
		properties[substance] = ref(dim)
	}
	return fields("emissions to air by substance", properties)
}

func hardwareSchema() object {
	return fields("what a number of devices cost to make", impacts(object{
		"title": text(), "name": text(), "devices": object{"type": "integer", "minimum": 1},
		"counts": object{"enum": []Counts{Accelerators, Processors, Hosts}},
		"covers": object{"enum": []Boundary{Device, Baseboard, Host}}, "adds_to": object{"enum": []Boundary{Device, Baseboard}},
		"mixed_boundaries": text(), "matches": listOf(text()), "emissions": emissionsSchema("emission"),
		"lifespan": ref("time"), "utilisation": ref("ratio"),
	}, keyOf, amountOf), "devices", "covers", "lifespan")
}

func electricitySchema() object {
	return fields("what a kWh costs the world", impacts(object{
		"title": text(), "name": text(), "region": text(), "scope": object{"enum": []Scope{Direct, LifeCycle}},
		"characterized_by": object{"enum": []string{"ar4", "ar5", "ar6", "unknown"}}, "carbon_market": ref("carbon intensity"), "aware": ref("aware"),
		"emissions": emissionsSchema("gas intensity"),
	}, keyOf, rateOf))
}

func servingSchema() object {
	return fields("how the hardware serves", object{
		"share": ref("share"), "idle_time": ref("ratio"), "idle_power": ref("power"),
		"machines": listOf(fields("a machine beside the hardware", object{
			"name": filled(), "per_device": ref("share"), "share": ref("share"), "hardware": stackSchema()}, "name", "per_device", "hardware")),
		"sites": listOf(fields("a place beside the inventory's own at which hosts of the run stand", object{
			"name": filled(), "hosts": object{"type": "array", "items": filled(), "minItems": 1, "uniqueItems": true},
			"electricity": partOf("electricity"), "facility": partOf("facility"), "price": partOf("price_part"), "hardware": stackSchema(),
		}, "name", "hosts", "electricity", "facility")),
	})
}

func stageSchema() object {
	return fields("what is paid apart from the requests", impacts(object{
		"name": filled(), "kind": object{"enum": ListedKinds()}, "note": text(),
		"energy": ref("energy"), "overhead_included": object{"type": "boolean"}, "device_time": ref("time"),
		"hardware": stackSchema(), "electricity": partOf("electricity"), "facility": partOf("facility"), "price": partOf("price_part"),
		"year": object{"type": "integer"}, "share": ref("ratio"),
		"record": object{"oneOf": []object{filled(), {"type": "array", "items": filled(), "minItems": 1, "uniqueItems": true}}},
		"assessment": fields("another assessment that stands for the stage", object{
			"inventory": filled(), "run": filled(), "making": object{"type": "boolean"}, "rate": filled(), "cell": filled(),
			"functional_unit": filled(), "count": ref("amount")}),
	}, categoryRow.printedKey, amountOf), "name", "kind")
}

func runSchema() object {
	return fields("a published measurement of inference", object{
		"rate": filled(), "requests": object{"type": "integer", "minimum": 1}, "output_tokens": object{"type": "integer", "minimum": 0},
		"energy": ref("energy"), "overhead_included": object{"type": "boolean"}, "carbon": ref("carbon"), "water": ref("water"),
		"wall_time": ref("time"), "devices": object{"type": "integer", "minimum": 1}, "break_even": ref("count"),
	}, "rate", "requests", "energy", "devices")
}

func studySchema() object {
	properties := object{"comparative_assertion_public": object{"type": "boolean"}}
	for _, field := range []string{"application", "reasons", "audience", "commissioner", "practitioner", "function", "reference_flow", "cut_off", "categories", "conformance", "allocation", "data_quality"} {
		properties[field] = text()
	}
	for _, field := range []string{"omitted", "conclusions", "recommendations", "review"} {
		properties[field] = listOf(text())
	}
	return fields("goal and scope of ISO 14044 that only the author knows", properties)
}

func pedigreeSchema() object {
	properties, required := object{}, []string{}
	for _, s := range (Pedigree{}).scores() {
		properties[s.name] = object{"type": "integer", "minimum": 1, "maximum": 5}
		required = append(required, s.name)
	}
	return fields("scores of the pedigree matrix, 1 the best", properties, required...)
}

func spreadSchema() object {
	number := object{"type": "number"}
	above := func(least float64) object { return object{"type": "number", "exclusiveMinimum": least} }
	shape := func(names []Shape, properties object, required ...string) object {
		properties["shape"] = object{"enum": names}
		return fields("", properties, append(required, "shape")...)
	}
	return object{"description": "distribution around the value, in the figure's own unit", "oneOf": []any{
		shape([]Shape{Lognormal}, object{"gsd": above(1)}, "gsd"),
		shape([]Shape{Normal}, object{"sd": above(0)}, "sd"),
		shape([]Shape{Uniform, LogUniform, Triangular}, object{"low": number, "high": number}, "low", "high"),
		shape([]Shape{Fixed}, object{}),
	}}
}

// datumSchema is a figure in one of the dimension's units.
func datumSchema(d dimension) object {
	o := fields("a figure: "+d.name, object{
		"value": object{"type": "number"}, "unit": object{"enum": slices.Sorted(maps.Keys(d.units))},
		"source": filled(), "year": object{"type": "integer", "minimum": 1900, "maximum": 2100},
		"boundary": ref("boundary"), "quality": object{"enum": Qualities()},
		"reason": text(), "note": text(), "spread": ref("spread"), "pedigree": ref("pedigree"),
	}, "value", "unit", "source", "year", "boundary", "quality")
	o["if"] = object{"properties": object{"quality": object{"const": Assumption}}}
	o["then"] = object{"required": []string{"reason"}}
	properties := o["properties"].(object)
	switch d.name {
	case "carbon":
		properties["basis"] = object{"enum": []Basis{LocationBased, MarketBased}}
		properties["characterized_by"] = object{"enum": []string{"ar4", "ar5", "ar6", "unknown"}}
	case "water":
		properties["water_variant"] = object{"enum": WaterVariants()}
	}
	return o
}
