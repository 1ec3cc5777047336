package sweep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"cfubench/internal/outside"
	"cfubench/loadgen/engine"
	"cfubench/results/runfolder"
)

// unfit is a failure of the server under test: another configuration's may do.
type unfit struct{ error }

func (u unfit) Unwrap() error { return u.error }

// unfitAlone reports whether nothing but the server under test failed: none of the
// errors that err joins is of what all configurations share.
func unfitAlone(err error) bool {
	switch e := err.(type) {
	case unfit:
		return !broken(err)
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(e.Unwrap(), func(err error) bool { return !unfitAlone(err) })
	case interface{ Unwrap() error }:
		return unfitAlone(e.Unwrap())
	}
	return false
}

// broken reports whether a disk is full or fails, which no server is to blame for.
func broken(err error) bool {
	for _, e := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// blame is err as the server's, where it has ended by itself: the meters of its
// processes fail then, and so does all that asks it.
func (s *sweep) blame(ctx context.Context, err error, server *engine.Server) error {
	if err == nil || ctx.Err() != nil || broken(err) {
		return err
	}
	select {
	case <-server.Exited():
	case <-time.After(100 * time.Millisecond): // its end may be seen a little later than what it fails
		return err
	}
	if end := server.ExitError(); !strings.Contains(err.Error(), end.Error()) {
		err = fmt.Errorf("%w: %w", end, err)
	}
	return unfit{err}
}

// several reports whether the sweep has more than one configuration or batch size,
// so that one which fails is no reason to end.
func (s *sweep) several() bool { return s.servers() > 1 }

// settle takes how the cells of a launch came to their end: the failure of one
// configuration of several is recorded, and any other is the run's.
func (s *sweep) settle(l launch, err error) error {
	if err != nil && (!s.several() || !unfitAlone(err)) {
		if s.several() {
			err = fmt.Errorf("%s: %w", l, err)
		}
		return err
	}
	known := len(s.record.Failed)
	s.record.Failed = slices.DeleteFunc(s.record.Failed, func(f runfolder.Failed) bool { return f.Batch == l.batch && f.Label == l.configuration.Label })
	if err == nil {
		if len(s.record.Failed) == known {
			return nil
		}
		return s.save()
	}
	failed := runfolder.Failed{Batch: l.batch, Label: l.configuration.Label, Reason: s.config.Secrets.Text(oneLine(err))}
	s.record.Failed = append(s.record.Failed, failed)
	s.failedNow[l.point()] = true
	s.leaveOut(l)
	s.say("%s failed, and the run goes on without it: %s", l, failed.Reason)
	return s.save()
}

// oneLine is an error's text with its lines, of the server's log, one behind the other.
func oneLine(err error) string {
	var parts []string
	for line := range strings.Lines(err.Error()) {
		if line = outside.Clean(line); line != "" {
			parts = append(parts, line)
		}
	}
	return strings.ReplaceAll(strings.Join(parts, " | "), "its last lines: | ", "its last lines: ")
}

// leaveOut takes the cells of a launch that are not measured out of the count of those
// to come.
func (s *sweep) leaveOut(l launch) {
	for _, other := range s.plan {
		if other.point() != l.point() {
			continue
		}
		cells := other.cells
		if s.config.FindRate {
			if cells = s.foundCells(other); len(cells) == 0 {
				s.total -= other.count()
			}
		}
		for _, c := range cells {
			if !s.done[c.id] {
				s.total--
			}
		}
	}
	s.live.SetRun(s.total, s.origin)
}

// notMeasured is the error of a run that could not measure all of its
// configurations, each with its reason; nil where it could.
func (s *sweep) notMeasured() error {
	if failed := s.record.Failed; len(failed) > 0 {
		var b strings.Builder
		fmt.Fprintf(&b, "%d of %d configurations failed; the same command with --resume tries again", len(failed), s.servers())
		for _, f := range failed {
			fmt.Fprintf(&b, "\n%s: %s", runfolder.ServerName(f.Label, f.Batch), f.Reason)
		}
		return errors.New(b.String())
	}
	if len(s.record.RateSearches) == s.servers() && !slices.ContainsFunc(s.record.RateSearches, func(r runfolder.RateSearch) bool { return !r.Rejected() }) {
		return fmt.Errorf("no rate that was tried keeps %s with any of %d configurations", s.config.SLO, s.servers())
	}
	return nil
}

// servers is how many servers the sweep compares: one for each configuration and batch
// size.
func (s *sweep) servers() int {
	points := map[runfolder.Point]bool{}
	for _, l := range s.plan {
		points[l.point()] = true
	}
	return len(points)
}
