package loadgen_test

import (
	"fmt"
	"strings"

	"cfubench/loadgen"
)

// A schedule is a function of n alone: what is sent late does not move what
// comes after it.
func ExampleParseArrival() {
	schedule, err := loadgen.ParseArrival("linear:4:2s", 1, 0, 1, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for n := range 7 {
		due, _ := schedule.Due(n)
		fmt.Printf("%d at %.2f s\n", n, due.Seconds())
	}
	// Output:
	// 0 at 0.00 s
	// 1 at 0.67 s
	// 2 at 1.10 s
	// 3 at 1.44 s
	// 4 at 1.74 s
	// 5 at 2.00 s
	// 6 at 2.25 s
}

// A request keeps an objective if it keeps all of its bounds; the time to the
// first token counts from when the request was due.
func ExampleSLO_Met() {
	slo, err := loadgen.ParseSLO("ttft=500ms,tpot=50ms")
	if err != nil {
		fmt.Println(err)
		return
	}
	late := loadgen.Record{Due: 0, Sent: 400e6, FirstToken: 600e6, LastToken: 1000e6, Done: 1000e6, OutputTokens: 11}
	tpot, _ := late.TPOT()
	fmt.Println(slo.Met(late), late.Lateness(), tpot)
	// Output: false 400ms 40ms
}

// Decide is MLPerf LoadGen's early stopping: how many requests it takes to
// show that 99 % of them keep the objective depends on how many do not.
func ExampleDecide() {
	var b strings.Builder
	for _, over := range []int{0, 1, 2} {
		n := loadgen.MinQueries(0.99, 0.99, over)
		fmt.Fprintf(&b, "%d over: %d of %d %s\n", over, n-over, n, loadgen.Decide(0.99, 0.99, n, over))
	}
	fmt.Print(b.String())
	// Output:
	// 0 over: 459 of 459 passes
	// 1 over: 661 of 662 passes
	// 2 over: 836 of 838 passes
}
