package logs

import (
	"fmt"
	"strings"
	"time"
)

// The generator: small files of every format, made from one recording that
// everybody can compute. Two GPUs are idle at 100 W for a second, at 300 W (and
// 200 W) for two, and idle again for one; a sample every 100 ms from noon UTC
// on 1 March 2026. Four requests are served one after another, half a second
// each, from the first second on.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	synthSamples = 41
	synthStep    = 100 * time.Millisecond
)

// synthWatts is the power of a GPU at sample i.
func synthWatts(gpu, i int) float64 {
	if i >= 10 && i < 30 {
		return 300 - 100*float64(gpu)
	}
	return 100 + float64(i%2)/100 // a gauge that is alive
}

func synthAt(i int) time.Time { return noon.Add(time.Duration(i) * synthStep) }

// perSample joins a line for each sample of each GPU.
func perSample(header string, gpus int, line func(at time.Time, gpu int, watts float64) string) string {
	var b strings.Builder
	if header != "" {
		b.WriteString(header + "\n")
	}
	for i := range synthSamples {
		for gpu := range gpus {
			// Queries of one tick follow each other.
			at := synthAt(i).Add(time.Duration(gpu) * 7 * time.Millisecond)
			b.WriteString(line(at, gpu, synthWatts(gpu, i)) + "\n")
		}
	}
	return b.String()
}

func smiTime(at time.Time) string { return at.Format("2006/01/02 15:04:05.000") }

// powerFiles are the power logs by format, or by the fault that they have.
func powerFiles() map[string]string {
	uuid := func(gpu int) string { return fmt.Sprintf("GPU-0000000%d", gpu) }
	return map[string]string{
		"nvidia-smi": perSample("timestamp, index, uuid, name, power.draw [W], utilization.gpu [%]", 2, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("%s, %d, %s, NVIDIA A100-SXM4-80GB, %.2f W, 50 %%", smiTime(at), gpu, uuid(gpu), w)
		}),
		"nvidia-smi nounits": perSample("timestamp, index, power.draw [W]", 2, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("%s, %d, %.2f", smiTime(at), gpu, w)
		}),
		"nvidia-smi noheader": perSample("", 2, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("%s, %s, %.2f W", smiTime(at), uuid(gpu), w)
		}),
		"nvidia-smi noheader nounits": perSample("", 2, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("%s, %d, %.2f", smiTime(at), gpu, w)
		}),
		"nvidia-smi one GPU without an index": perSample("timestamp, power.draw [W]", 1, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("%s, %.2f W", smiTime(at), w)
		}),
		"nvidia-smi several GPUs without an index": perSample("timestamp, power.draw [W]", 2, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("%s, %.2f W", smiTime(at), w)
		}),
		"nvidia-smi an incomplete tick without an index": strings.Replace(perSample("timestamp, power.draw [W]", 2, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("%s, %.2f W", smiTime(at), w)
		}), smiTime(synthAt(5))+", 100.01 W\n", "", 1),
		"nvidia-smi failed queries": perSample("timestamp, index, power.draw [W]", 2, func(at time.Time, gpu int, w float64) string {
			value := fmt.Sprintf("%.2f W", w)
			switch at.Sub(noon) {
			case 500 * time.Millisecond:
				value = "[N/A]"
			case 600 * time.Millisecond:
				value = "[Unknown Error]"
			}
			return fmt.Sprintf("%s, %d, %s", smiTime(at), gpu, value)
		}),
		"hl-smi": perSample("timestamp, index, name, power.draw [W]", 2, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("%s, %d, HL-225, %.0f W", at.Format("Mon Jan _2 15:04:05 2006"), gpu, w)
		}),
		"dmon": "#Date       Time        gpu   pwr  gtemp\n" + perSample("#YYYYMMDD   HH:MM:SS    Idx     W      C", 2, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf(" %s   %s      %d   %.0f     50", at.Format("20060102"), at.Format("15:04:05"), gpu, w)
		}),
		"dmon without times": "# gpu   pwr  gtemp\n# Idx     W      C\n    0   100     50\n",
		"amd-smi": perSample("timestamp,gpu,vcn_activity,socket_power", 2, func(at time.Time, gpu int, w float64) string {
			line := fmt.Sprintf(`%d,%d,"['N/A', 'N/A']",%.0f`, at.Unix(), gpu, w)
			if gpu == 1 {
				line += "\n"
			}
			return line
		}),
		"rocm-smi": perSample("timestamp,device,power_watts,power_cap_watts", 2, func(at time.Time, gpu int, w float64) string {
			line := fmt.Sprintf("%d,card%d,%.1f", at.Unix(), gpu, w)
			if gpu == 1 {
				line += fmt.Sprintf("\n%d,", at.Unix())
			}
			return line
		}),
		"dcgm": perSample("GPUId,TimeStampUs,Watts", 2, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("%d,%d,%.2f", gpu, at.UnixMicro(), w)
		}),
		"dcgm fields": perSample("GPUId,TimeStampUs,Field,Values", 2, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("%d,%d,power_usage_instant,%.2f\n%d,%d,throttle_reason_sw_power_cap,4", gpu, at.UnixMicro(), w, gpu, at.UnixMicro())
		}),
		"prometheus": perSample("# TYPE DCGM_FI_DEV_POWER_USAGE gauge", 2, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf(`DCGM_FI_DEV_POWER_USAGE{gpu="%d",UUID="%s",modelName="NVIDIA H100",pod="a \"b\""} %.2f %d`, gpu, uuid(gpu), w, at.UnixMilli())
		}),
		"prometheus with a line of time": perSample("", 1, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("# TIME %.3f\n"+`DCGM_FI_DEV_POWER_USAGE{gpu="%d"} %.2f`, float64(at.UnixMilli())/1e3, gpu, w)
		}),
		"prometheus without times": `DCGM_FI_DEV_POWER_USAGE{gpu="0"} 100` + "\n",
		"aiperf-telemetry": perSample("", 2, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf(`{"timestamp_ns":%d,"telemetry_source_url":"http://x/metrics","gpu_index":%d,"gpu_uuid":"%s","gpu_model_name":"H100","hostname":"a","telemetry_data":{"nvidia_power_usage":%.2f}}`, at.UnixNano(), gpu, uuid(gpu), w)
		}),
		"spl": perSample("", 1, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("Time,%s,Watts,%.6f,Volts,230.1,Amps,1.0,PF,0.99,Mark,run,Ch1,Watts,%.6f", at.Format("01-02-2006 15:04:05.000"), w, w)
		}),
		"zeus": func() string {
			var gpus []string
			for gpu := range 2 {
				var pairs []string
				for i := range synthSamples {
					pairs = append(pairs, fmt.Sprintf("[%.3f, %.2f]", float64(synthAt(i).UnixMilli())/1e3, synthWatts(gpu, i)))
				}
				gpus = append(gpus, fmt.Sprintf(`"%d": [%s]`, gpu, strings.Join(pairs, ", ")))
			}
			return `{"results": [{"prompt": "secret words", "output_len": 5}], "timeline": {"power": {"device_average": {` + strings.Join(gpus, ", ") + `}}}}`
		}(),
		"csv with units in its names": perSample("epoch_ns,gpu,power_mw", 2, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("%d,%d,%.0f", at.UnixNano(), gpu, w*1e3)
		}),
		"csv of a GPU's power beside a processor's": perSample("epoch_ms,gpu,power_w,power_limit_w,cpu_power_w", 1, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("%d,%d,%.3f,400,80", at.UnixMilli(), gpu, w)
		}),
		"csv wide": func() string {
			var b strings.Builder
			b.WriteString("timestamp,GPU0,GPU1\n")
			for i := range synthSamples {
				fmt.Fprintf(&b, "%.3f,%.3f,%.3f\n", float64(synthAt(i).UnixMilli())/1e3, synthWatts(0, i), synthWatts(1, i))
			}
			return b.String()
		}(),
		"csv of a counter": perSample("epoch_ms,gpu,energy_mj", 1, func(at time.Time, gpu int, w float64) string {
			return fmt.Sprintf("%d,%d,%d", at.UnixMilli(), gpu, at.Sub(noon).Milliseconds()*100)
		}),
		"csv of a counter that runs backwards": "epoch_ms,gpu,energy_mj\n1772366400000,0,500\n1772366400100,0,400\n",
		"csv of times that run backwards":      "epoch_ms,gpu,power_w\n1772366400100,0,500\n1772366400000,0,400\n1772366400200,0,400\n",
		"csv of seconds since its start":       "time_s,gpu,power_w\n0.0,0,500\n0.1,0,400\n",
		"csv of numbers alone":                 "523\n519\n523\n",
		"json": func() string {
			var rows []string
			for i := range synthSamples {
				rows = append(rows, fmt.Sprintf(`{"timestamp": %.3f, "gpu_index": 0, "power_draw": %.2f}`, float64(synthAt(i).UnixMilli())/1e3, synthWatts(0, i)))
			}
			return `{"gpu_id": 0, "statistics": {"power_draw": {"avg": 5}}, "raw_data": [` + strings.Join(rows, ",\n") + `]}`
		}(),
	}
}

// requestFiles are the request logs by format, or by the fault that they have.
// Each has an answer or a prompt, "secret words", which must not come out.
func requestFiles() map[string]string {
	sent := func(i int) float64 {
		return float64(noon.Add(time.Second+time.Duration(i)*500*time.Millisecond).UnixMilli()) / 1e3
	}
	list := func(format string, v func(i int) any) string {
		var all []string
		for i := range 4 {
			all = append(all, fmt.Sprintf(format, v(i)))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	boot := sent(0) - 1000
	columns := func(more string) string {
		return `{"date": "20260301-120003", "endpoint_type": "openai", "model_id": "m", "duration": 2.0, "completed": 4, "request_throughput": 2.0, ` + more +
			`"input_lens": ` + list("%d", func(int) any { return 100 }) + `, "output_lens": ` + list("%d", func(int) any { return 5 }) +
			`, "ttfts": ` + list("%.1f", func(int) any { return 0.1 }) + `, "itls": ` + list("%s", func(int) any { return "[0.1, 0.1, 0.1, 0.1]" }) +
			`, "generated_texts": ` + list("%q", func(int) any { return "secret words" }) + `, "errors": ` + list("%q", func(int) any { return "" }) + `}`
	}
	lines := func(line func(i int) string) string {
		var b strings.Builder
		for i := range 4 {
			b.WriteString(line(i) + "\n")
		}
		return b.String()
	}
	ns := func(i int, after time.Duration) int64 {
		return noon.Add(time.Second + time.Duration(i)*500*time.Millisecond + after).UnixNano()
	}
	return map[string]string{
		"vllm with start times":          columns(`"start_times": ` + list("%.3f", func(i int) any { return sent(i) - boot }) + `, "latencies": ` + list("%.1f", func(int) any { return 0.5 }) + `, `),
		"vllm with Unix timestamps":      columns(`"request_timestamps": ` + list("%.3f", func(i int) any { return sent(i) }) + `, `),
		"vllm without times":             columns(""),
		"vllm without rows":              `{"endpoint_type": "openai", "completed": 4, "request_throughput": 2.0}`,
		"vllm with lists of two lengths": strings.Replace(columns(""), `"ttfts": [0.1, `, `"ttfts": [`, 1),
		"sglang":                         `{"backend": "sglang", "random_input_len": 1, "input_lens": [100, 100, 100, 100], "output_lens": [5, 5, 5, 5], "ttfts": [0.1, 0.1, 0.1, 0.1], "itls": [[0.1], [0.1], [0.1], [0.1]], "cached_tokens": [0, 64, 64, 64], "generated_texts": ["secret words", "", "", ""]}` + "\n",
		"sglang of two runs":             strings.Repeat(`{"backend": "sglang", "random_input_len": 1, "input_lens": [100], "output_lens": [5], "ttfts": [0.1], "itls": [[0.1]]}`+"\n", 2),
		"aiperf": lines(func(i int) string {
			return fmt.Sprintf(`{"metadata":{"session_num":%d,"conversation_id":"c%d","benchmark_phase":"profiling","request_start_ns":%d,"request_end_ns":%d,"was_cancelled":false},"metrics":{"input_sequence_length":{"value":100,"unit":"tokens"},"output_sequence_length":{"value":5,"unit":"tokens"},"time_to_first_token":{"value":100.0,"unit":"ms"},"request_latency":{"value":500.0,"unit":"ms"}},"error":null}`, i, i, ns(i, 0), ns(i, 500*time.Millisecond))
		}) + `{"metadata":{"benchmark_phase":"warmup","request_start_ns":1,"request_end_ns":2},"metrics":{}}` + "\n",
		"genai-perf": `{"service_kind":"openai","experiments":[{"requests":[` + strings.TrimSuffix(strings.ReplaceAll(lines(func(i int) string {
			return fmt.Sprintf(`{"timestamp":%d,"request_inputs":{"payload":"secret words"},"response_timestamps":[%d,%d],"success":true},`, ns(i, 0), ns(i, 100*time.Millisecond), ns(i, 500*time.Millisecond))
		}), "\n", ""), ",") + `]}]}`,
		"guidellm": `{"metadata":{"guidellm_version":"0.8"},"benchmarks":[{"requests":{"successful":[` + strings.TrimSuffix(strings.ReplaceAll(lines(func(i int) string {
			return fmt.Sprintf(`{"request_id":"%d","output":"secret words","info":{"timings":{"request_start":%.3f,"first_token_iteration":%.3f,"last_token_iteration":%.3f,"request_end":%.3f}},"input_metrics":{"total_tokens":100},"output_metrics":{"total_tokens":5}},`,
				i, sent(i), sent(i)+0.1, sent(i)+0.5, sent(i)+0.5)
		}), "\n", ""), ",") + `],"errored":[],"incomplete":[]}}]}`,
		"csv": "request_start_ns,request_end_ns,ttft_s,prompt_tokens,completion_tokens,prompt\n" + lines(func(i int) string {
			return fmt.Sprintf("%d,%d,0.1,100,5,\"secret\nwords, and more\"", ns(i, 0), ns(i, 500*time.Millisecond))
		}),
		"csv of two clocks": "request_start_ns,request_end_s,prompt_tokens,completion_tokens\n" + fmt.Sprintf("%d,1000.5,100,5\n", ns(0, 0)),
		"json lines": lines(func(i int) string {
			return fmt.Sprintf(`{"start_s":%.3f,"end_s":%.3f,"ttft_s":0.1,"prompt_tokens":100,"output_tokens":5,"prompt":"secret words"}`, sent(i), sent(i)+0.5)
		}),
		"mlperf": `:::MLLOG {"key": "power_begin", "value": "03-01-2026 12:00:01.000"}
:::MLLOG {"key": "power_end", "value": "03-01-2026 12:00:03.000"}
:::MLLOG {"key": "result_query_count", "value": 4}
:::MLLOG {"key": "result_completed_samples_per_sec", "value": 2.0}
:::MLLOG {"key": "result_completed_tokens_per_second", "value": 10.0}
`,
		"mlperf without power": `:::MLLOG {"key": "result_query_count", "value": 4}` + "\n",
		"codecarbon": "timestamp,run_id,duration,emissions,emissions_rate,cpu_power,gpu_power,ram_power,cpu_energy,gpu_energy,ram_energy,energy_consumed,gpu_model,tracking_mode\n" +
			"2026-03-01T12:00:03,r,2.0,0.1,0.05,38,300,10,0.0000211,0.000166667,0.0000056,0.00019,1 x A2,machine\n",
		"mlenergy": `{"configurations":[{"model_id":"m","gpu_model":"H100","num_gpus":1,"max_num_seqs":8,"energy_per_token_joules":0.5,"energy_per_request_joules":50,"avg_output_len":100,"avg_power_watts":400}]}`,
	}
}
