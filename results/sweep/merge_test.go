package sweep

import (
	"slices"
	"testing"

	"cfubench/meter"
	"cfubench/results/runfolder"
)

// TestJoinedWarnings: nothing that one shard warned of is lost, and what all did
// is said once.
func TestJoinedWarnings(t *testing.T) {
	shards := []shard{
		{index: 1, run: runfolder.Run{Warnings: []string{"lowered", "starved"}, Host: runfolder.Host{CPU: "one", Cores: 8, Memory: 1}}},
		{index: 2, run: runfolder.Run{Warnings: []string{"lowered", "late", "late"}, Host: runfolder.Host{CPU: "one", Cores: 8, Memory: 2}}},
		{index: 3, run: runfolder.Run{Warnings: []string{"lowered"}, Host: runfolder.Host{OS: "linux", Kernel: "6", CPU: "other", Cores: 4}}},
	}
	want := []string{"lowered", "shard 1: starved", "shard 2: late", "shard 3 ran on another kind of host than shard 1: other, 4 cores, linux 6"}
	if got := joinedWarnings(shards); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestUnion joins windows of shards.
func TestUnion(t *testing.T) {
	got := union(meter.Window{Start: 3, End: 7}, meter.Window{Start: 2, End: 5})
	if want := (meter.Window{Start: 2, End: 7}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
