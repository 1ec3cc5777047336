package subcommand

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// UntilInterrupted is a context that the first interrupt ends; the second ends the
// process at once. A closed terminal counts as an interrupt, unless the program was
// started to outlive it (nohup). A script's shell has SIGINT ignored in what it starts in the
// background, and so it would be again after the first: then the program ends itself. It
// does not where a recorded command gets the signals (forwards).
func UntilInterrupted(forwards bool) (context.Context, context.CancelFunc) {
	ignored := signal.Ignored(os.Interrupt)
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	context.AfterFunc(ctx, func() {
		if ignored && !forwards {
			second := make(chan os.Signal, 1)
			signal.Notify(second, os.Interrupt)
			go func() {
				<-second
				os.Exit(128 + int(syscall.SIGINT))
			}()
		}
		stop()
	})
	return ctx, stop
}

// lastMoment is how long work may take to see that it is interrupted.
const lastMoment = time.Second

// Abandon does work that holds nothing but files that appear whole or not at all:
// an interrupt that it does not see within a moment leaves it where it stands.
func Abandon(ctx context.Context, work func() error) error { return abandon(ctx, nil, work) }

// abandon is Abandon of work that holds more once held is closed: then it is waited for.
func abandon(ctx context.Context, held <-chan struct{}, work func() error) error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	select {
	case err := <-done:
		return err
	case <-held:
		return <-done
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-held:
		return <-done
	case <-time.After(lastMoment):
		return fmt.Errorf("interrupted: %w", context.Cause(ctx))
	}
}
