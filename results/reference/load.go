package reference

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"cfubench/internal/process"
	"cfubench/internal/secret"
)

// load is a command that runs while a plateau of load is measured.
type load struct {
	line    string // for sh -c
	name    string // of the plateau
	secrets *secret.Redactor
}

// loads are those of the rounds: the user's command, or shell loops on all and
// on half of the CPUs in turn. Loops in processes of their own leave this one's
// sampler alone.
func loads(command string, rounds int, secrets *secret.Redactor) (all []load, what string) {
	cpus := runtime.NumCPU()
	what = secrets.Command(command)
	if command == "" {
		what = fmt.Sprintf("shell loops on %d CPUs and on half of them", cpus)
	}
	for i := range rounds {
		l := load{line: command, name: "load", secrets: secrets}
		if command == "" {
			n := cpus
			if i%2 == 1 {
				n = max(cpus/2, 1)
			}
			l.line = strings.Repeat("while :; do :; done & ", n) + "wait"
			l.name = fmt.Sprintf("%d CPUs", n)
		}
		all = append(all, l)
	}
	return all, what
}

// grace is how long a load may take to end: its power must be gone before the
// next plateau.
const grace = 5 * time.Second

// during runs the load while do does its work. A load that ends by itself
// meanwhile is an error: the plateau was none.
func (l load) during(ctx context.Context, do func(context.Context) error) (err error) {
	log := process.NewLog(nil, l.secrets)
	g, err := process.Start(process.Spec{Args: []string{"sh", "-c", l.line}, Output: log, Grace: grace})
	if err != nil {
		return fmt.Errorf("start the load: %w", err)
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*grace)
		defer cancel()
		err = errors.Join(err, g.Stop(stopping))
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begun := time.Now()
	go func() {
		select {
		case <-g.Exited():
			cancel(errEnded)
		case <-ctx.Done():
		}
	}()
	if err := do(ctx); err != nil {
		if errors.Is(err, errEnded) {
			return fmt.Errorf("the load %s ended after %v, before its plateau did: give a command that goes on until it is stopped, or a shorter --plateau; its last words:\n%s",
				l.secrets.Command(l.line), time.Since(begun).Round(100*time.Millisecond), log.Last())
		}
		return err
	}
	return nil
}

var errEnded = errors.New("the load ended")
