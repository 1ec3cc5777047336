package scrape

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cfubench/meter"
)

// exporter serves what text returns, by the number of the request from 0.
func exporter(t *testing.T, text func(n int) string) *httptest.Server {
	t.Helper()
	var requests atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := text(int(requests.Add(1)) - 1)
		if body == "" {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

const dcgmText = `# HELP DCGM_FI_DEV_POWER_USAGE Power draw (in W).
# TYPE DCGM_FI_DEV_POWER_USAGE gauge
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-0f0f0f0f-0000-0000-0000-000000000000",pci_bus_id="00000000:3B:00.0",device="nvidia0",modelName="NVIDIA H100"} 409.692000
DCGM_FI_DEV_POWER_USAGE{gpu="1",UUID="GPU-1f0f0f0f-0000-0000-0000-000000000000",pci_bus_id="00000000:5E:00.0",device="nvidia1",modelName="NVIDIA H100"} 98.1
# HELP DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION Total energy consumption since boot (in mJ).
# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-0f0f0f0f-0000-0000-0000-000000000000",pci_bus_id="00000000:3B:00.0",device="nvidia0",modelName="NVIDIA H100"} 319159391
`

const migText = `DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-0f0f0f0f-0000-0000-0000-000000000000",GPU_I_PROFILE="1g.10gb",GPU_I_ID="7"} 5000
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-0f0f0f0f-0000-0000-0000-000000000000",GPU_I_PROFILE="1g.10gb",GPU_I_ID="8"} 5000
`

const keplerText = `# TYPE kepler_node_cpu_joules_total counter
kepler_node_cpu_joules_total{node_name="n1",zone="package",path="/sys/class/powercap/intel-rapl:0"} 1234.5
kepler_node_cpu_joules_total{node_name="n1",zone="dram",path="/sys/class/powercap/intel-rapl:0:0"} 99
kepler_node_cpu_joules_total{node_name="n1",zone="dtpm",path=""} 1
# TYPE kepler_node_cpu_watts gauge
kepler_node_cpu_watts{zone="package"} 55
`

const raplText = `node_rapl_package_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0"} 7
node_rapl_package_joules_total{index="0",path="/sys/class/powercap/intel-rapl-mmio:0"} 7
node_rapl_package_joules_total{index="1",path="/sys/class/powercap/intel-rapl:1"} 8
node_rapl_dram_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0:0"} 2
`

const dieText = `node_rapl_package_0_die_0_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0"} 7
node_rapl_package_1_die_0_joules_total{index="0",path="/sys/class/powercap/intel-rapl:1"} 8
node_rapl_core_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0:0"} 2
`

const podText = `DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-0",pod="vllm-0",namespace="test"} 5000
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="1",UUID="GPU-1",exported_pod="vllm-0",exported_namespace="prod"} 6000
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="2",UUID="GPU-2"} 7000
`

// values waits until every domain has a reading and returns the first of each
// as text.
func values(t *testing.T, s meter.Source) string {
	t.Helper()
	domains := s.Domains()
	first := make([]string, len(domains))
	var readings []meter.Reading
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		readings = s.Read(readings[:0])
		for _, r := range readings {
			if first[r.Domain] != "" {
				continue
			}
			switch {
			case r.HasEnergy:
				first[r.Domain] = r.Energy.String()
			case r.HasPower:
				first[r.Domain] = r.Power.String()
			default:
				first[r.Domain] = string(r.Status)
			}
		}
		if !strings.Contains("\n"+strings.Join(first, "\n")+"\n", "\n\n") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after 30 s: readings %v", first)
		}
	}
	var b strings.Builder
	for i, d := range domains {
		if !d.Coarse {
			t.Errorf("%s is not marked coarse", d.Name)
		}
		fmt.Fprintf(&b, "%s %s %s every %v: %s\n", d.Name, d.Kind, d.Scope, d.UpdatePeriod, first[i])
	}
	return b.String()
}

func TestExporters(t *testing.T) {
	for _, row := range []struct {
		name, text, fragment, want string
	}{
		{"dcgm-exporter: the counter where there is one, else the gauge", dcgmText, "",
			"gpu0 counter gpu every 30s: 319159 J\ngpu1 power gpu every 30s: 98.1 W\n"},
		{"dcgm-exporter: MIG rows all carry the parent's counter", migText, "",
			"left out: gpu0: MIG instance 7 shows the whole GPU's counter: adding the instances would count it several times\n" +
				"left out: gpu0: MIG instance 8 shows the whole GPU's counter: adding the instances would count it several times\n" +
				"left out: : URL has no energy or power metric that is known\n"},
		{"kepler: zones by name", keplerText, "",
			"package counter package every 5s: 1234.5 J\ndram counter dram every 5s: 99 J\nleft out: dtpm: zone dtpm is not known\n"},
		{"node_exporter: sockets, without the second view of one", raplText, "",
			"package-0 counter package every 1s: 7 J\npackage-1 counter package every 1s: 8 J\ndram-0 counter dram every 1s: 2 J\nleft out: package-0: a second view of the same package\n"},
		{"node_exporter: the dies of two packages, and their cores within", dieText, "",
			"package-0-die-0 counter package every 1s: 7 J\npackage-1-die-0 counter package every 1s: 8 J\ncore-0 counter core every 1s: 2 J\n"},
		{"dcgm-exporter: a counter that stays 0 beside a live gauge", `DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-0"} 0
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-0"} 300
`, "", "gpu0 power gpu every 30s: 300 W\nleft out: gpu0: the counter DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION shows 0 beside a gauge of 300 W: the gauge is used\n"},
		{"dcgm-exporter: a counter without a value beside a live gauge", `DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-0"} NaN
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-0"} 300
`, "", "gpu0 power gpu every 30s: 300 W\nleft out: gpu0: the counter DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION shows no value beside a gauge of 300 W: the gauge is used\n"},
		{"dcgm-exporter: a GPU that two pods share is one", `DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-0",pod="a"} 5000
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-0",pod="b"} 5000
`, "", "gpu0 counter gpu every 30s: 5 J\n"},
		{"dcgm-exporter: the GPUs of the engine's pod", podText, "#pod=vllm-0&namespace=prod",
			"gpu1 counter gpu every 30s: 6 J\nleft out: gpu0: not what namespace=prod&pod=vllm-0 chooses\nleft out: gpu2: not what namespace=prod&pod=vllm-0 chooses\n"},
		{"dcgm-exporter: one GPU by its UUID", podText, "#uuid=GPU-2",
			"gpu2 counter gpu every 30s: 7 J\nleft out: gpu0: not what uuid=GPU-2 chooses\nleft out: gpu1: not what uuid=GPU-2 chooses\n"},
		{"one host scraped through a server that has many: each package of its own", `node_rapl_package_joules_total{index="0",instance="a:9100",path="/p:0"} 7
node_rapl_package_joules_total{index="0",instance="b:9100",path="/p:0"} 8
`, "", "package-0 counter package every 1s: 7 J\npackage-0-2 counter package every 1s: 8 J\n"},
		{"values that no energy has", "node_rapl_package_joules_total{index=\"0\"} +Inf\nnode_rapl_dram_joules_total{index=\"0\"} -5\n", "",
			"left out: dram-0: shows -5: no energy or power\nleft out: package-0: shows +Inf: no energy or power\nleft out: : URL has no energy or power metric that is known\n"},
		{"metrics of energy that are not known are named beside those that are", raplText + "node_rapl_vendor_joules_total 4\nnode_hwmon_power_average_watt 300\nkepler_pod_cpu_joules_total 1\nfoo_power_limit_watts 2\n", "",
			"package-0 counter package every 1s: 7 J\npackage-1 counter package every 1s: 8 J\ndram-0 counter dram every 1s: 2 J\n" +
				"left out: : metrics of energy or power that are not known: node_hwmon_power_average_watt, node_rapl_vendor_joules_total\nleft out: package-0: a second view of the same package\n"},
		{"trtllm-serve: one figure for all GPUs", `{"total_energy_j": 12345.6789, "query_time": 17.25}`, "",
			"gpus counter gpu every 1s: 12345.7 J\n"},
		{"any metric that the user names, its unit by its name", "ipmi_dcmi_power_consumption_watts 310\n",
			"#metric=ipmi_dcmi_power_consumption_watts&scope=node&period=10s", "node power node every 10s: 310 W\n"},
		{"any metric, its unit stated", "pdu_energy{outlet=\"3\"} 7200\n",
			"#metric=pdu_energy&scope=node&unit=millijoules", "node counter node every 5s: 7.2 J\n"},
		{"a metric that is not there", keplerText, "#metric=pdu_watts&scope=node",
			"left out: : URL has no energy or power metric that is known\n"},
		{"an exporter of other things", "http_requests_total 5\n", "",
			"left out: : URL has no energy or power metric that is known\n"},
		{"what is no number is no value", "kepler_node_cpu_joules_total{zone=\"package\"} NaN\n", "",
			"package counter package every 5s: transient\n"},
		{"what is no Prometheus text", "<html>\n", "", "left out: : read URL: parse Prometheus text: text format parsing error"},
		{"a scope that nobody knows", keplerText, "#metric=x_watts&scope=rack", `left out: : fragment of URL#metric=x_watts&scope=rack: scope "rack": want one of`},
		{"a metric without a unit", keplerText, "#metric=x&scope=node", "left out: : fragment of URL#metric=x&scope=node: metric x does not end in a unit"},
		{"an unknown key", keplerText, "#metrics=x", `left out: : fragment of URL#metrics=x: unknown key "metrics"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := exporter(t, func(int) string { return row.text })
			sources, left := Open(context.Background(), meter.NewClock(time.Now()), e.URL+"/metrics"+row.fragment)
			got := ""
			for _, s := range sources {
				got += values(t, s)
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			for _, l := range left {
				got += "left out: " + l.Domain + ": " + strings.ReplaceAll(l.Reason, e.URL+"/metrics", "URL") + "\n"
			}
			if !strings.HasPrefix(got, row.want) || strings.HasSuffix(row.want, "\n") && got != row.want {
				t.Errorf("got\n%swant\n%s", got, row.want)
			}
		})
	}
}

func TestIdentityLetsAnotherReaderOfTheGPUBeRecognised(t *testing.T) {
	e := exporter(t, func(int) string { return dcgmText })
	sources, _ := Open(context.Background(), meter.NewClock(time.Now()), e.URL)
	if len(sources) != 1 {
		t.Fatal("no source")
	}
	defer sources[0].Close()
	nvml := meter.Domain{Name: "gpu0", Source: "nvml", Kind: meter.KindCounter, Scope: meter.ScopeGPU, Device: "GPU-0f0f0f0f-0000-0000-0000-000000000000 0000:3b:00.0"}
	keep, left := meter.Antichain(append([]meter.Domain{nvml}, sources[0].Domains()...))
	if len(keep) != 2 || keep[0].Source != "nvml" || keep[1].Name != "gpu1" || len(left) != 1 {
		t.Errorf("got %+v, left out %+v; want NVML's gpu0 and the exporter's gpu1", keep, left)
	}
}

func TestAnswersThatFailAreMissingSamples(t *testing.T) {
	e := exporter(t, func(n int) string {
		switch n {
		case 1:
			return "" // 503
		case 2:
			return "other_metric 1\n"
		}
		return raplText
	})
	sources, _ := Open(context.Background(), meter.NewClock(time.Now()), e.URL)
	if len(sources) != 1 {
		t.Fatal("no source")
	}
	defer sources[0].Close()
	var got []meter.Reading
	for deadline := time.Now().Add(30 * time.Second); len(got) < 9; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after 30 s: %d readings", len(got))
		}
		got = sources[0].Read(got)
	}
	for i, r := range got[:9] {
		if good := i >= 6; r.HasEnergy != good || (r.Status == meter.StatusOK) != good {
			t.Errorf("reading %d: got %+v", i, r)
		}
	}
}

func TestPasswordsAreNotRepeated(t *testing.T) {
	for _, address := range []string{
		"http://user:secret@127.0.0.1:1/metrics", "ftp://user:secret@host/", "http://user:secret@127.0.0.1:1/metrics#x=y",
		"http://user:secret@[bad/metrics",
	} {
		sources, left := Open(context.Background(), meter.NewClock(time.Now()), address)
		if len(sources) != 0 || len(left) != 1 {
			t.Fatalf("%s: got %d sources and %+v", address, len(sources), left)
		}
		if strings.Contains(left[0].Reason+left[0].Remedy, "secret") {
			t.Errorf("%s: the password is in %+v", address, left[0])
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{dcgmText, migText, keplerText, raplText, `{"total_energy_j": 1}`, `{`, ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		families, err := parse(b)
		if err != nil {
			return
		}
		found, _ := find(families, known(), selection{}, "host")
		for _, s := range found {
			r := s.reading(0, families)
			if r.Energy < 0 || r.Power < 0 {
				t.Errorf("got %+v", r)
			}
		}
	})
}

// What an exporter of another host reads is that host's.
func TestExportersHost(t *testing.T) {
	families, err := parse([]byte(raplText))
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{"127.0.0.1:9100": "", "localhost:9100": "", "[::1]:9100": "", "gpu-host:9100": "gpu-host", "192.0.2.7": "192.0.2.7"} {
		found, _ := find(families, known(), selection{}, host)
		if len(found) == 0 || found[0].domain.Host != want {
			t.Errorf("an exporter at %s: got %d series, the first of host %q, want host %q", host, len(found), found[0].domain.Host, want)
		}
	}
}

// A GPU that gets a pod's labels in mid-run, or loses them, is the same GPU.
func TestRelabelledSeriesGoesOn(t *testing.T) {
	e := exporter(t, func(n int) string {
		return []string{
			"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu=\"0\",UUID=\"GPU-0\",pci_bus_id=\"00000000:3B:00.0\"} 1000\n",
			"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu=\"0\",UUID=\"GPU-0\",pci_bus_id=\"00000000:3B:00.0\",pod=\"vllm-0\",namespace=\"x\",container=\"c\"} 2000\n",
			"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu=\"0\",UUID=\"GPU-0\",Hostname=\"n1\",modelName=\"H100\"} 3000\n",
		}[min(n, 2)]
	})
	sources, _ := Open(context.Background(), meter.NewClock(time.Now()), e.URL)
	if len(sources) != 1 {
		t.Fatal("no source")
	}
	defer sources[0].Close()
	var got []meter.Reading
	for deadline := time.Now().Add(30 * time.Second); len(got) < 2 && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		got = sources[0].Read(got)
	}
	for i, r := range got {
		if want := meter.Energy(i+2) * meter.Joule; !r.HasEnergy || r.Energy != want {
			t.Errorf("reading %d: got %+v, want %v", i, r, want)
		}
	}
}

// The password of an exporter is for its own origin: it is kept on the way from
// /metrics to /metrics/, and nobody else is asked.
func TestRedirectKeepsThePasswordAtHome(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/metrics/", func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "u" || password != "pass-w0rd" {
			http.Error(w, "who?", http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, raplText)
	})
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/metrics", http.StatusFound)
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	address := strings.Replace(s.URL, "//", "//u:pass-w0rd@", 1)
	sources, left := Open(t.Context(), meter.NewClock(time.Now()), address+"/metrics")
	if len(sources) != 1 {
		t.Fatalf("refused: %v", left)
	}
	defer sources[0].Close()
	_, left = Open(t.Context(), meter.NewClock(time.Now()), address+"/away")
	if len(left) != 1 || !strings.Contains(left[0].Reason, "redirects to "+other.URL) || strings.Contains(left[0].Reason, "pass-w0rd") || elsewhere.Load() != 0 {
		t.Errorf("left out: %v, and the other server was asked %d times; want a refusal that names it", left, elsewhere.Load())
	}
}
