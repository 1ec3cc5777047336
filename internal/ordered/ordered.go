// Package ordered does jobs that do not depend on each other side by side, and
// gives their results in the order of the jobs.
package ordered

import (
	"context"
	"iter"
	"runtime"

	"golang.org/x/sync/semaphore"
)

// Budget bounds what the jobs under way weigh together; a heavier one has it all.
// Whoever weighs a job by the bytes of the tables that it reads does one cell with
// large tables at a time.
const Budget = 64 << 20

// ahead is how many results for each processor may wait for those before them.
const ahead = 4

// outcome is what a job came to.
type outcome[T any] struct {
	result T
	err    error
}

// Results does the jobs 0 to n-1, as many at a time as there are processors, and
// yields their results in order. weight says what a job weighs against Budget, nil
// where none weighs anything. Memory is that of the jobs under way and of a few
// results. After the first error, and once nobody wants more, no job is started, and
// the context of those under way ends; they have returned when the loop is left.
func Results[T any](ctx context.Context, n int, weight func(job int) int64, do func(ctx context.Context, job int) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		workers := runtime.GOMAXPROCS(0)
		waiting := make(chan chan outcome[T], workers*ahead) // in the order of the jobs
		go start(ctx, waiting, n, workers, weight, do)
		failed := false
		for one := range waiting {
			o := <-one
			if failed {
				continue
			}
			if failed = !yield(o.result, o.err) || o.err != nil; failed {
				cancel(context.Canceled)
			}
		}
		cancel(nil)
	}
}

// start starts the jobs in their order, each when there is a processor and a part of
// the budget for it. The end of ctx is the outcome of those that were not started.
func start[T any](ctx context.Context, waiting chan<- chan outcome[T], n, workers int, weight func(job int) int64, do func(context.Context, int) (T, error)) {
	defer close(waiting)
	processors, budget := semaphore.NewWeighted(int64(workers)), semaphore.NewWeighted(Budget)
	for job := range n {
		one, weighs := make(chan outcome[T], 1), int64(0)
		if weight != nil {
			weighs = min(max(weight(job), 0), Budget)
		}
		waiting <- one
		if processors.Acquire(ctx, 1) != nil || budget.Acquire(ctx, weighs) != nil || ctx.Err() != nil {
			one <- outcome[T]{err: context.Cause(ctx)}
			return
		}
		go func() {
			defer processors.Release(1)
			defer budget.Release(weighs)
			result, err := do(ctx, job)
			one <- outcome[T]{result, err}
		}()
	}
}
