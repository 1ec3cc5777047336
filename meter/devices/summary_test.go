package devices

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMerge(t *testing.T) {
	a := Summary{
		Device: "GPU-1", Looks: 4, SMMin: 300, SMMax: 1900, TemperatureMax: 60, LimitMin: 700, LimitMax: 700,
		Throttled: map[string]int{"sw_power_cap": 2}, Samples: 10, SampleSpacing: 100 * time.Millisecond, SampleMean: 300,
		ForeignProcesses: []int{7}, Unknown: []string{"fan"},
	}
	b := Summary{
		Device: "GPU-1", Looks: 2, SMMin: 200, SMMax: 1500, TemperatureMax: 70, LimitMin: 500, LimitMax: 700, UncorrectedECC: 1,
		Throttled: map[string]int{"sw_power_cap": 1, "hw_slowdown": 1}, Samples: 30, SampleSpacing: 20 * time.Millisecond, SampleMean: 100,
		ForeignProcesses: []int{7, 8}, Unknown: []string{"fan", "mig"},
	}
	want := Summary{
		Device: "GPU-1", Looks: 6, SMMin: 200, SMMax: 1900, TemperatureMax: 70, LimitMin: 500, LimitMax: 700, UncorrectedECC: 1,
		Throttled: map[string]int{"sw_power_cap": 3, "hw_slowdown": 1}, Samples: 40, SampleSpacing: 100 * time.Millisecond, SampleMean: 150,
		ForeignProcesses: []int{7, 8}, Unknown: []string{"fan", "mig"},
	}
	for _, row := range []struct {
		name      string
		a, b, out Summary
	}{
		{"two times of one GPU", a, b, want},
		{"nothing was seen at first", Summary{}, b, b},
		{"nothing was seen later", a, Summary{}, a},
	} {
		if diff := cmp.Diff(row.out, row.a.Merge(row.b)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
	}
	if a.Throttled["sw_power_cap"] != 2 {
		t.Error("merging has changed what was merged")
	}
}
