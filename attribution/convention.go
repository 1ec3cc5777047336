package attribution

import (
	"cfubench/meter"
	"fmt"
	"strings"
)

// Convention is a named rule for whose energy it is while several requests are
// in flight. No convention is the truth; each is a pure function of what is
// known, and all close to the counter.
type Convention interface {
	// Name is the word on the command line and in the table.
	Name() string
	// Weigh decides how scene's energy is split.
	Weigh(scene Scene) (Weights, error)
}

// Scene is all that a convention may look at.
type Scene struct {
	Requests Columns
	Curve    *Curve
	Window   meter.Window
	Idle     Idle

	divider *Divider
}

// Timeline returns the phases of the requests on server, of which nothing is
// known if it is nil; see NewTimeline. The same pointer gives the same timeline.
func (s Scene) Timeline(server *Server) *Timeline {
	switch {
	case s.divider == nil && server == nil:
		return NewTimeline(s.Requests, s.Window, Server{})
	case s.divider == nil:
		return NewTimeline(s.Requests, s.Window, *server)
	case server == nil:
		server = &s.divider.unknown
	}
	return s.divider.timeline(s.Window, server)
}

// work returns what the requests had done step by step.
func (s Scene) work() (*work, error) {
	if s.divider == nil {
		return workOf(s.Requests, s.Window)
	}
	return s.divider.stepWork()
}

// stepCosts fits the costs of the engine's steps; see fitSteps.
func (s Scene) stepCosts(w *work, role Role) (*StepCosts, string) {
	if s.divider == nil {
		return fitSteps(role.only(w), s.Curve, s.Window, s.Idle)
	}
	key := fitKey{s.Curve, s.Window, s.Idle, role}
	fit, ok := s.divider.fits[key]
	if !ok {
		if err := w.remember(s.Requests); err != nil {
			return nil, fmt.Sprintf("read token arrivals: %v", err)
		}
		fit.costs, fit.why = fitSteps(role.only(w), s.Curve, s.Window, s.Idle)
		if fit.costs != nil {
			fit.costs.Role = role
		}
		s.divider.fits[key] = fit
	}
	return fit.costs, fit.why
}

// prefillWeight fits the weight of a prompt token over the phases of t; see fitPhases.
func (s Scene) prefillWeight(t *Timeline) (phaseFit, error) {
	if s.divider == nil {
		return fitPhases(s, t)
	}
	key := phaseKey{fitKey{s.Curve, s.Window, s.Idle, RoleBoth}, t}
	fit, ok := s.divider.phases[key]
	if !ok {
		var err error
		if fit, err = fitPhases(s, t); err != nil {
			return fit, err
		}
		s.divider.phases[key] = fit
	}
	return fit, nil
}

// Basis is the stretch of energy that weights divide.
type Basis int

const (
	// ByInstant divides the energy of every instant among the requests in
	// flight then: weights are rates.
	ByInstant Basis = iota
	// ByPeriod divides the energy of every busy period (from a moment at which
	// nothing is in flight to the next) among its requests.
	ByPeriod
	// ByRun divides the energy of all busy periods together.
	ByRun
	// Fixed takes the weights for energies in µJ and divides nothing: what
	// they leave is unattributed.
	Fixed
)

// Weights are a convention's decision.
type Weights struct {
	Basis Basis
	// Timeline places the phases, for ByInstant; nil: a request prefills from
	// its sending to its first token.
	Timeline *Timeline
	// Of returns the weights of request i in prefill and in decode, zero or
	// more. Under ByInstant each holds during its own phase, and a phase of
	// weight zero gets something only while all phases weigh zero. Else they
	// add, and a sum of zero gets nothing, unless all that share the stretch
	// weigh zero, which then weigh the same. So a request alone gets everything.
	Of func(i int) (prefill, decode float64)
	// Split says that the two weights mean the two phases.
	Split bool
	// SharesCache says that the weights go by Columns.ShareCache.
	SharesCache bool
	// LoRatio and HiRatio are the bracket of Fixed energies, relative to them.
	LoRatio, HiRatio float64
	// Fit returns the half width of the 95 % interval that the fit leaves request
	// i's share, relative to it; nil where nothing was fitted.
	Fit func(i int) float64
	// Costs are what a fit found of the engine's steps, nil for none.
	Costs *StepCosts
	// Flags go to all rows. Notes say what was fitted, Warnings what is doubtful
	// about it, Refused why the convention does not apply.
	Flags    []string
	Notes    []string
	Warnings []Warning
	Refused  string
}

// Params are the parameters of conventions.
type Params struct {
	// PromptWeight and OutputWeight are token's price of a prompt token and of
	// an output token; both zero means as the run's own energy has it.
	PromptWeight, OutputWeight float64
	// Server is what is known of the server's queue, nil for nothing. steady
	// needs its batch limit.
	Server *Server
	// ShapleyModel is shapley's fitted model.
	ShapleyModel *ShapleyModel
	// StepCells and StepPrior are where step's costs come from if a cell is too
	// short to tell: see Step.
	StepCells, StepPrior []*StepCosts
	// Roles are those of domains whose devices only prefill or only decode.
	Roles map[string]Role
}

// Defaults are the conventions that a run is divided by unless told otherwise;
// the first is the one to quote. One of the others that a run cannot support is left
// out without a warning: nobody asked for it.
const Defaults = "step,phase,token,residency,equal"

// names lists the conventions in the order of the documentation.
var names = []string{"step", "token", "phase", "equal", "residency", "steady", "shapley"}

// Parse returns the conventions of a comma-separated list. An unknown or
// repeated name and a missing parameter are errors.
func Parse(list string, p Params) ([]Convention, error) {
	var out []Convention
	seen := make(map[string]bool)
	for _, name := range strings.Split(list, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		if seen[name] {
			return nil, fmt.Errorf("convention %q is named twice", name)
		}
		seen[name] = true
		c, err := newConvention(name, p)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no convention named: choose from %s", strings.Join(names, ", "))
	}
	return out, nil
}

func newConvention(name string, p Params) (Convention, error) {
	switch name {
	case "step":
		return Steps{Cells: p.StepCells, Prior: p.StepPrior, Server: p.Server, Roles: p.Roles}, nil
	case "equal":
		return Equal{}, nil
	case "token":
		t := Token{Prompt: p.PromptWeight, Output: p.OutputWeight, Server: p.Server, Roles: p.Roles}
		if t.Prompt < 0 || t.Output < 0 {
			return nil, fmt.Errorf("convention token: weights %g:%g are negative", t.Prompt, t.Output)
		}
		return t, nil
	case "residency":
		return Residency{}, nil
	case "phase":
		return Phase{Server: p.Server, Roles: p.Roles}, nil
	case "steady":
		if p.Server == nil {
			return Steady{}, nil
		}
		return Steady{BatchLimit: p.Server.BatchLimit}, nil
	case "shapley":
		if p.ShapleyModel == nil {
			return nil, fmt.Errorf("convention shapley needs a Shapley model: make one with 'cfu shapley' and name it with --shapley-model FILE")
		}
		return Shapley{Model: p.ShapleyModel}, nil
	}
	return nil, fmt.Errorf("unknown convention %q: choose from %s", name, strings.Join(names, ", "))
}
