package engine

import (
	"slices"
	"testing"
)

func TestParseCPUs(t *testing.T) {
	for _, tt := range []struct {
		name, list string
		want       cpuList
		ok         bool
	}{
		{"none given", "", nil, true},
		{"one", "3", cpuList{3}, true},
		{"ranges and cores", "0-2,8", cpuList{0, 1, 2, 8}, true},
		{"a range backwards", "3-1", nil, false},
		{"more than the kernel has", "0-4096", nil, false},
		{"an open range", "3-", nil, false},
		{"a gap", "1,,2", nil, false},
		{"a negative core", "-1", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseCPUs(tt.list)
			if (err == nil) != tt.ok || !slices.Equal(got, tt.want) {
				t.Errorf("parseCPUs(%q) = %v, %v, want %v, %v", tt.list, got, err, tt.want, tt.ok)
			}
		})
	}
}
