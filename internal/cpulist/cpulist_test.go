package cpulist

import (
	"slices"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		does, list string
		want       []int
		fails      bool
	}{
		{"one", "0", []int{0}, false},
		{"several and a range", "0,18-19", []int{0, 18, 19}, false},
		{"in any order, each once", "5,2-3,3", []int{2, 3, 5}, false},
		{"with the line's end and blanks", " 0, 2-3\n", []int{0, 2, 3}, false},
		{"a range of one", "7-7", []int{7}, false},
		{"nothing", "", nil, true},
		{"an empty part", "0,,2", nil, true},
		{"a range backwards", "5-2", nil, true},
		{"below zero", "-1", nil, true},
		{"words", "all", nil, true},
		{"an open range", "2-", nil, true},
		{"more than there can be", "0-99999999", nil, true},
	} {
		got, err := Parse(tt.list)
		if !slices.Equal(got, tt.want) || (err != nil) != tt.fails {
			t.Errorf("%s: got %v, %v; want %v, error %v", tt.does, got, err, tt.want, tt.fails)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("0,2-5")
	f.Fuzz(func(t *testing.T, list string) {
		got, err := Parse(list)
		if err == nil && (len(got) == 0 || !slices.IsSorted(got) || got[0] < 0 || got[len(got)-1] >= most) {
			t.Errorf("%q: got %v, want sorted numbers", list, got)
		}
	})
}
