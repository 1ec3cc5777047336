package logs

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"cfubench/meter"
)

// Powers of one GPU that are no GPU's, and such as are doubtful.
const (
	noGPU    = 20_000 * meter.Watt
	manyGPUs = 2000 * meter.Watt
	hardly   = 3 * meter.Watt
)

const (
	// wellCovered is the share of the load with readings below which it is doubted,
	// and fewReadings the number of them.
	wellCovered = 0.95
	fewReadings = 3
)

// Needs is what an import expects of a power log.
type Needs struct {
	Window Window
	// GPUs are the devices that served, by name or ID; nil for all of the log.
	GPUs []string
	// Count is the number of GPUs that the server used, 0 if that is not known.
	Count int
	// EdgeSlack is how far a sample may stand off an end of the window that it
	// should bracket.
	EdgeSlack time.Duration
}

// Selected returns the devices that the needs name, or which of them is not there.
func (n Needs) Selected(p *Power) ([]int, error) {
	var chosen []int
	if n.GPUs == nil {
		for i := range p.Devices {
			chosen = append(chosen, i)
		}
		return chosen, nil
	}
	for _, want := range n.GPUs {
		want = strings.TrimSpace(want)
		i := slices.IndexFunc(p.Devices, func(d Device) bool {
			return d.Name == want || d.ID == want || d.Scope == meter.ScopeGPU && d.Name == "gpu"+want
		})
		if i < 0 {
			return nil, fmt.Errorf("--gpus %s: the log has no such device: it has %s", clip(want), deviceList(p))
		}
		if !slices.Contains(chosen, i) { // by its index and its UUID
			chosen = append(chosen, i)
		}
	}
	return chosen, nil
}

func deviceList(p *Power) string {
	var names []string
	for _, d := range p.Devices {
		if d.ID != d.Name {
			names = append(names, d.Name+" ("+d.ID+")")
			continue
		}
		names = append(names, d.Name)
	}
	return clip(strings.Join(names, ", "))
}

// Refuse says in one line each what keeps the log from carrying a figure for
// the window: what is missing and which flag gives it.
func (n Needs) Refuse(p *Power, qualities []Quality) []error {
	chosen, err := n.Selected(p)
	if err != nil {
		return []error{err}
	}
	var all []error
	parts := map[string]bool{}
	var busiest Quality
	for _, i := range chosen {
		if d := p.Devices[i]; d.Scope == meter.ScopeGPU {
			parts[d.Host+"\x00"+d.Identity()] = true
			if i < len(qualities) && qualities[i].Mean > busiest.Mean {
				busiest = qualities[i]
			}
		}
	}
	gpus := len(parts)
	if n.Count > 0 && gpus > 0 && gpus < n.Count {
		all = append(all, fmt.Errorf("the server used %d GPUs and the log has %d of them (%s): give the other power logs with --power too", n.Count, gpus, deviceList(p)))
	}
	if n.Count > 0 && gpus > n.Count && n.GPUs == nil {
		all = append(all, fmt.Errorf("the log has %d GPUs and the server used %d: name them with --gpus, of %s", gpus, n.Count, deviceList(p)))
	}
	for _, i := range chosen {
		if i >= len(qualities) {
			all = append(all, fmt.Errorf("%s has no reading: leave it out with --gpus, of %s", p.Devices[i].Name, deviceList(p)))
			continue
		}
		q := qualities[i]
		switch {
		case q.Samples == 0:
			all = append(all, fmt.Errorf("%s has no reading, all %d queries failed: leave it out with --gpus, of %s", q.Device, q.Failed, deviceList(p)))
		case p.Devices[i].Scope == meter.ScopeGPU && q.Highest > noGPU:
			all = append(all, fmt.Errorf("%s is stated to draw up to %v, which no GPU does: its unit is another, which --column power=NAME:mW says", q.Device, q.Highest))
		case q.Last < n.Window.Begin || q.First > n.Window.End:
			all = append(all, fmt.Errorf("%s and the requests do not overlap: the readings are of %s to %s and the requests of %s to %s; check the zones and anchors of --clock",
				q.Device, unix(q.First), unix(q.Last), unix(n.Window.Begin), unix(n.Window.End)))
		case !q.Bracketed && (q.First-n.Window.Begin > int64(n.EdgeSlack) || n.Window.End-q.Last > int64(n.EdgeSlack)):
			all = append(all, fmt.Errorf("the readings of %s do not bracket the requests: they begin %.3f s after the first was sent and end %.3f s before the last ended; import fewer requests, or say how much of the ends may be held at the nearest reading with --edge-slack",
				q.Device, max(0, float64(q.First-n.Window.Begin)/1e9), max(0, float64(n.Window.End-q.Last)/1e9)))
		case q.Constant && q.Samples > 2:
			all = append(all, fmt.Errorf("%s never changed in %d readings: a sensor that is stuck or an estimate; leave it out with --gpus", q.Device, q.Samples))
		}
	}
	if total, of := sumOfOthers(p, qualities, chosen); total != "" {
		all = append(all, fmt.Errorf("%s is %s, not another GPU: name those that are with --gpus, of %s", total, of, deviceList(p)))
	}
	if n.GPUs == nil && n.Count == 0 && gpus > 1 {
		for _, i := range chosen {
			if p.Devices[i].Kind != meter.KindPower {
				continue
			}
			if i < len(qualities) && p.Devices[i].Scope == meter.ScopeGPU && qualities[i].idles(busiest) {
				all = append(all, fmt.Errorf("%s does not follow the load as others of the host do (%v on the mean): name the server's GPUs with --gpus, of %s",
					p.Devices[i].Name, qualities[i].Mean, deviceList(p)))
				break
			}
		}
	}
	return all
}

// Doubts says in one line each what of a log is doubtful and does not prevent
// the import.
func (n Needs) Doubts(p *Power, qualities []Quality) (doubts []string) {
	chosen, err := n.Selected(p)
	if err != nil {
		return nil
	}
	for _, i := range chosen {
		if i >= len(qualities) || qualities[i].Samples == 0 {
			continue
		}
		q := qualities[i]
		if p.Devices[i].Scope == meter.ScopeGPU && p.Devices[i].Kind == meter.KindPower {
			switch {
			case q.Highest > noGPU: // refused
			case q.Highest > manyGPUs:
				doubts = append(doubts, fmt.Sprintf("%s draws up to %v, more than one GPU does: it is a sum of several or a whole machine (--column wall=NAME:W), or its unit is another", q.Device, q.Highest))
			case q.Highest < hardly:
				doubts = append(doubts, fmt.Sprintf("%s draws %v at most, less than a GPU that serves: check the unit of its column", q.Device, q.Highest))
			}
		}
		if p.Devices[i].Kind == meter.KindPower && q.Inside < fewReadings {
			doubts = append(doubts, fmt.Sprintf("%s has %d readings in the load, one every %v: what it drew between them is not seen", q.Device, q.Inside, q.Interval.Round(time.Millisecond)))
		} else if q.Covered < wellCovered {
			doubts = append(doubts, fmt.Sprintf("%s has readings for %.0f %% of the load alone, and none for up to %v: what it drew then is drawn as a straight line", q.Device, 100*q.Covered, q.LongestGap.Round(time.Millisecond)))
		}
	}
	return doubts
}

// wordsOf are the words of a name, in small letters.
func wordsOf(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) })
}

// isSum reports whether the words of a name say that it is a sum of others.
func isSum(words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return w == "total" || w == "sum" || w == "all" })
}

// sumOfOthers finds a device that is none: a column or a row of totals or of
// means, by its name or since it is the sum of the others throughout.
func sumOfOthers(p *Power, qualities []Quality, chosen []int) (name, of string) {
	var gpus []int
	for _, i := range chosen {
		if d := p.Devices[i]; d.Scope == meter.ScopeGPU && d.Kind == meter.KindPower && i < len(qualities) {
			gpus = append(gpus, i)
		}
	}
	for _, i := range gpus {
		words := wordsOf(p.Devices[i].ID)
		switch {
		case len(gpus) < 2:
		case isSum(words):
			return p.Devices[i].Name, "by its name the sum of the others"
		case slices.ContainsFunc(words, func(w string) bool { return w == "avg" || w == "mean" || w == "average" }) && !slices.Contains(words, "power"):
			return p.Devices[i].Name, "by its name the mean of the others"
		}
		if p.hasTotal && i == p.total && len(gpus) > 2 {
			return p.Devices[i].Name, "the sum of the others"
		}
	}
	return "", ""
}
