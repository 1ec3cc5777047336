package logs

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// detectLoadGen knows MLPerf LoadGen's mlperf_log_detail.txt: lines of :::MLLOG
// and JSON.
func detectLoadGen(head []byte) bool { return bytes.HasPrefix(head, []byte(":::MLLOG ")) }

// readLoadGen reads the window of power_begin and power_end, which LoadGen
// writes for the power meter's log, and the counts of the whole run. The dates
// have no zone; they are of the same clock as spl.txt where the submitter kept
// them so.
func readLoadGen(f file, q *Requests, o Options, _ func(Request) error) error {
	q.Grade, q.Basis = GradeWindow, BasisWall
	if err := o.Clock.check(BasisWall); err != nil {
		return err
	}
	s := Stated{}
	dates := stamps{zone: o.Clock.zone}
	var rates struct{ samples, tokens float64 }
	err := eachLine(f, func(_ int, raw []byte, cut bool) error {
		raw, ok := bytes.CutPrefix(raw, []byte(":::MLLOG "))
		if !ok {
			return nil
		}
		var l struct {
			Key   string         `json:"key"`
			Value jsontext.Value `json:"value"`
		}
		if err := json.Unmarshal(raw, &l, lenient()); err != nil {
			if cut {
				q.Cut = true
				return nil
			}
			return err
		}
		number := func(to *float64) error {
			if err := json.Unmarshal(l.Value, to); err != nil {
				return fmt.Errorf("%s: %s is no number", l.Key, clip(string(l.Value)))
			}
			return nil
		}
		switch l.Key {
		case "power_begin", "power_end":
			var text string
			if err := json.Unmarshal(l.Value, &text); err != nil {
				return err
			}
			at, ok := dates.read([]byte(text))
			if !ok {
				return fmt.Errorf("%s: %q is no date like 07-17-2024 20:58:36.235", l.Key, clip(text))
			}
			if at = o.Clock.place(dates.basis, at); l.Key == "power_begin" {
				s.Window.Begin = at
			} else {
				s.Window.End = at
			}
		case "result_query_count":
			return number(&s.Requests)
		case "result_completed_samples_per_sec":
			return number(&rates.samples)
		case "result_completed_tokens_per_second", "result_tokens_per_second":
			return number(&rates.tokens)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case s.Window.Begin == 0 || s.Window.End == 0:
		return errors.New("it has no power_begin and power_end: the run was not made with a power meter, and nothing says when it was")
	case s.Window.End <= s.Window.Begin:
		return errors.New("power_end is not after power_begin")
	}
	s.Seconds = s.Window.Length().Seconds()
	// LoadGen states rates over its own duration, which is some seconds shorter
	// than the power's window. Energy per query is the mean power over the rate:
	// the counts are what the rates come to in the window.
	if rates.samples > 0 {
		s.Requests = rates.samples * s.Seconds
	}
	s.OutputTokens = rates.tokens * s.Seconds
	q.Span, q.Stated = s.Window, []Stated{s}
	if s.Window.Length() > 30*24*time.Hour {
		q.warn("the window is %v long", s.Window.Length())
	}
	return nil
}
