package record

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"cfubench/meter/session"
)

// phases is the part's time line: idle, the command, idle.
func (r *recorder) phases(ctx context.Context, metered *session.Session) (err error) {
	if err := metered.Await(ctx); err != nil {
		return err
	}
	cell := r.cell
	if r.command != nil && r.Idle > 0 {
		if cell.IdleBefore, err = metered.Idle(ctx, r.Idle); err != nil {
			return err
		}
	}
	cell.Window.Start = r.clock()
	r.endGap()
	if err := r.save(); err != nil { // so that a killed record has its begin
		return err
	}
	cell.Window.Start = r.clock()
	switch {
	case r.command != nil:
		if err := r.command.release(); err != nil {
			if r.passed.Load() {
				return errors.New("a signal ended the command before it began")
			}
			return fmt.Errorf("let the command go: %w", err)
		}
		<-r.command.exited
		err = r.command.failed
	default:
		err = r.await(ctx)
	}
	cell.Window.End = r.clock()
	if err != nil {
		return err
	}
	if e := metered.Await(context.WithoutCancel(ctx)); e != nil {
		return e
	}
	if r.Idle > 0 && r.part.Of != "host" && !r.forced.Load() {
		length := r.Idle
		if r.passed.Load() { // somebody waits for the end
			length = min(length, idleAfterSignal)
		}
		idle, err := metered.Idle(ctx, length)
		if err != nil { // an interrupt: the record is whole without it
			return nil
		}
		cell.IdleAfter = idle
		return metered.Await(ctx)
	}
	return nil
}

// endGap warns of the time before the part's window of which nothing is known. What is
// there already went on while the meters were calibrated; a command waited.
func (r *recorder) endGap() {
	if r.part.Gap <= 0 {
		return
	}
	if r.command == nil {
		r.part.Gap += r.cell.Window.Start
	}
	r.warn("%s: nothing is known of the %v before it: that time and its energy are in no figure", r.cell.ID, r.part.Gap.Round(time.Second))
}

// await waits for the end of the process or the time; a signal ends it too.
func (r *recorder) await(ctx context.Context) error {
	ctx, stop := r.Until.limit(ctx)
	defer stop()
	if r.PID > 0 {
		_ = r.process.await(ctx) // whichever ends it
		return nil
	}
	<-ctx.Done()
	return nil
}

// forward passes signals to the command while it runs; they end all else. It
// returns when ctx ends.
func (r *recorder) forward(ctx context.Context, caught <-chan os.Signal, failed <-chan struct{}, say func()) {
	for {
		select {
		case s := <-caught:
			select {
			case <-r.exited():
				if s == os.Interrupt || s == syscall.SIGTERM {
					r.cut(errNothing) // of the idle time after it
				}
			default:
				if r.command != nil {
					r.passed.Store(r.passed.Load() || s != syscall.SIGUSR1 && s != syscall.SIGUSR2)
					r.command.pass(s)
				} else if s != syscall.SIGUSR1 && s != syscall.SIGUSR2 {
					r.forced.Store(true)
					r.cut(errNothing)
				}
			}
		case <-failed:
			failed = nil
			say()
		case <-ctx.Done():
			return
		}
	}
}

// exited is closed when the command has ended, never without one.
func (r *recorder) exited() <-chan struct{} {
	if r.command == nil {
		return nil
	}
	return r.command.exited
}

// end takes the command's end.
func (r *recorder) end(result *Result) error {
	e, err := r.command.reap()
	if err != nil {
		return err
	}
	result.Exit = e.code
	r.part.Exit, r.part.Signal, r.part.User, r.part.System = &e.code, e.signal, e.user, e.system
	return nil
}
