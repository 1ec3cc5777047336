package sweep

import (
	"fmt"
	"strings"
	"testing"
)

// A message lists the first of many names, and says how many more there are.
func TestFew(t *testing.T) {
	names := make([]string, 100_000)
	for i := range names {
		names[i] = fmt.Sprint("m", i)
	}
	if got := few(names[:3]); got != "m0, m1, m2" {
		t.Errorf("of three names it lists %q", got)
	}
	if got := few(names); !strings.HasPrefix(got, "m0, m1") || !strings.HasSuffix(got, "m19 and 99980 more") {
		t.Errorf("of %d names it lists %q", len(names), got)
	}
}
