package attribution

import (
	"math"
	"slices"
	"time"

	"cfubench/meter"
)

// stepper finds the engine's steps in the stamps of its requests' tokens, and
// writes down who took part in each.
//
// A request in decode takes part in every step, once, so its tokens count the
// steps; and the tokens of one step arrive together, but for what delivery adds.
// Going through the tokens in order of time, each belongs to the step nearest in
// time that comes after the request's previous one, or, if none is near, to a
// new step. Near is within reach: less than the time between tokens, so that a
// request which stood still for a step (others' prefill) is not counted in it. Of
// tokens that were held back only the last has a time: the others belong to the
// steps that others' tokens show before it, or, where none is in decode that would
// show them, to steps at even times.
//
// A step ends with its first token's arrival, and begins when the one before
// ended or, if nothing was in flight then, with the next sending. A prompt is
// computed in the step that ends with its first token, and, as far as that step
// was too short for it, in those before (chunked prefill): a prompt token adds
// the time to a step that prompts add on average.
type stepper struct {
	merge
	out   *work // nil: the steps' times are kept instead
	pilot pilot
	reach float64 // ns
	again bool    // all but the requests' own work is known

	ring            [stepRing]step
	oldest, settled int64         // first steps that are not flushed, whose tokens are not complete
	latest          int64         // -1 for none
	inFlight, shown int           // requests, and those of them whose next token shows a step
	woken           time.Duration // when something came into flight after nothing was, -1: not since the latest step
	tokens, limit   int
	timings         []timing  // of flushed steps, without out
	took            []float64 // scratch of place
}

// stepRing is how many steps are held: a prompt reaches back over no more.
const stepRing = 256

type step struct {
	first      time.Duration // arrival of its first token
	mean       float64       // arrival of its tokens, ns since first
	woken      time.Duration
	start, end time.Duration
	spare      float64 // ns beyond a decode step that no prompt has taken yet
	// decoded and context are the work of all members.
	decoded, context float64
	members          []member
	firsts           []firstToken // in the order of members
	prompts          []promptPart
}

// member is a request that had a token of the step.
type member struct {
	row        uint32
	first, cut bool
	decoded    float32
}

// firstToken is what places a request's prompt.
type firstToken struct {
	row         uint32
	cut         bool
	sent, begin time.Duration
	at          time.Duration
}

// promptPart is what a step computed of a request's prompt.
type promptPart struct {
	row    uint32
	tokens float32
}

// reachShare is of the time between tokens.
const reachShare = 0.65

func newStepper(c Columns, out *work, p pilot) *stepper {
	s := &stepper{out: out, pilot: p, reach: reachShare * float64(p.period), latest: -1, woken: -1}
	s.merge = merge{columns: c, cadence: p.cadence, handle: s.event, stop: func() bool { return s.tokens >= s.limit }}
	return s
}

// run works through the first so many tokens.
func (s *stepper) run(limit int) error {
	s.limit = limit
	if err := s.merge.run(); err != nil {
		return err
	}
	for s.settled <= s.latest {
		s.settle()
	}
	for s.oldest <= s.latest {
		s.flush()
	}
	return nil
}

func (s *stepper) at(k int64) *step { return &s.ring[k%stepRing] }

// event takes a sending, a token or an end.
func (s *stepper) event(at time.Duration, r *runner) {
	switch {
	case r.next < 0:
		if s.inFlight == 0 {
			s.woken = at
		}
		s.inFlight++
		return
	case r.next == len(r.at):
		s.inFlight--
		return
	}
	s.tokens++
	if r.shown {
		s.shown--
	}
	if r.shown = r.next+1 < len(r.at) && !r.isSupposed(r.next+1); r.shown {
		s.shown++
	}
	n := r.count[r.next]
	if r.isSupposed(r.next) && s.shown > 0 {
		r.owed = append(r.owed, n)
		return
	}
	k := s.nearest(at, r.last+1)
	if k < 0 {
		k = s.begin(at)
	}
	// What is owed is of the steps before, the latest last.
	j := max(k-int64(len(r.owed)), r.last+1, s.oldest)
	for j < k && s.at(j).first < r.sent {
		j++
	}
	for i, owed := range r.owed {
		if i < len(r.owed)-int(k-j) { // more than there are steps
			n += owed
			continue
		}
		s.join(j, r, s.at(j).first+time.Duration(s.at(j).mean), owed)
		j++
	}
	r.owed = r.owed[:0]
	x := s.join(k, r, at, n)
	x.mean += (float64(at-x.first) - x.mean) / float64(len(x.members))
}

// join has r take part in step k, with n tokens.
func (s *stepper) join(k int64, r *runner, at time.Duration, n float32) *step {
	x := s.at(k)
	m := member{row: r.row, first: r.last < 0, cut: r.cut, decoded: n}
	if m.first {
		m.decoded = max(n-1, 0) // the prompt's last token makes the answer's first
		f := firstToken{row: r.row, cut: r.cut, sent: r.sent, begin: r.begin, at: at}
		if x.firsts = append(x.firsts, f); k < s.settled {
			s.placeFirst(k, f)
		}
	}
	if !m.cut {
		x.decoded += float64(m.decoded)
		x.context += (r.context + r.made) / 1000 * float64(m.decoded)
	}
	r.made += float64(n)
	x.members = append(x.members, m)
	r.last = k
	return x
}

// nearest returns the step whose tokens arrived nearest to at, from step from
// on, -1 if none is within reach.
func (s *stepper) nearest(at time.Duration, from int64) int64 {
	best, least := int64(-1), s.reach
	for k := s.latest; k >= max(from, s.settled); k-- {
		x := s.at(k)
		if d := math.Abs(float64(at-x.first) - x.mean); d <= least {
			best, least = k, d
		}
	}
	return best
}

// begin opens a new step.
func (s *stepper) begin(at time.Duration) int64 {
	for s.settled <= s.latest && float64(at-s.at(s.settled).first)-s.at(s.settled).mean > 2*s.reach {
		s.settle()
	}
	if s.latest-s.oldest+1 == stepRing {
		if s.settled == s.oldest {
			s.settle()
		}
		s.flush()
	}
	s.latest++
	x := s.at(s.latest)
	*x = step{first: at, woken: s.woken, members: x.members[:0], firsts: x.firsts[:0], prompts: x.prompts[:0]}
	s.woken = -1
	return s.latest
}

// settle says when the next step was, whose tokens are complete, and where its
// requests' prompts were computed.
func (s *stepper) settle() {
	x := s.at(s.settled)
	x.end = x.first
	switch {
	case s.settled > s.oldest:
		x.start = max(s.at(s.settled-1).end, x.woken)
	case x.woken >= 0:
		x.start = x.woken
	default:
		x.start = x.end - s.pilot.period
	}
	x.start = min(x.start, x.end)
	x.spare = 0
	if t := s.pilot.timing; t.prompt > 0 {
		if spare := float64(x.end-x.start) - t.took - t.members*float64(len(x.members)); spare > 2*s.pilot.noise {
			x.spare = spare
		}
	}
	for _, f := range x.firsts {
		s.placeFirst(s.settled, f)
	}
	s.settled++
}

// placeFirst puts the prompt of m, whose first token came with step k, where it was
// computed.
func (s *stepper) placeFirst(k int64, m firstToken) {
	if m.begin < 0 {
		s.place(k, m)
	} else {
		s.placeIn(k, m)
	}
}

// place puts it where the time for it was.
func (s *stepper) place(k int64, m firstToken) {
	prompt := s.columns.computed(int(m.row))
	need := prompt * s.pilot.timing.prompt
	found := 0.0
	took := s.took[:0] // of step k, of the one before, …
	back := k
	for ; back >= s.oldest && need > 0 && s.at(back).end > m.sent; back-- {
		take := min(need-found, s.at(back).spare)
		took = append(took, take)
		if found += take; need-found <= 0.05*need+2*s.pilot.noise {
			back--
			break
		}
	}
	s.took = took
	switch {
	case found > 0 && !(m.cut && found < 0.05*need):
		whole := found
		if m.cut {
			whole = need // what there was no time for was not computed
		}
		for j := back + 1; j <= k; j++ {
			if took[k-j] > 0 {
				s.at(j).spare -= took[k-j]
				s.at(j).prompts = append(s.at(j).prompts, promptPart{m.row, float32(prompt * took[k-j] / whole)})
			}
		}
	case !m.cut:
		s.at(k).prompts = append(s.at(k).prompts, promptPart{m.row, float32(prompt)})
	}
}

// placeIn puts it where the server's own time says that it was.
func (s *stepper) placeIn(k int64, m firstToken) {
	prompt := s.columns.computed(int(m.row))
	if m.at <= m.begin {
		s.at(k).prompts = append(s.at(k).prompts, promptPart{m.row, float32(prompt)})
		return
	}
	within := meter.Window{Start: m.begin, End: m.at}
	back, whole := k, 0.0
	for ; back >= s.oldest && s.at(back).end > m.begin; back-- {
		whole += overlap(s.at(back).start, s.at(back).end, within)
	}
	if whole <= 0 {
		s.at(k).prompts = append(s.at(k).prompts, promptPart{m.row, float32(prompt)})
		return
	}
	for j := back + 1; j <= k; j++ {
		if part := overlap(s.at(j).start, s.at(j).end, within) / whole; part > 0.02 {
			s.at(j).prompts = append(s.at(j).prompts, promptPart{m.row, float32(prompt * part)})
		}
	}
}

// flush writes down the oldest step.
func (s *stepper) flush() {
	x := s.at(s.oldest)
	s.oldest++
	if s.out == nil {
		t := timing{took: float64(x.end - x.start), members: float64(len(x.members))}
		for _, p := range x.prompts {
			t.prompt += float64(p.tokens)
		}
		s.timings = append(s.timings, t)
		return
	}
	inside := 1.0
	if w := s.out.window; x.end > x.start {
		inside = overlap(x.start, x.end, w) / float64(x.end-x.start)
	} else if x.end < w.Start || x.end > w.End {
		inside = 0
	}
	if inside == 0 {
		return
	}
	inside *= s.out.weighed.over(x.start, x.end)
	var done [terms]float64
	takes := func(row uint32) bool { // a part of a prompt beside no token of the same step
		return !slices.ContainsFunc(x.members, func(m member) bool { return m.row == row && !m.cut })
	}
	n := len(x.members)
	for _, f := range x.firsts {
		if f.cut {
			n--
		}
	}
	for _, p := range x.prompts {
		if takes(p.row) {
			n++
		}
	}
	if n == 0 {
		return
	}
	each := float32(inside / float64(n))
	for _, m := range x.members {
		r := &s.out.byRequest[m.row]
		switch {
		case m.cut:
			continue
		case m.first:
			r.prefillSteps += each
		default:
			r.decodeSteps += each
		}
		r.decoded += m.decoded * float32(inside)
	}
	done[termDecode], done[termContext] = x.decoded, x.context
	for _, p := range x.prompts {
		r := &s.out.byRequest[p.row]
		if takes(p.row) {
			r.prefillSteps += each
		}
		r.prompt += p.tokens * float32(inside)
		done[termPrompt] += float64(p.tokens)
	}
	done[termStep] = 1
	if s.again {
		return
	}
	s.out.steps++
	if x.end > x.start {
		s.out.spread(x.start, x.end, done)
	} else {
		s.out.spread(x.end-1, x.end, done)
	}
}
