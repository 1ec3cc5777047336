package report

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"cfubench/attribution/lca"
)

// Shape is a published form into which an assessment can be written.
type Shape struct {
	Name string
	// Edition says which text the fields are from.
	Edition string
	// fill gives the fields of one cell, and those that the form asks for and
	// nobody knows.
	fill func(a *lca.Assessment) (fields map[string]any, unknown map[string]string)
}

// Shapes lists the forms: one function each.
func Shapes() []Shape {
	return []Shape{
		{"sci", "ISO/IEC 21031:2024, Software Carbon Intensity", sciShape},
		{"sci-ai", "Green Software Foundation, SCI for AI, its specification's sections 6 and 8: consumer and provider scores", sciAIShape},
		{"eu-ai-act", "Regulation (EU) 2024/1689, Annex XI, section 1, points 1 (d) and 2 (d) and (e); hardware days as the Model Documentation Form of the code of practice has them", aiActShape},
		{"model-card", "Hugging Face Hub model card metadata, co2_eq_emissions", modelCardShape},
		{"ai-energy-score", "AI Energy Score: accelerator Wh per 1,000 queries", energyScoreShape},
		{"ghg-product", "GHG Protocol Product Standard totals, with scopes 2 and 3 of who rents the machines", ghgShape},
		{"iso-14067", "ISO 14067:2018, study report of a carbon footprint, after public descriptions of its clause 7 and the values that the Catena-X PCF data model 9.0.0 has apart; the standard's own text was not at hand", iso14067Shape},
		{"l1801", "ITU-T L.1801 (02/2026), identical with ETSI ES 204 135, after its abstract, its table of contents and the life cycle stages of ITU-T L.1410 (ETSI ES 203 199), whose method it takes; the Recommendation's own text was not at hand", l1801Shape},
	}
}

// WriteShape writes every cell in the form of that name, as JSON.
func WriteShape(w io.Writer, name string, list []lca.Assessment) error {
	for _, s := range Shapes() {
		if s.Name != name {
			continue
		}
		type cell struct {
			Cell    string            `json:"cell"`
			Model   string            `json:"model"`
			Fields  map[string]any    `json:"fields"`
			Unknown map[string]string `json:"unknown"`
		}
		out := struct {
			Form      string   `json:"form"`
			Edition   string   `json:"edition"`
			Inventory string   `json:"inventory"`
			Cells     []cell   `json:"cells"`
			Warnings  []string `json:"warnings"`
		}{s.Name, s.Edition, list[0].Inventory.Name, nil, lca.Warnings(list, lca.Energy, lca.GWP)}
		for i := range list {
			fields, unknown := s.fill(&list[i])
			out.Cells = append(out.Cells, cell{list[i].Usage.Cell, list[i].Inventory.Model.Title, fields, unknown})
		}
		text, err := json.MarshalIndent(out, "", "  ")
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		_, err = w.Write(append(text, '\n'))
		return err
	}
	return fmt.Errorf("form %q is unknown: use one of %s", name, ShapeNames())
}

// perRequest is a category's kinds together, per request; false if there are
// none.
func perRequest(a *lca.Assessment, c lca.Category, kinds ...lca.Stage) (float64, bool) {
	sum, some := 0.0, false
	for _, k := range kinds {
		if o, ok := a.Outcome(c, k); ok {
			sum, some = sum+o.Value, true
		}
	}
	return sum / float64(a.Usage.Requests), some
}

func sciShape(a *lca.Assessment) (map[string]any, map[string]string) {
	sci, err := a.SCI()
	if err != nil {
		return nil, map[string]string{"sci": err.Error()}
	}
	share := 1.0
	if s := a.Inventory.Serving.Share; s != nil {
		share = s.Canonical()
	}
	return map[string]any{"E_kwh": sci.Energy, "I_kgco2e_per_kwh": sci.Intensity, "M_kgco2e": sci.Embodied, "RS": share, "R": sci.Unit,
		"SCI_kgco2e_per_R": sci.Score, "boundary": sci.Boundary}, map[string]string{}
}

// ShapeNames lists the forms for help and errors.
func ShapeNames() string {
	var names []string
	for _, s := range Shapes() {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

// sciAIShape has both scores: the consumer's is of runtime operation, per token
// processed; the provider's of all before and after it, per parameter, training
// token or operation.
func sciAIShape(a *lca.Assessment) (map[string]any, map[string]string) {
	fields, unknown := map[string]any{}, map[string]string{}
	use, ok := perRequest(a, lca.GWP, lca.Inference, lca.Idle, lca.Embodied, lca.Service)
	if !ok {
		unknown["consumer"] = "no carbon factor"
		return fields, unknown
	}
	fields["consumer_kgco2e_per_request"] = use
	for _, unit := range []struct {
		name  string
		count int64
	}{{"token", a.Usage.TotalTokens}, {"output_token", a.Usage.OutputTokens}} {
		if field := "consumer_kgco2e_per_" + unit.name; unit.count > 0 {
			fields[field] = use * float64(a.Usage.Requests) / float64(unit.count)
		} else {
			unknown[field] = "the cell has no count of tokens"
		}
	}
	carried(a, fields)
	making := a.Balance(lca.GWP).Upfront()
	if making > 0 {
		fields["provider_kgco2e"] = making
	} else {
		unknown["provider_kgco2e"] = "the inventory has no making of the model"
	}
	m := &a.Inventory.Model
	for _, unit := range []struct {
		name, field string
		of          *lca.Datum
		scale       float64
	}{{"billion_parameters", "parameters", m.Parameters, 1e9}, {"training_token", "training_tokens", m.TrainingTokens, 1}, {"flop", "training_compute", m.TrainingCompute, 1}} {
		switch field := "provider_kgco2e_per_" + unit.name; {
		case unit.of == nil:
			unknown[field] = "model." + unit.field + " is not in the inventory"
		case making > 0:
			fields[field] = making / unit.of.Canonical() * unit.scale
		}
	}
	return fields, unknown
}

func aiActShape(a *lca.Assessment) (map[string]any, map[string]string) {
	fields, unknown := map[string]any{}, map[string]string{
		"training_wall_clock_days": "the wall time of training is not in the inventory", "benchmarked_inference_flop": "no operation of inference is counted",
	}
	m := &a.Inventory.Model
	for _, known := range []struct {
		field, in string
		d         *lca.Datum
	}{{"parameters", "parameters", m.Parameters}, {"training_tokens", "training_tokens", m.TrainingTokens}, {"computational_resources_flop", "training_compute", m.TrainingCompute}} {
		if known.d == nil {
			unknown[known.field] = "model." + known.in + " is not in the inventory"
		} else {
			fields[known.field] = known.d.Canonical()
		}
	}
	b := a.Balance(lca.Energy)
	for _, of := range []struct {
		field, what string
		kwh         float64
		kinds       []lca.Stage
	}{
		{"training_energy_mwh", "training", b.Training, []lca.Stage{lca.Training, lca.Data}},
		{"development_energy_mwh", "experiments and evaluations", b.Experimentation, []lca.Stage{lca.Experimentation, lca.Evaluation}},
	} {
		if _, some := perRequest(a, lca.Energy, of.kinds...); some {
			fields[of.field], fields["energy_boundary"] = of.kwh/1e3, "facility's meter"
		} else {
			unknown[of.field] = "the inventory has no energy of " + of.what
		}
	}
	carried(a, fields)
	hours, days := map[string]float64{}, 0.0
	for i := range a.Inventory.Upfront {
		p := &a.Inventory.Upfront[i]
		if p.Kind == lca.Service || p.Kind == lca.EndOfLife {
			continue // not of the model's making
		}
		if p.DeviceTime != nil {
			hours[p.Name] = p.DeviceTime.Canonical() * p.Carried()
			if p.Kind == lca.Training || p.Kind == lca.Data { // as in its energy
				days += hours[p.Name] / 24
			}
		}
		if p.Energy != nil {
			fields["method: "+p.Name] = fmt.Sprintf("%s, %s, within the %s", p.Energy.Quality, p.Energy.Source, p.Energy.Boundary)
		}
	}
	if len(hours) > 0 {
		fields["hardware_hours"] = hours
	} else {
		unknown["hardware_hours"] = "the inventory has no device time"
	}
	if days > 0 {
		fields["training_hardware_days"] = days
	}
	fields["inference_energy_wh_per_request"] = a.Balance(lca.Energy).Operation * 1e3
	return fields, unknown
}

func modelCardShape(a *lca.Assessment) (map[string]any, map[string]string) {
	fields, unknown := map[string]any{"source": "cfu, inventory " + a.Inventory.Name}, map[string]string{}
	if regions, problem := trainedIn(a); problem == "" {
		fields["geographical_location"] = strings.Join(regions, ", ")
	} else {
		unknown["geographical_location"] = problem
	}
	carried(a, fields)
	if b := a.Balance(lca.GWP); b.Training > 0 {
		fields["emissions"] = b.Training * 1e3 // grams, of training alone as the field asks
	} else {
		unknown["emissions"] = "the inventory has no carbon of training"
	}
	kinds := map[string]bool{}
	var hardware []string
	for i := range a.Inventory.Upfront {
		if p := &a.Inventory.Upfront[i]; p.Kind != lca.Service {
			for _, h := range p.Parts() {
				kinds[h.Title] = true
			}
		}
	}
	if hardware = slices.Sorted(maps.Keys(kinds)); len(hardware) > 0 {
		fields["hardware_used"] = strings.Join(hardware, ", ")
	} else {
		unknown["hardware_used"] = "no stage has hardware of its own"
	}
	unknown["training_type"] = "pre-training or fine-tuning is not a field of a stage"
	return fields, unknown
}

// carried puts in which stages of the making are shared with other products: energies,
// hours and emissions are of this product's part, and what counts the model (parameters,
// tokens, operations) is whole.
func carried(a *lca.Assessment, fields map[string]any) {
	shares := map[string]float64{}
	for i := range a.Inventory.Upfront {
		if p := &a.Inventory.Upfront[i]; p.Kind != lca.Service && p.Carried() != 1 {
			shares[p.Name] = p.Carried()
		}
	}
	if len(shares) > 0 {
		fields["share_of_stages_carried"] = shares
	}
}

// trainedIn are the regions of the grids on which the model was trained, or why they
// are not known: a printed figure of carbon does not say where it arose.
func trainedIn(a *lca.Assessment) (regions []string, problem string) {
	for i := range a.Inventory.Upfront {
		p := &a.Inventory.Upfront[i]
		if p.Kind != lca.Training {
			continue
		}
		region := a.Inventory.Electricity.Region
		switch {
		case p.Electricity != nil:
			region = p.Grid().Region
		case p.Printed["carbon"] != nil || p.Energy == nil:
			return nil, "stage " + p.Name + " does not say on which grid it ran"
		}
		if region == "" {
			return nil, "the electricity of stage " + p.Name + " has no region"
		}
		if !slices.Contains(regions, region) {
			regions = append(regions, region)
		}
	}
	if len(regions) == 0 {
		return nil, "the inventory has no stage of training"
	}
	return regions, ""
}

func energyScoreShape(a *lca.Assessment) (map[string]any, map[string]string) {
	unknown := map[string]string{"task": "the benchmark's tasks and prompts were not run"}
	e := a.Usage.Energy - a.Usage.ProcessorEnergy
	if a.Usage.Metered != lca.Device && a.Usage.Metered != lca.Baseboard || e <= 0 {
		unknown["gpu_wh_per_1000_queries"] = "the energy is not that of accelerators alone"
		return nil, unknown
	}
	return map[string]any{"gpu_wh_per_1000_queries": e.Joules() / 3600 / float64(a.Usage.Requests) * 1000}, unknown
}

func ghgShape(a *lca.Assessment) (map[string]any, map[string]string) {
	unknown := map[string]string{"end_of_life": "no stage says it", "distribution": "networks and user devices are outside"}
	total, ok := perRequest(a, lca.GWP, lca.Total)
	if !ok {
		unknown["total"] = "no carbon factor"
		return nil, unknown
	}
	if _, ok := a.Outcome(lca.GWP, lca.EndOfLife); ok {
		delete(unknown, "end_of_life")
	}
	scope2 := a.Balance(lca.GWP).Operation
	fields := map[string]any{"kgco2e_per_request": total, "scope2_kgco2e_per_request": scope2, "scope3_kgco2e_per_request": total - scope2,
		"scope2_basis": string(a.Options.Basis), "gwp": string(a.Options.GWP)}
	for _, k := range lca.Stages() {
		if v, ok := perRequest(a, lca.GWP, k); ok {
			fields["kgco2e_"+string(k)] = v
		}
	}
	return fields, unknown
}
