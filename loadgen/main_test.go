package loadgen

import (
	"context"
	"fmt"
	"os"
	"testing"

	"cfubench/loadgen/mock"
)

// TestMain makes the test binary serve as the mock, as cfu does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == mock.Argument {
		if err := mock.Process(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}
