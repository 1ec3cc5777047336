package meter_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cfubench/meter"
)

func uuid(n int) string { return fmt.Sprintf("GPU-%08d-2222-3333-4444-555555555555", n) }

// board is the domains of the n-th GPU of a host: its counter and its memory.
func board(n int, change ...func(*meter.Domain)) []meter.Domain {
	dev := device(fmt.Sprintf("%s 0000:%02x:00.0", uuid(n), n+1))
	name := fmt.Sprintf("gpu%d", n)
	all := []func(*meter.Domain){source("nvml"), dev}
	return []meter.Domain{
		domain(name, meter.ScopeGPU, append(all, change...)...),
		domain(name+"-hbm", meter.ScopeHBM, append(append(all, parent(name)), change...)...),
	}
}

func boardsOf(n int) (all []meter.Domain) {
	for i := range n {
		all = append(all, board(i)...)
	}
	return append(all, domain("package-0", meter.ScopePackage))
}

// runs is what the process list of GPU n shows: the engine's processes, or else
// those of others.
func runs(n int, engine ...int) meter.Use {
	return meter.Use{Device: uuid(n), Engine: engine, Told: true}
}

func TestChoice(t *testing.T) {
	idle := func(from, to int) (all []meter.Use) {
		for n := from; n <= to; n++ {
			all = append(all, runs(n))
		}
		return all
	}
	remote := func(d *meter.Domain) { d.Name += "@b:9555"; d.Host = "b" }
	for _, tt := range []struct {
		does    string
		gpus    string
		domains []meter.Domain
		uses    []meter.Use
		summed  []string
		line    string
		warning string // part of the one warning, "" for none
	}{
		{"the engine computes on one of eight: only that one is summed, beside the processor", "", boardsOf(8), append(idle(0, 2), append(idle(4, 7), runs(3, 4711))...),
			[]string{"gpu3", "package-0"}, "summing 1 of 8 GPUs: gpu3 (engine pid 4711)", ""},
		{"a rank of a tensor-parallel engine that waits is on the list and stays in", "engine", boardsOf(4), append(idle(2, 3), runs(0, 11), runs(1, 12)),
			[]string{"gpu0", "gpu1", "package-0"}, "summing 2 of 4 GPUs: gpu0, gpu1 (engine pids 11, 12)", ""},
		{"one GPU and its engine: said as well", "", boardsOf(1), []meter.Use{runs(0, 7)},
			[]string{"gpu0", "package-0"}, "summing 1 of 1 GPU: gpu0 (engine pid 7)", ""},
		{"the engine's processes are on no GPU: all stay, with a warning", "", boardsOf(2), idle(0, 1),
			[]string{"gpu0", "gpu1", "package-0"}, "summing 2 of 2 GPUs: gpu0, gpu1 (all GPUs)", "no GPU shows a process of the engine: all 2 are in the sum"},
		{"nobody tells whose processes they are: all stay, and the one without any is named", "", boardsOf(2), []meter.Use{{Device: uuid(0), Others: []int{9}}, {Device: uuid(1)}},
			[]string{"gpu0", "gpu1", "package-0"}, "summing 2 of 2 GPUs: gpu0, gpu1 (all GPUs)", "of which gpu1 ran no process"},
		{"one GPU of which nothing is told: nothing to choose", "", boardsOf(1), nil,
			[]string{"gpu0", "package-0"}, "summing 1 of 1 GPU: gpu0 (all GPUs)", ""},
		{"all that there are, because the user says so", "all", boardsOf(2), []meter.Use{runs(0, 7), runs(1)},
			[]string{"gpu0", "gpu1", "package-0"}, "summing 2 of 2 GPUs: gpu0, gpu1 (all GPUs)", ""},
		{"by number", "1", boardsOf(3), nil, []string{"gpu1", "package-0"}, "summing 1 of 3 GPUs: gpu1 (--gpus 1)", ""},
		{"by name and by the beginning of a UUID", "gpu0, GPU-00000002", boardsOf(3), nil,
			[]string{"gpu0", "gpu2", "package-0"}, "summing 2 of 3 GPUs: gpu0, gpu2 (--gpus gpu0,GPU-00000002)", ""},
		{"by PCI address, as nvidia-smi writes it", "00000000:02:00.0", boardsOf(3), nil, []string{"gpu1", "package-0"}, "summing 1 of 3 GPUs: gpu1 (--gpus 00000000:02:00.0)", ""},
		{"by a MIG instance: its whole GPU", "MIG-aaaa1111-0000", []meter.Domain{
			domain("gpu0", meter.ScopeGPU, device(uuid(0)+" MIG-aaaa1111-0000")), domain("gpu1", meter.ScopeGPU, device(uuid(1)+" MIG-bbbb1111-0000"))},
			nil, []string{"gpu0"}, "summing 1 of 2 GPUs: gpu0 (--gpus MIG-aaaa1111-0000)", ""},
		{"the named GPU is not the engine's: said", "0", boardsOf(2), []meter.Use{runs(0), runs(1, 7)},
			[]string{"gpu0", "package-0"}, "summing 1 of 2 GPUs: gpu0 (--gpus 0)", "gpu0: no process of the engine"},
		{"hosts are told apart: the agent's GPUs by the agent's processes", "", append(boardsOf(2), append(board(2, remote), board(3, remote)...)...),
			[]meter.Use{runs(0), runs(1, 7), runs(2, 7), runs(3)}, []string{"gpu1", "package-0", "gpu2@b:9555"},
			"summing 2 of 4 GPUs: gpu1, gpu2@b:9555 (engine pid 7)", ""},
		{"two readers of one GPU are chosen together", "", append(boardsOf(2), domain("scrape-gpu0", meter.ScopeGPU, source("scrape"), device(uuid(0)+" at node:9400"), coarse)),
			[]meter.Use{runs(0), runs(1, 7)}, []string{"gpu1", "package-0"}, "summing 1 of 2 GPUs: gpu1 (engine pid 7)", ""},
		{"no GPU at all: nothing to say", "", []meter.Domain{domain("package-0", meter.ScopePackage)}, nil, []string{"package-0"}, "", ""},
	} {
		c, err := meter.ParseChoice(tt.gpus)
		if err != nil {
			t.Errorf("%s: %v", tt.does, err)
			continue
		}
		got, err := c.Of(tt.domains, tt.uses)
		if err != nil {
			t.Errorf("%s: %v", tt.does, err)
			continue
		}
		keep, left := meter.Antichain(tt.domains, got.Excluded...)
		if !slices.Equal(names(keep), tt.summed) {
			t.Errorf("%s: summed %v, want %v", tt.does, names(keep), tt.summed)
		}
		if len(keep)+len(left) != len(tt.domains) {
			t.Errorf("%s: %d summed and %d left out of %d", tt.does, len(keep), len(left), len(tt.domains))
		}
		if got.Line != tt.line {
			t.Errorf("%s: said %q, want %q", tt.does, got.Line, tt.line)
		}
		warned := strings.Join(got.Warnings, "\n")
		if tt.warning == "" && warned != "" || !strings.Contains(warned, tt.warning) {
			t.Errorf("%s: warned %q, want %q", tt.does, warned, tt.warning)
		}
	}
}

func TestChoiceOfWhatThereIsNot(t *testing.T) {
	for _, words := range []string{"7", "gpu9", "GPU-ffff0000", "GPU", "0000:77:00.0"} {
		c, err := meter.ParseChoice(words)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Of(boardsOf(2), nil); err == nil || !strings.Contains(err.Error(), "gpu0, gpu1") {
			t.Errorf("--gpus %s: got error %v, want one that names the GPUs", words, err)
		}
	}
	for _, words := range []string{",", "0,,1", "all,0", "engine,1"} {
		if _, err := meter.ParseChoice(words); err == nil {
			t.Errorf("--gpus %q is taken", words)
		}
	}
}

func TestDevices(t *testing.T) {
	gpu := device(uuid(0) + " 0000:01:00.0")
	for _, tt := range []struct {
		does    string
		domains []meter.Domain
		want    int
	}{
		{"eight GPUs with their memory", boardsOf(8), 8},
		{"a superchip's module, the GPU within and its memory", []meter.Domain{
			domain("module0", meter.ScopeModule, gpu), domain("gpu0", meter.ScopeGPU, gpu, parent("module0")), domain("gpu0-hbm", meter.ScopeHBM, gpu, parent("gpu0"))}, 1},
		{"two GPUs that were found to show one counter", []meter.Domain{
			domain("module0", meter.ScopeModule, device(uuid(0)+" "+uuid(1))), domain("module1", meter.ScopeModule, device(uuid(0)+" "+uuid(1)))}, 1},
		{"a GPU and an exporter's view of it", append(board(0), domain("scrape-gpu0", meter.ScopeGPU, source("scrape"), device(uuid(0)+" at http://x"))), 1},
		{"one PCI address on two hosts", []meter.Domain{
			domain("a", meter.ScopeGPU, device("0000:01:00.0")), domain("b", meter.ScopeGPU, device("0000:01:00.0"), on("b"))}, 2},
		{"processors are none", []meter.Domain{domain("package-0", meter.ScopePackage), domain("psys", meter.ScopePsys)}, 0},
	} {
		if got := meter.Devices(tt.domains); len(got) != tt.want {
			t.Errorf("%s: got %d devices %v, want %d", tt.does, len(got), got, tt.want)
		}
	}
}
