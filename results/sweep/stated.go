package sweep

import (
	"fmt"
	"slices"

	"cfubench/meter"
	"cfubench/results/logs"
)

// StatedFigures are the averages of a run of which a log states the whole and
// no requests. What is not known is 0.
type StatedFigures struct {
	Label                                         string
	Watts, JoulesPerRequest, JoulesPerOutputToken float64
	Source                                        string // where the energy is from
}

// figures computes the averages of what a log states: by the power logs over
// the stated window where there are some, else by the energy that it states.
func (im Import) figures(out *Imported) error {
	for _, s := range out.Requests.Stated {
		f := StatedFigures{Label: s.Label, Watts: s.Power.Watts(), JoulesPerRequest: s.JoulesPerRequest, JoulesPerOutputToken: s.JoulesPerOutputToken, Source: "as stated"}
		var joules float64
		if len(im.Power) > 0 && s.Window != (logs.Window{}) {
			e, err := im.integral(out, s.Window)
			if err != nil {
				return err
			}
			joules, f.Source = e.Joules(), "power log"
		} else {
			for _, e := range s.Energy {
				joules += e.Energy.Joules()
				if f.Source = "measured"; e.Kind == meter.KindModel && e.Energy > 0 {
					f.Source = "partly model"
				}
			}
			if slices.ContainsFunc(s.Energy, func(e logs.StatedEnergy) bool { return e.Kind == meter.KindModel && e.Energy > 0 }) {
				f.Source = "partly model"
			}
		}
		if joules > 0 {
			if s.Seconds > 0 {
				f.Watts = joules / s.Seconds
			}
			if s.Requests > 0 {
				f.JoulesPerRequest = joules / s.Requests
			}
			if s.OutputTokens > 0 {
				f.JoulesPerOutputToken = joules / s.OutputTokens
			}
		}
		out.Figures = append(out.Figures, f)
	}
	return nil
}

// integral is the energy of the chosen devices over a window: a gauge's power
// holds from a reading to the next.
func (im Import) integral(out *Imported, w logs.Window) (meter.Energy, error) {
	var total float64 // µW·ns
	for _, file := range im.Power {
		x := logs.NewInspector(w)
		type held struct {
			at    int64
			power meter.Power
			sum   float64
		}
		var devices []held
		p, err := logs.ReadPower(file.Path, file.Format, im.PowerOptions, func(s logs.Sample) error {
			x.Take(s)
			for len(devices) <= s.Device {
				devices = append(devices, held{})
			}
			if !s.HasPower {
				return nil
			}
			d := &devices[s.Device]
			if from, to := max(d.at, w.Begin), min(s.UnixNS, w.End); d.at != 0 && to > from {
				d.sum += float64(d.power) * float64(to-from)
			}
			d.at, d.power = s.UnixNS, s.Power
			return nil
		})
		if err != nil {
			return 0, err
		}
		needs := logs.Needs{Window: w, GPUs: im.GPUs, Count: im.Count, EdgeSlack: im.EdgeSlack}
		qualities := x.Result(p)
		if refusals := needs.Refuse(p, qualities); len(refusals) > 0 {
			return 0, refusals[0]
		}
		chosen, err := needs.Selected(p)
		if err != nil {
			return 0, err
		}
		for _, i := range chosen {
			if p.Devices[i].Kind == meter.KindCounter {
				return 0, fmt.Errorf("%s is a counter, and averages of a whole run are made of gauges", p.Devices[i].Name)
			}
			total += devices[i].sum
		}
		out.Power, out.Quality = append(out.Power, p), append(out.Quality, qualities...)
	}
	return meter.Energy(total / 1e9), nil
}
