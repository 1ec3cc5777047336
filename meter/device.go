package meter

import (
	"regexp"
	"slices"
	"strings"
)

// Device is one accelerator: a board or a superchip, however many registers and
// readers it has.
type Device struct {
	ID      string   `json:"device"` // as in the first of its domains
	Host    string   `json:"host,omitempty"`
	Product string   `json:"product,omitempty"`
	Driver  string   `json:"driver,omitempty"`
	Domains []string `json:"domains"`
}

// Devices lists the accelerators that domains read, in the order of their first
// domains. Given the domains that are summed (Antichain) it says whose energy the
// sum is: a superchip whose module is summed is one device, and so are two GPUs
// that were found to show one counter.
func Devices(domains []Domain) []Device {
	var found []Device
	for _, group := range boards(domains) {
		first := domains[group[0]]
		d := Device{ID: first.Device, Host: first.Host}
		for _, i := range group {
			d.Domains = append(d.Domains, domains[i].Name)
			if d.Product == "" {
				d.Product = domains[i].Product
			}
			if d.Driver == "" {
				d.Driver = domains[i].Driver
			}
		}
		found = append(found, d)
	}
	return found
}

// boards groups the domains of accelerators by board: indices into domains.
func boards(domains []Domain) (groups [][]int) {
	for i, d := range domains {
		if d.Scope != ScopeGPU && d.Scope != ScopeModule && d.Scope != ScopeHBM {
			continue
		}
		at := slices.IndexFunc(groups, func(g []int) bool {
			return slices.ContainsFunc(g, func(j int) bool { return oneBoard(domains, domains[j], d) })
		})
		if at < 0 {
			groups = append(groups, []int{i})
			continue
		}
		groups[at] = append(groups[at], i)
	}
	return groups
}

// oneBoard reports whether two accelerator domains are of one board: by their
// identities, else by their device as written, else because one contains the
// other or is another reader of it.
func oneBoard(all []Domain, a, b Domain) bool {
	same, different := compare(a, b)
	switch {
	case same:
		return true
	case different || a.Host != b.Host:
		return false
	case a.Device == b.Device && a.Device != "":
		return true
	}
	return a.Source == b.Source && (contains(all, a, b) && b.Parent != "" || contains(all, b, a) && a.Parent != "")
}

// SameDevice reports whether two device identities name one board: they share a
// UUID or a PCI address, or are written alike.
func SameDevice(a, b string) bool {
	same, _ := compare(Domain{Device: a}, Domain{Device: b})
	return same || a == b
}

// identity finds the parts of a Device by which two sources mean one board.
var identity = regexp.MustCompile(`(?i)GPU-[0-9a-f-]{36}|[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]`)

// identities returns the UUIDs in device, or else its PCI addresses, in lower case
// and with the PCI segment cut to the four digits that sysfs prints.
func identities(device string, uuids bool) (found []string) {
	for _, f := range identity.FindAllString(device, -1) {
		f = strings.ToLower(f)
		if strings.HasPrefix(f, "gpu-") != uuids {
			continue
		}
		if segment, rest, ok := strings.Cut(f, ":"); ok && len(segment) == 8 {
			f = segment[4:] + ":" + rest
		}
		found = append(found, f)
	}
	return found
}

// compare tells whether a and b are one board by its identities, or two. UUIDs are
// the world's own: where both have one, it decides. PCI addresses are a host's.
func compare(a, b Domain) (same, different bool) {
	ours, theirs := identities(a.Device, true), identities(b.Device, true)
	if len(ours) == 0 || len(theirs) == 0 {
		if a.Host != b.Host {
			return false, false
		}
		ours, theirs = identities(a.Device, false), identities(b.Device, false)
	}
	same = slices.ContainsFunc(ours, func(id string) bool { return slices.Contains(theirs, id) })
	return same, !same && len(ours) > 0 && len(theirs) > 0
}

func disjoint(a, b Domain) bool {
	_, different := compare(a, b)
	return different
}
