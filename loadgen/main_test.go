package loadgen

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"

	"cfubench/loadgen/mock"
)

// holdArgument makes the test binary serve as a hold server.
const holdArgument = "hold-server"

// TestMain makes the test binary serve as the mock, as cfu does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == mock.Argument {
		if err := mock.Process(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 2 && os.Args[1] == holdArgument {
		n, err := strconv.Atoi(os.Args[2])
		if err == nil {
			err = hold(n, os.Stdin, os.Stdout)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}
