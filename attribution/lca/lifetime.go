package lca

import "strings"

// lifetime checks what the upfront stages are spread over.
func (l *loader) lifetime(inv *Inventory, root at) {
	d, where := &inv.LifetimeInferences, root.field("lifetime_inferences")
	l.datum(d, where, "lifetime", positive)
	l.optional(inv.LifetimeRate, root.field("lifetime_rate"), "rate", positive)
	months := d.Unit == "month" || d.Unit == "year"
	switch {
	case months && inv.LifetimeRate == nil:
		l.add(root.field("lifetime_rate"), "missing: a lifetime in %ss needs the rate at which it serves, such as 2000000 requests/month", d.Unit)
	case !months && inv.LifetimeRate != nil:
		l.add(root.field("lifetime_rate"), "means nothing to a lifetime in %s: leave it out", d.Unit)
	}
	a, here := &inv.Allocation, root.field("allocation")
	switch a.By {
	case "":
		if a.PerRequest != nil || a.Reason != "" {
			l.add(here.field("by"), "missing: give request, output_token or conversation, or leave the allocation out")
		}
	case PerRequest, PerOutputToken, PerConversation:
	default:
		l.add(here.field("by"), "%q: give request, output_token or conversation", a.By)
		return
	}
	l.optional(a.PerRequest, here.field("per_request"), "ratio", positive)
	counted := inv.lifetimeUnit()
	switch {
	case a.By != "" && a.Reason == "":
		l.add(here.field("reason"), "missing: say why the making is shared by %s", a.By)
	case a.By == PerRequest && counted == PerRequest && a.PerRequest != nil:
		l.add(here.field("per_request"), "means nothing where the lifetime counts requests and each carries the same: leave it out")
	case a.By != "" && a.By != counted && a.PerRequest == nil:
		l.add(here.field("per_request"), "missing: the lifetime counts %ss: give how many %ss a mean request has", counted, cmpOr(a.By, counted))
	case a.By != "" && a.By != counted && a.By != PerRequest && counted != PerRequest:
		l.add(here.field("by"), "%q of a lifetime in %ss: give the lifetime in requests or in %ss", a.By, counted, a.By)
	}
}

// cmpOr is the unit whose mean per request is asked for: of the two, the one
// that is not the request.
func cmpOr(by, counted FunctionalUnit) FunctionalUnit {
	if by == PerRequest {
		return counted
	}
	return by
}

// lifetimeUnit is what the lifetime counts, itself or by its rate.
func (inv *Inventory) lifetimeUnit() FunctionalUnit {
	unit := inv.LifetimeInferences.Unit
	if r := inv.LifetimeRate; r != nil {
		unit, _, _ = strings.Cut(r.Unit, "/")
	}
	switch thing(unit) {
	case "output tokens":
		return PerOutputToken
	case "conversations":
		return PerConversation
	}
	return PerRequest
}

// amountUnit is the functional unit that an amount in this unit counts, "" where
// it says nothing of it.
func amountUnit(unit string) FunctionalUnit {
	switch thing(unit) {
	case "requests":
		return PerRequest
	case "output tokens":
		return PerOutputToken
	case "total tokens":
		return PerTotalToken
	case "conversations":
		return PerConversation
	}
	return ""
}

// Lifetime is what the upfront stages are spread over, and what it counts.
func (inv *Inventory) Lifetime() (number float64, of FunctionalUnit) {
	number = inv.LifetimeInferences.canonical
	if inv.LifetimeRate != nil {
		number *= inv.LifetimeRate.canonical
	}
	return number, inv.lifetimeUnit()
}
