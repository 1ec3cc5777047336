package lca

// acceleratorUnits are the units of the columns of acceleratorsFile.
var acceleratorUnits = map[string]string{
	"carbon": "kg CO2e", "adpe": "kg Sb eq", "primary_energy": "MJ", "adpf": "MJ", "ef_acidification": "mol H+ eq", "ef_particulate_matter": "disease incidence",
}

// loadAccelerators adds the accelerators of a component model to the hardware
// presets. The model knows dies, memory, board and metal, and no product.
func loadAccelerators(lib library) error {
	rows, err := readTable(acceleratorsFile)
	if err != nil {
		return err
	}
	for _, row := range rows {
		d := Datum{
			Source: "BoaviztAPI 2.5.0, GPU component model", Year: 2026, Boundary: Device, Quality: Modelled,
			Note: "the model puts most of it on the memory",
		}
		if die := row.fields["die"]; die != "" {
			d.Note = "not among the model's cards: its die is " + die + ", with its own memory on a board of the model's usual size"
		}
		h := Hardware{
			Name: row.fields["name"], Title: row.fields["product"] + " by the component model of BoaviztAPI 2.5.0", Devices: 1, Counts: Accelerators, Covers: Device,
			Matches: []string{row.fields["match"]}, componentModel: true,
			Lifespan: Datum{
				Value: 4, Unit: "year", Source: "Morrison et al. 2025 (arXiv 2503.05804)", Year: 2025, Boundary: Device, Quality: Assumption,
				Reason: "the usable life of a GPU that the paper and Fernandez et al. 2026 (arXiv 2606.07632) assume", Spread: &Spread{Shape: Triangular, Low: 3, High: 6},
			},
		}
		if h.Impacts, err = row.figures(acceleratorUnits, d); err != nil {
			return err
		}
		for _, field := range []string{"lifespan", "devices", "covers"} {
			row.at.doc.lines[row.at.field(field).pointer] = row.line
			row.at.doc.lines[row.at.field(field).field("value").pointer] = row.line
		}
		lib.hardware[h.Name] = located[Hardware]{h, row.at}
	}
	return nil
}
