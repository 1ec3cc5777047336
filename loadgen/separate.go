package loadgen

import "slices"

// placement is which CPUs the two processes of a self-test get.
type placement struct {
	client, mock []int // empty: left as they are
}

// place puts the mock apart from the client: on the processors that the client
// may not use, or on the last one of the client's, which the client then
// leaves to it.
func place(allowed, online []int) placement {
	var others []int
	for _, cpu := range online {
		if !slices.Contains(allowed, cpu) {
			others = append(others, cpu)
		}
	}
	switch {
	case len(allowed) == 0:
		return placement{}
	case len(others) > 0:
		return placement{mock: others}
	case len(allowed) == 1:
		return placement{}
	}
	last := len(allowed) - 1
	return placement{client: allowed[:last], mock: allowed[last:]}
}

// separate pins the client to its part of the placement and returns how to
// undo that. Where pinning is not possible both keep what they have.
func separate() (placement, func()) {
	allowed := allowedCPUs()
	p := place(allowed, onlineCPUs())
	if len(p.client) == 0 {
		return p, func() {}
	}
	if err := pin(p.client); err != nil {
		return placement{}, func() {}
	}
	return p, func() { pin(allowed) }
}
