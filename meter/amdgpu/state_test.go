package amdgpu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cfubench/meter"
)

// The driver's files tell the slow state, and the compute driver who holds the
// GPU's memory; what no file tells is unknown and no zero.
func TestStateAndProcesses(t *testing.T) {
	root := t.TempDir()
	const hwmon = "hwmon/hwmon3/"
	card(t, root, "card1", map[string]string{
		"vendor": "0x1002\n", "uevent": "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:c3:00.0\n", "product_name": "AMD Instinct MI300X\n",
		hwmon + "power1_average": "95000000\n", hwmon + "power1_cap": "750000000\n", hwmon + "freq1_input": "2100000000\n",
		hwmon + "temp1_input": "47000\n", "gpu_busy_percent": "93\n", "mem_info_vram_used": "70000\n", "mem_info_vram_total": "90000\n",
	})
	kfd := filepath.Join(root, "class", "kfd", "kfd")
	for file, text := range map[string]string{
		"topology/nodes/0/properties": "cpu_cores_count 96\nsimd_count 0\nlocation_id 0\ndomain 0\n", "topology/nodes/0/gpu_id": "0\n",
		"topology/nodes/1/properties": "simd_count 1216\nlocation_id 49920\ndomain 0\n", "topology/nodes/1/gpu_id": "51763\n", // c3:00.0
		"topology/nodes/2/properties": "simd_count 1216\nlocation_id 50176\ndomain 0\n", "topology/nodes/2/gpu_id": "9\n",
		"proc/4711/vram_51763": "68719476736\n", "proc/4712/vram_51763": "4096\n", "proc/4713/vram_9": "68719476736\n",
	} {
		path := filepath.Join(kfd, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sources, left := Open(meter.NewClock(time.Now()), root)
	if len(sources) != 1 {
		t.Fatalf("no source: %+v", left)
	}
	defer sources[0].Close()
	if d := sources[0].Domains()[0]; d.Product != "AMD Instinct MI300X" {
		t.Errorf("got product %q", d.Product)
	}
	g, ok := meter.As[meter.Observable](sources[0])
	if !ok {
		t.Fatal("an AMD GPU cannot be looked at")
	}
	s := g.State()
	if *s.SMClock != 2100 || *s.Temperature != 47 || *s.Utilization != 93 || *s.MemoryUsed != 70000 || *s.MemoryTotal != 90000 || *s.Limit != 750*meter.Watt {
		t.Errorf("got %+v", s)
	}
	if s.MemoryClock != nil || s.MemoryUtilization != nil || s.Throttled != nil || !strings.Contains(strings.Join(s.Unknown, ", "), "memory clock") {
		t.Errorf("got %+v, want memory clock, memory utilization and throttling unknown", s)
	}
	listed, err := g.Processes()
	if err != nil || len(listed) != 1 || listed[0].PID != 4711 || listed[0].Memory != 64<<30 {
		t.Errorf("got processes %+v, %v; want 4711 alone: 4712 holds next to nothing, 4713 another GPU's", listed, err)
	}
}
