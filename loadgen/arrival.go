package loadgen

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ParseArrival makes the schedule that kind names, rate in requests per second:
//
//	poisson                 exponential gaps
//	gamma                   gamma gaps of shape burstiness (1 is Poisson)
//	constant                every 1/rate
//	linear:TO:OVER          constant gaps while the rate goes from rate to TO over OVER, then stays
//	exponential:TO:OVER     the same by a constant factor
//	trace[:SCALE][:loop]    the times at, each multiplied by SCALE, over and over with loop
//
// An infinite rate sends everything at once, whatever the kind but trace. The
// seed matters to poisson and gamma, burstiness to gamma, at to trace.
func ParseArrival(kind string, rate float64, seed int64, burstiness float64, at []time.Duration) (Schedule, error) {
	fields := strings.Split(kind, ":")
	name, args := fields[0], fields[1:]
	if name == "trace" {
		return parseReplay(args, at)
	}
	if math.IsNaN(rate) || rate <= 0 {
		return nil, fmt.Errorf("arrival %s: rate %v: want more than 0 requests/s", kind, rate)
	}
	if name == "linear" || name == "exponential" {
		return parseRamp(kind, name, rate, args)
	}
	if len(args) > 0 {
		return nil, fmt.Errorf("arrival %q: %s takes no argument", kind, name)
	}
	switch name {
	case "poisson", "gamma", "constant":
	default:
		return nil, fmt.Errorf("arrival %q: want poisson, gamma, constant, linear:TO:OVER, exponential:TO:OVER or trace[:SCALE][:loop]", kind)
	}
	if name == "gamma" && !(burstiness > 0 && burstiness <= 1e6) {
		return nil, fmt.Errorf("arrival gamma: burstiness %v: want more than 0 and at most 1e6", burstiness)
	}
	switch {
	case math.IsInf(rate, 1):
		return immediate{}, nil
	case name == "poisson":
		return poisson(rate, seed), nil
	case name == "gamma":
		return gamma(rate, seed, burstiness), nil
	}
	return constant{rate}, nil
}

func parseRamp(kind, name string, rate float64, args []string) (Schedule, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("arrival %q: want %s:TO:OVER, for instance %s:8:60s", kind, name, name)
	}
	to, err := strconv.ParseFloat(args[0], 64)
	if err != nil || !(to > 0) || math.IsInf(to, 0) || math.IsInf(rate, 0) {
		return nil, fmt.Errorf("arrival %q: want finite rates above 0 requests/s", kind)
	}
	over, err := time.ParseDuration(args[1])
	if err != nil || over <= 0 {
		return nil, fmt.Errorf("arrival %q: want a duration such as 60s after the rate", kind)
	}
	return ramp{from: rate, to: to, over: over.Seconds(), exponential: name == "exponential"}, nil
}

func parseReplay(args []string, at []time.Duration) (Schedule, error) {
	r := replay{at: at, scale: 1}
	if len(args) > 0 && args[len(args)-1] == "loop" {
		r.loop = true
		args = args[:len(args)-1]
	}
	switch len(args) {
	case 0:
	case 1:
		scale, err := strconv.ParseFloat(args[0], 64)
		if err != nil || !(scale > 0) || math.IsInf(scale, 0) {
			return nil, fmt.Errorf("arrival trace: scale %q: want a number above 0", args[0])
		}
		r.scale = scale
	default:
		return nil, errors.New("arrival trace: want trace[:SCALE][:loop]")
	}
	if len(at) == 0 || slices.Min(at) < 0 {
		return nil, errors.New("arrival trace: the dataset has no arrival times; give a timed one or another arrival")
	}
	if !slices.IsSorted(at) {
		return nil, errors.New("arrival trace: the dataset's arrival times are not in order")
	}
	last := at[len(at)-1]
	r.period = last + last/time.Duration(max(1, len(at)-1))
	if r.loop && r.period == 0 {
		return nil, errors.New("arrival trace: all arrivals are at the same time, so there is nothing to loop")
	}
	return r, nil
}
