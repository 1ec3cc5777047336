package attribution

// Residency divides the energy of every instant equally among the requests in
// flight, from sending to the end of the answer, queued or not: time share, as
// in common practice. A failed request pays for the time that it was in
// flight.
type Residency struct{}

// Name is "residency".
func (Residency) Name() string { return "residency" }

// Weigh gives every request in flight the same rate.
func (Residency) Weigh(Scene) (Weights, error) {
	return Weights{Basis: ByInstant, Split: true, Of: func(int) (float64, float64) { return 1, 1 }}, nil
}
