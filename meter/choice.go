package meter

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Choice says which GPUs a run sums: the value of --gpus. The zero value is
// those on which the engine's processes compute.
type Choice struct {
	all   bool
	named []string
}

// ParseChoice reads the value of --gpus: "engine" (or nothing), "all", or a list
// of GPUs by number ("0,3"), name ("gpu3"), UUID or its beginning, PCI address, or
// the UUID of a MIG instance, which stands for its whole GPU.
func ParseChoice(s string) (Choice, error) {
	switch s {
	case "", "engine":
		return Choice{}, nil
	case "all":
		return Choice{all: true}, nil
	}
	var c Choice
	for word := range strings.SplitSeq(s, ",") {
		word = strings.TrimSpace(word)
		if word == "" || word == "all" || word == "engine" {
			return Choice{}, fmt.Errorf("GPUs %q: want engine, all, or a list of numbers, names, UUIDs or PCI addresses", s)
		}
		c.named = append(c.named, word)
	}
	return c, nil
}

// String is the value that ParseChoice reads.
func (c Choice) String() string {
	switch {
	case c.all:
		return "all"
	case len(c.named) > 0:
		return strings.Join(c.named, ",")
	}
	return "engine"
}

// Use is what the process list of one GPU showed.
type Use struct {
	Device string // as in the GPU's domains
	Host   string // likewise
	// Engine are the processes of the engine that compute on it, Others those
	// that are not the engine's.
	Engine, Others []int
	// Told is whether the engine's processes can be told from others here.
	Told bool
}

// of reports whether u is of the GPU of domain d.
func (u Use) of(d Domain) bool {
	same, _ := compare(d, Domain{Device: u.Device, Host: u.Host})
	return same || d.Device == u.Device && d.Host == u.Host
}

// Chosen is the outcome of a choice.
type Chosen struct {
	// Excluded are the domains of the GPUs that are not chosen, for Antichain.
	Excluded []Excluded
	// Line says which GPUs are summed: "summing 1 of 8 GPUs: gpu3 (engine pid
	// 4711)"; "" where there is no GPU.
	Line     string
	Warnings []string
}

// Of chooses among the GPUs that domains read, by what was seen of their
// processes under load. A GPU whose memory the engine's processes hold is the
// engine's also while it has nothing to do (a tensor-parallel rank that waits), so
// what counts is the process list and no utilisation. On a host none of whose
// GPUs shows a process of the engine, all stay in the sum, and a warning says so
// where there are several. The error is for names that no GPU has.
func (c Choice) Of(domains []Domain, uses []Use) (Chosen, error) {
	groups := boards(domains)
	if len(groups) == 0 {
		if len(c.named) > 0 {
			return Chosen{}, fmt.Errorf("GPUs %s: no GPU is metered", c)
		}
		return Chosen{}, nil
	}
	use := make([]Use, len(groups))
	for i, g := range groups {
		for _, u := range uses {
			if slices.ContainsFunc(g, func(k int) bool { return u.of(domains[k]) }) {
				use[i] = u
			}
		}
	}
	reasons := make([]string, len(groups)) // why a GPU is not chosen
	var chosen Chosen
	by := "all GPUs"
	var err error
	switch {
	case c.all:
	case len(c.named) > 0:
		by = "--gpus " + c.String()
		err = c.byName(domains, groups, reasons)
		chosen.Warnings = misses(domains, groups, use, reasons)
	default:
		var pids []int
		pids, chosen.Warnings = byEngine(domains, groups, use, reasons)
		if len(pids) > 0 {
			by = "engine " + numbered("pid", pids)
		}
	}
	if err != nil {
		return Chosen{}, err
	}
	var names []string
	for i, g := range groups {
		if reasons[i] == "" {
			names = append(names, domains[g[0]].Name)
			continue
		}
		for _, k := range g {
			chosen.Excluded = append(chosen.Excluded, Excluded{Domain: domains[k].Name, Reason: reasons[i]})
		}
	}
	chosen.Line = fmt.Sprintf("summing %d of %s: %s (%s)", len(names), counted(len(groups), "GPU"), strings.Join(names, ", "), by)
	return chosen, nil
}

// byName gives a reason to each GPU that no word of the choice names.
func (c Choice) byName(domains []Domain, groups [][]int, reasons []string) error {
	for i := range groups {
		reasons[i] = "not among the GPUs that --gpus names"
	}
	for _, word := range c.named {
		found := false
		for i, g := range groups {
			if slices.ContainsFunc(g, func(k int) bool { return names(domains[k], word) }) {
				reasons[i], found = "", true
			}
		}
		if !found {
			var known []string
			for _, g := range groups {
				known = append(known, domains[g[0]].Name)
			}
			return fmt.Errorf("GPUs %s: %q is none of the metered ones: %s", c, word, strings.Join(known, ", "))
		}
	}
	return nil
}

// numberIn finds a GPU's number in its domain's name: "gpu3", "module3",
// "scrape-gpu3", "gpu3@host".
var numberIn = regexp.MustCompile(`(?:^|-)(?:gpu|module)(\d+)(?:$|@)`)

// leastUUID is how much of a UUID must be given: "GPU-" and four digits.
const leastUUID = 8

// names reports whether word names the GPU of domain d.
func names(d Domain, word string) bool {
	if _, err := strconv.Atoi(word); err == nil {
		m := numberIn.FindStringSubmatch(d.Name)
		return m != nil && m[1] == word
	}
	if d.Name == word {
		return true
	}
	word = strings.ToLower(word)
	for _, part := range strings.Fields(strings.ToLower(d.Device)) {
		uuid := strings.HasPrefix(word, "gpu-") || strings.HasPrefix(word, "mig-")
		if part == word || uuid && len(word) >= leastUUID && strings.HasPrefix(part, word) {
			return true
		}
	}
	same, _ := compare(d, Domain{Device: word, Host: d.Host})
	return same
}

// byEngine gives a reason to each GPU on which no process of the engine computes,
// and returns the engine's processes.
func byEngine(domains []Domain, groups [][]int, use []Use, reasons []string) (pids []int, warnings []string) {
	hosts := map[string][]int{} // groups by host
	var order []string
	for i, g := range groups {
		host := domains[g[0]].Host
		if hosts[host] == nil {
			order = append(order, host)
		}
		hosts[host] = append(hosts[host], i)
	}
	for _, host := range order {
		here := hosts[host]
		engines := slices.DeleteFunc(slices.Clone(here), func(i int) bool { return len(use[i].Engine) == 0 })
		if len(engines) == 0 {
			if len(here) > 1 {
				warnings = append(warnings, notTold(domains, groups, use, here, host))
			}
			continue
		}
		for _, i := range here {
			if len(use[i].Engine) == 0 {
				reasons[i] = "no process of the engine computes on it"
				if !use[i].Told {
					reasons[i] = "the engine computes on other GPUs; which processes compute on this one is not told"
				}
			}
			for _, pid := range use[i].Engine {
				if !slices.Contains(pids, pid) {
					pids = append(pids, pid)
				}
			}
		}
	}
	slices.Sort(pids)
	return pids, warnings
}

// notTold is the warning that all GPUs of a host stay in the sum.
func notTold(domains []Domain, groups [][]int, use []Use, here []int, host string) string {
	var all, without []string
	told := false
	for _, i := range here {
		name := domains[groups[i][0]].Name
		all = append(all, name)
		told = told || use[i].Told
		if len(use[i].Others) == 0 {
			without = append(without, name)
		}
	}
	w := "which GPUs the engine computes on is not known"
	if told {
		w = "no GPU shows a process of the engine"
	}
	if host != "" {
		w += " at " + host
	}
	w += fmt.Sprintf(": all %d are in the sum (%s)", len(all), strings.Join(all, ", "))
	if len(without) > 0 && len(without) < len(all) {
		w += ", of which " + strings.Join(without, ", ") + " ran no process"
	}
	return w + "; name the engine's with --gpus"
}

// misses warns of GPUs that are left out by name although the engine computes on
// them, and of those that are in though it does not.
func misses(domains []Domain, groups [][]int, use []Use, reasons []string) (warnings []string) {
	any := slices.ContainsFunc(use, func(u Use) bool { return len(u.Engine) > 0 })
	for i, g := range groups {
		name := domains[g[0]].Name
		switch engine := len(use[i].Engine) > 0; {
		case engine && reasons[i] != "":
			warnings = append(warnings, fmt.Sprintf("%s: the engine (%s) computes on it, and --gpus leaves it out of the sum", name, numbered("pid", use[i].Engine)))
		case !engine && reasons[i] == "" && any && use[i].Told:
			warnings = append(warnings, name+": no process of the engine computes on it, and --gpus has it in the sum")
		}
	}
	return warnings
}

// numbered is "pid 7" or "pids 7, 8, 9", cut after four.
func numbered(what string, pids []int) string {
	var words []string
	for i, pid := range pids {
		if i == 4 {
			words = append(words, fmt.Sprintf("and %d more", len(pids)-i))
			break
		}
		words = append(words, strconv.Itoa(pid))
	}
	if len(pids) != 1 {
		what += "s"
	}
	return what + " " + strings.Join(words, ", ")
}

// counted is "1 GPU" or "8 GPUs".
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
