package logs

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"cfubench/meter"
)

// inUTF16 is text as PowerShell's > writes it.
func inUTF16(text string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

// halves parts a file at a line in its middle.
func halves(text string) (header, first, second string) {
	lines := strings.SplitAfter(text, "\n")
	return lines[0], strings.Join(lines[:41], ""), strings.Join(lines[41:], "")
}

// rangeQuery is a recording as Prometheus answers a query of a range.
func rangeQuery(metric string) string {
	var series []string
	for gpu := range 2 {
		var values []string
		for i := range synthSamples {
			values = append(values, fmt.Sprintf(`[%.1f,"%.2f"]`, float64(synthAt(i).UnixMilli())/1e3, synthWatts(gpu, i)))
		}
		series = append(series, fmt.Sprintf(`{"metric":{%s"gpu":"%d"},"values":[%s]}`, metric, gpu, strings.Join(values, ",")))
	}
	return `{"status":"success","data":{"resultType":"matrix","result":[` + strings.Join(series, ",") + `]}}`
}

// Power logs in the shapes in which they are found give what the plain ones do.
func TestOddPowerLogs(t *testing.T) {
	smi := powerFiles()["nvidia-smi"]
	header, before, after := halves(smi)
	commas := strings.NewReplacer(".00 W", ",00 W", ".01 W", ",01 W")
	wide := func(more string, row func(i int) string) string {
		var b strings.Builder
		b.WriteString("timestamp,gpu0_power_w,gpu1_power_w" + more + "\n")
		for i := range synthSamples {
			fmt.Fprintf(&b, "%.1f,%.2f,%.2f%s\n", float64(synthAt(i).UnixMilli())/1e3, synthWatts(0, i), synthWatts(1, i), row(i))
		}
		return b.String()
	}
	none := func(int) string { return "" }
	utc, both := Options{Clock: clock(t, "local:UTC")}, []float64{570, 380}
	for _, tt := range []struct {
		why, text string
		o         Options
		joules    []float64 // of each device in the busy window
		warning   string
	}{
		{"PowerShell writes UTF-16", inUTF16(smi), utc, both, ""},
		{"semicolons and decimal commas", commas.Replace(strings.ReplaceAll(smi, ", ", "; ")), utc, both, ""},
		{"Unix times with decimal commas, and nothing but such numbers in a row", strings.NewReplacer(",", ";", ".", ",").Replace(perSample("epoch_s,gpu,power_w", 2, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("%.3f,%d.0,%.2f", float64(at.UnixMilli())/1e3, gpu, w)
		})), Options{}, both, ""},
		{"tabs", strings.ReplaceAll(smi, ", ", "\t"), utc, both, ""},
		{"a block that a crash left unwritten", before + strings.Repeat("\x00", 4096) + "\n" + after, utc, both, ""},
		{"started again: the header once more", before + header + after, utc, both, ""},
		{"started again with other columns", before + "timestamp, uuid, power.draw [W]\n" + strings.NewReplacer(", 0, GPU", ", GPU", ", 1, GPU", ", GPU", ", NVIDIA A100-SXM4-80GB", "", ", 50 %", "").Replace(after), utc, both, ""},
		{"killed in mid-line and started again", before[:len(before)-40] + header + after, utc, both, "is one that was cut and the next one"},
		{"killed and started again without a header", before[:len(before)-40] + after, utc, both, "is one that was cut and the next one"},
		{"a message of the driver", before + "Unable to determine the device handle for GPU 0000:3B:00.0: Unknown Error\n" + after, utc, both, "is no row and was passed over"},
		{"comments before the header", "# logger 1.2\n# host a\n" + smi, utc, both, ""},
		{"a gauge that the card does not have beside one that it has", strings.NewReplacer("power.draw [W]", "power.draw [W], power.draw.average [W]", "A100-SXM4-80GB, ", "A100-SXM4-80GB, [N/A], ").Replace(smi), utc, both, ""},
		{"dmon --format csv", "#Date, Time, gpu, pwr\n#YYYYMMDD, HH:MM:SS, Idx, W\n" + perSample("", 2, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("%s, %d, %.0f", at.Format("20060102, 15:04:05"), gpu, w)
		}), utc, nil, ""},
		{"Python's logging writes milliseconds behind a comma", strings.ReplaceAll(perSample("time,gpu,power_w", 2, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf(`"%s",%d,%.2f`, at.Format("2006-01-02 15:04:05,000"), gpu, w)
		}), "", ""), utc, both, ""},
		{"a column a GPU, told by their names", wide("", none), Options{}, both, ""},
		{"a column of totals that nobody maps", wide(",total_power_w", none), Options{}, both, ""},
		{"a column of the machine beside the GPUs'", wide(",wall_power_w", func(i int) string { return fmt.Sprint(",", 800+i%2) }), Options{}, []float64{570, 380, 1520.9}, ""},
		{"power and energy of one device: the gauge", "epoch_s,gpu,power_w,energy_j\n" + strings.TrimPrefix(perSample("", 1, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("%.1f,0,%.2f,0", float64(at.UnixMilli())/1e3, w)
		}), "\n"), Options{}, both[:1], ""},
		{"amd-smi's other name of the power", perSample("timestamp,gpu,average_socket_power,current_socket_power", 2, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("%d,%d,N/A,%.0f", at.Unix(), gpu, w)
		}), Options{}, nil, ""},
		{"amd-smi's JSON, values with their units", "[" + strings.ReplaceAll(strings.TrimSpace(perSample("", 2, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf(`[{"gpu":%d,"timestamp":%.3f,"power":{"socket_power":{"value":%.2f,"unit":"W"}}}]`, gpu, float64(at.UnixMilli())/1e3, w)
		})), "\n", ",") + "]", Options{}, both, ""},
		{"a range of Prometheus", rangeQuery(`"__name__":"DCGM_FI_DEV_POWER_USAGE",`), Options{}, both, ""},
		{"Python's NaN in JSON", strings.Replace(powerFiles()["json"], `"power_draw": 100.01`, `"power_draw": NaN`, 1), Options{Columns: mapped(t, "time=timestamp", "gpu=gpu_index", "power=power_draw:W")}, both[:1], ""},
	} {
		p, s := readSeries(t, scratch(t, tt.text), "", tt.o)
		if tt.joules != nil && len(p.Devices) != len(tt.joules) || len(p.Devices) == 0 {
			t.Errorf("%s: got %d devices, want %d", tt.why, len(p.Devices), len(tt.joules))
			continue
		}
		for i, want := range tt.joules {
			near(t, tt.why+", joules of "+p.Devices[i].Name, joules(s[p.Devices[i].Name], Window{noon.UnixNano() + 1e9, noon.UnixNano() + 29e8}), want, 0.05)
		}
		if all := strings.Join(p.Warnings, "\n"); !strings.Contains(all, tt.warning) || tt.warning == "" && all != "" {
			t.Errorf("%s: got warnings %q, want %q", tt.why, all, tt.warning)
		}
	}
}

// What cannot be read is named for what it is.
func TestOddPowerRefusals(t *testing.T) {
	west, utc := Options{Clock: clock(t, "local:America/Los_Angeles")}, Options{Clock: clock(t, "local:UTC")}
	row := func(date string) string { return "timestamp, uuid, power.draw [W]\n" + date + ", GPU-1, 5.00 W\n" }
	for _, tt := range []struct {
		why, text string
		o         Options
		want      string
	}{
		{"a decimal comma parts a value", "timestamp,uuid,power.draw [W]\n2026/03/01 12:00:00.000,GPU-1,99,50 W\n", utc, "the row has 4 fields and the first line 3"},
		{"a comma may part thousands", "epoch_s,power_mw\n1772366400,\"99,950\"\n", utc, `"99,950" is not a number of mW`},
		{"two columns in W, of which one is a limit", "2026/03/01 12:00:00.000, GPU-1, 400.00 W, 99.00 W\n", utc, "2 columns without a name are in W, the 3. and 4.: say which"},
		{"rows out of their order", "epoch_s,power_w\n1772366401,5\n1772366400,5\n", utc, "sort the file by its times"},
		{"an hour that comes twice", row("2026/11/01 01:30:00.000"), west, "was twice in America/Los_Angeles, where clocks went back: say which with --clock local:-07:00 or local:-08:00"},
		{"an hour that is left out", row("2026/03/08 02:30:00.000"), west, "was not on any clock in America/Los_Angeles"},
		{"a name that says ms and times in s", "epoch_ms,power_w\n1772366400.5,5\n", utc, "is no Unix time in ms, as the column says, but one in s"},
		{"pmon", "# gpu         pid   type     sm    mem    command\n    0       1234     C     99     50    python\n", utc, "pmon has no power"},
		{"nvidia-smi's report", "==============NVSMI LOG==============\n\nTimestamp : Sun Mar  1 12:00:00 2026\n", utc, "log with nvidia-smi --query-gpu=timestamp,uuid,power.draw"},
		{"an error of the driver", "Failed to initialize NVML: Driver/library version mismatch\n", utc, "no readings"},
		{"powermetrics", "*** Sampled system activity (Sun Mar  1 12:00:00 2026 +0000) (1003.22ms elapsed) ***\n", utc, "powermetrics' text is not read"},
		{"Prometheus at one moment", `{"status":"success","data":{"resultType":"vector","result":[]}}`, utc, "query a range"},
		{"an error of Prometheus", `{"status":"error","errorType":"bad_data","error":"too many points"}`, utc, "an error of Prometheus"},
		{"a function of Prometheus", rangeQuery(""), utc, "query the metric itself"},
	} {
		_, err := ReadPower(scratch(t, tt.text), "", tt.o, func(Sample) error { return nil })
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want a refusal in one line with %q", tt.why, err, tt.want)
		}
	}
}

// Devices that are none, units that are others, and readings that are few.
func TestDevicesThatAreNone(t *testing.T) {
	var wide strings.Builder
	wide.WriteString("t,a,b,c\n")
	for i := range synthSamples {
		fmt.Fprintf(&wide, "%.1f,%.2f,%.2f,%.2f\n", float64(synthAt(i).UnixMilli())/1e3, synthWatts(0, i), synthWatts(1, i), synthWatts(0, i)+synthWatts(1, i))
	}
	scaled := func(factor float64) string {
		return perSample("epoch_s,power_w", 1, func(at time.Time, _ int, w float64) string {
			return fmt.Sprintf("%.1f,%.4f", float64(at.UnixMilli())/1e3, w*factor)
		})
	}
	load := Window{noon.UnixNano() + 1e9, noon.UnixNano() + 3e9}
	for _, tt := range []struct {
		why, text     string
		columns       []string
		n             Needs
		refusal, word string
	}{
		{"a column that is the sum of the others", wide.String(), []string{"time=t", "power=a:W,b:W,c:W"}, Needs{Window: load}, "c is the sum of the others, not another GPU", ""},
		{"those that are GPUs", wide.String(), []string{"time=t", "power=a:W,b:W,c:W"}, Needs{Window: load, GPUs: []string{"a", " b", "a"}}, "", ""},
		{"a row of totals", strings.ReplaceAll(powerFiles()["csv with units in its names"], ",1,", ",total,"), nil, Needs{Window: load}, "total is by its name the sum of the others", ""},
		{"mW under a name of W", scaled(1000), nil, Needs{Window: load}, "which no GPU does", ""},
		{"the sum of eight GPUs", scaled(8), nil, Needs{Window: load}, "", "more than one GPU does"},
		{"W under a name of mW", scaled(0.001), nil, Needs{Window: load}, "", "check the unit"},
		{"a gap over most of the load", cutOut(scaled(1), 12, 28), nil, Needs{Window: load}, "", "none for up to"},
		{"two readings in the load", cutOut(scaled(1), 12, 31), nil, Needs{Window: load}, "", "has 2 readings in the load"},
	} {
		x := NewInspector(tt.n.Window)
		p, err := ReadPower(scratch(t, tt.text), "", Options{Columns: mapped(t, tt.columns...)}, func(s Sample) error { x.Take(s); return nil })
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		var refusals []string
		for _, err := range tt.n.Refuse(p, x.Result(p)) {
			refusals = append(refusals, err.Error())
		}
		doubts := strings.Join(tt.n.Doubts(p, x.Result(p)), "\n")
		if got := strings.Join(refusals, "\n"); tt.refusal == "" && got != "" || !strings.Contains(got, tt.refusal) {
			t.Errorf("%s: got refusals %q, want %q", tt.why, got, tt.refusal)
		}
		if tt.word == "" && doubts != "" || !strings.Contains(doubts, tt.word) {
			t.Errorf("%s: got doubts %q, want %q", tt.why, doubts, tt.word)
		}
	}
}

// cutOut leaves out the samples from one to another.
func cutOut(text string, from, to int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[:from+1], "") + strings.Join(lines[to+1:], "")
}

// Whether devices of two logs are one GPU.
func TestSameGPU(t *testing.T) {
	for _, tt := range []struct {
		why         string
		a, b        Device
		same, known bool
	}{
		{"one UUID", Device{ID: "GPU-0a"}, Device{ID: "gpu-0A"}, true, true},
		{"two UUIDs", Device{ID: "GPU-0a"}, Device{ID: "GPU-0b"}, false, true},
		{"a gauge and a counter of one", Device{ID: "GPU-0a"}, Device{ID: "GPU-0a counter", Part: "GPU-0a"}, true, true},
		{"two numbers", Device{ID: "0"}, Device{ID: "1"}, false, true},
		{"one number, of one host or of two", Device{ID: "0"}, Device{ID: "0"}, false, false},
		{"one number of two hosts that are named", Device{ID: "0", Host: "a"}, Device{ID: "0", Host: "b"}, false, true},
		{"a number and a UUID", Device{ID: "0"}, Device{ID: "GPU-0a"}, false, false},
		{"a log without an identity", Device{ID: "0", Unnamed: true}, Device{ID: "1"}, false, false},
	} {
		if same, known := tt.a.Same(tt.b); same != tt.same || known != tt.known {
			t.Errorf("%s: got same %v, known %v; want %v, %v", tt.why, same, known, tt.same, tt.known)
		}
	}
}

// Request logs in the shapes in which they are found.
func TestOddRequestLogs(t *testing.T) {
	files := requestFiles()
	unix, fork := files["vllm with Unix timestamps"], files["vllm without times"]
	boot := Options{Clock: clock(t, fmt.Sprintf("perf_counter:%d", noon.Unix()+1-1000))}
	for _, tt := range []struct {
		why, text string
		o         Options
		rows      int
		warning   string
	}{
		{"Infinity, as SGLang writes the rate of all at once", strings.Replace(files["sglang"], `"random_input_len"`, `"request_rate": Infinity, "random_input_len"`, 1), Options{}, 4, "no start times"},
		{"NaN among the figures", strings.Replace(files["vllm with start times"], `"duration"`, `"mean_tpot_ms": NaN, "worst": -Infinity, "duration"`, 1), boot, 4, ""},
		{"a byte order mark", "\ufeff" + unix, Options{}, 4, ""},
		{"semicolons and decimal commas", strings.NewReplacer(",", ";", ".", ",").Replace("start_s,end_s,prompt_tokens,output_tokens\n1772366401.5,1772366402.25,100,5\n"), Options{}, 1, ""},
		{"vLLM's multi-turn rows", "start_time_ms,ttft_ms,latency_ms,input_num_tokens,output_num_tokens\n1772366401500,100,500,100,5\n", Options{}, 1, ""},
		{"requests between a power log's objects and others", `{"samples":[{"timestamp":1772366401.0,"power_w":100},{"timestamp":1772366401.5,"power_w":200}],
			"requests":[{"start_s":1772366401.5,"end_s":1772366402.25,"prompt_tokens":100,"output_tokens":5}],"spans":[{"from":1,"to":2}]}`, Options{}, 1, ""},
		{"a last line of JSON that is cut", files["json lines"][:len(files["json lines"])-9], Options{}, 3, "the last line is cut"},
		{"a fork that states its window", strings.Replace(fork, `"duration"`, `"benchmark_start_time_unix": 1772366401, "duration"`, 1), Options{}, 4, ""},
	} {
		q, rows := readRows(t, scratch(t, tt.text), "", tt.o)
		if len(rows) != tt.rows {
			t.Errorf("%s: got %d rows, want %d", tt.why, len(rows), tt.rows)
		}
		for _, r := range rows {
			if r.PromptTokens != 100 || r.OutputTokens != 5 {
				t.Errorf("%s: got %d and %d tokens, want 100 and 5", tt.why, r.PromptTokens, r.OutputTokens)
			}
		}
		if all := strings.Join(q.Warnings, "\n"); !strings.Contains(all, tt.warning) || tt.warning == "" && all != "" {
			t.Errorf("%s: got warnings %q, want %q", tt.why, all, tt.warning)
		}
	}
	_, rows := readRows(t, scratch(t, strings.Replace(fork, `"duration"`, `"benchmark_start_time_unix": 1772366401, "duration"`, 1)), "", Options{})
	if r := rows[0]; r.CellBegin != 1772366401e9 || r.CellEnd != 1772366403e9 {
		t.Errorf("a fork's window: got %d to %d, want two seconds from its start", r.CellBegin, r.CellEnd)
	}
	for _, tt := range []struct{ why, text, want string }{
		{"UTF-16", inUTF16(unix), "iconv -f UTF-16 -t UTF-8"},
		{"times to first tokens in ms", strings.Replace(unix, `"ttfts": [0.1`, `"ttfts": [100`, 1), "are not in seconds"},
		{"a first token after the end", "start_s,end_s,ttft_s\n1772366401,1772366402,100\n", "in two units"},
		{"two experiments of genai-perf", strings.Replace(files["genai-perf"], `"experiments":[`, `"experiments":[{"requests":[{"timestamp":1772366400000000000,"response_timestamps":[1772366401000000000]}]},`, 1), "pick one with --run N"},
		{"AIPerf's summary", `{"aiperf_version":"0.3","request_throughput":{"avg":1}}`, "profile_export.jsonl"},
		{"genai-perf's summary", "Metric,avg,min\nRequest Latency (ms),1,2\n", "profile_export.json"},
		{"GuideLLM's YAML", "metadata:\n  version: 1\n", "give its JSON"},
	} {
		_, err := ReadRequests(scratch(t, tt.text), "", Options{}, func(Request) error { return nil })
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want a refusal in one line with %q", tt.why, err, tt.want)
		}
	}
}

// Words that JSON does not have keep their place, wherever a read ends.
func TestPlainJSONKeepsPlaces(t *testing.T) {
	text := `{"a": NaN, "b": [-Infinity, Infinity, -1.5], "NaN \" Infinity": "-Infinity"}` + strings.Repeat(" NaN", 40_000)
	var got strings.Builder
	buffer := make([]byte, 7)
	r := newPlainJSON(strings.NewReader(text))
	for {
		n, err := r.Read(buffer)
		got.Write(buffer[:n])
		if err != nil {
			break
		}
	}
	want := `{"a": "" , "b": [null     , null    , -1.5], "NaN \" Infinity": "-Infinity"}` + strings.Repeat(` "" `, 40_000)
	if got.String() != want {
		t.Errorf("got %d bytes that begin %.90q, want %d that begin %.90q", got.Len(), got.String(), len(want), want)
	}
}

// The register that meter/gauge knows follows from the file's name of a gauge.
func TestRegisters(t *testing.T) {
	for _, tt := range []struct{ gauge, want string }{
		{"power.draw [W]", "usage"}, {"power.draw.instant [W]", "instant"}, {"power.draw.average [W]", "average"}, {"pwr", "usage"},
		{"DCGM_FI_DEV_POWER_USAGE", "usage"}, {"DCGM_FI_DEV_POWER_USAGE_INSTANT", "instant"}, {"device_average", "average"}, {"device_instant", "instant"},
		{"power_w", ""},
	} {
		if got := (Device{Kind: meter.KindPower, Scope: meter.ScopeGPU, Gauge: tt.gauge}).Register(); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.gauge, got, tt.want)
		}
	}
}
