package simulated

import (
	"cmp"
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"cfubench/loadgen"
	"cfubench/meter"
	"cfubench/results/runfolder"
)

// requests simulates one cell: requests become due when a worker is free or
// when the schedule says, wait for one of batch slots, and are served at a speed
// that depends on how many slots are taken when they begin.
func (s Spec) requests(rng *rand.Rand, cell runfolder.Cell) []loadgen.Record {
	slots := make(times, max(1, cell.Batch))
	workers := make(times, cell.Concurrency)
	for i := range slots {
		slots[i] = idleTime
	}
	for i := range workers {
		workers[i] = idleTime
	}
	records := make([]loadgen.Record, s.Requests)
	due := idleTime
	noise := 0.0
	server := s.Server
	// Every cell replays one trace: lengths have a stream of their own.
	lengths := rand.New(rand.NewPCG(s.Seed, 0))
	for i := range records {
		if cell.Concurrency > 0 {
			due = workers[0]
		} else {
			due += time.Duration(rng.ExpFloat64() / cell.Rate * float64(time.Second))
		}
		sent := due + time.Duration(rng.Float64()*float64(50*time.Microsecond))
		start := max(sent, slots[0])
		active := 1
		for _, free := range slots {
			if free > start {
				active++
			}
		}
		active = min(active, len(slots))
		noise = server.Correlation*noise + math.Sqrt(1-server.Correlation*server.Correlation)*rng.NormFloat64()
		speed := math.Exp(server.Noise*noise) * (1 + server.Contention*float64(active-1))
		prompt, output := exponential(lengths, 4, server.Prompt), exponential(lengths, 4, server.Output)
		r := s.serve(i, prompt, output, due, sent, start, speed)
		records[i] = r
		slots[0] = r.Done
		heap.Fix(&slots, 0)
		if cell.Concurrency > 0 {
			workers[0] = r.Done
			heap.Fix(&workers, 0)
		}
	}
	return records
}

// serve is one request that begins at start.
func (s Spec) serve(i, prompt, output int, due, sent, start time.Duration, speed float64) loadgen.Record {
	at := start + time.Duration(float64(prompt)*speed*float64(s.Server.PrefillTime))
	r := loadgen.Record{
		Request: i, Conversation: fmt.Sprintf("c%d", i), Due: due, Sent: sent, FirstToken: at,
		PromptTokens: prompt, OutputTokens: output, CachedTokens: 0, ReasoningTokens: loadgen.Unknown, PrefixOf: loadgen.Unknown, TargetOutputTokens: output, Kind: loadgen.APIChat,
		FinishReason: "length", Status: 200, ConnectionReused: true, ServerPrefill: loadgen.Never, ServerDecode: loadgen.Never,
	}
	chunk := max(1, s.Server.Chunk)
	for left := output; left > 0; left -= chunk {
		n := min(chunk, left)
		if len(r.TokenAt) > 0 {
			at += time.Duration(float64(n) * speed * float64(s.Server.TokenTime))
		}
		r.TokenAt = append(r.TokenAt, at)
		r.TokenCount = append(r.TokenCount, int32(n))
	}
	r.LastToken, r.Done = at, at+200*time.Microsecond
	return r
}

// readings polls the energy counters of the server's parts from time zero to end.
// The server draws its idle power, First while any request is being served and
// Further for each more of them.
func (s Spec) readings(rng *rand.Rand, records []loadgen.Record, end time.Duration) []meter.Reading {
	parts := s.parts()
	type change struct {
		at time.Duration
		by int
	}
	var changes []change
	for _, r := range records {
		begin := r.FirstToken - time.Duration(float64(r.PromptTokens)*float64(s.Server.PrefillTime))
		changes = append(changes, change{begin, 1}, change{r.LastToken, -1})
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(a.at, b.at) })
	power := func(active int) float64 {
		p := s.Server.Idle.Watts()
		if active > 0 {
			p += s.Server.First.Watts() + float64(active-1)*s.Server.Further.Watts()
		}
		return p
	}
	var readings []meter.Reading
	var joules float64
	var now time.Duration
	active, next := 0, 0
	advance := func(to time.Duration) {
		for next < len(changes) && changes[next].at <= to {
			joules += power(active) * (changes[next].at - now).Seconds()
			now = changes[next].at
			active += changes[next].by
			next++
		}
		joules += power(active) * (to - now).Seconds()
		now = to
	}
	for at := time.Duration(0); at <= end; at += Poll {
		advance(at)
		read := time.Duration(20+rng.IntN(20)) * time.Microsecond
		for i, p := range parts {
			raw := meter.Energy(joules*p.Share*float64(meter.Joule)) / p.Quantum * p.Quantum
			readings = append(readings, meter.Reading{Domain: i, Before: at, After: at + read, Energy: raw, HasEnergy: true, Status: meter.StatusOK})
		}
	}
	return readings
}

// times is a heap of moments, the earliest first.
type times []time.Duration

func (t times) Len() int           { return len(t) }
func (t times) Less(i, j int) bool { return t[i] < t[j] }
func (t times) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *times) Push(v any)        { *t = append(*t, v.(time.Duration)) }
func (t *times) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}
