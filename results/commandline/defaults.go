package commandline

import (
	"time"

	"cfubench/attribution"
	"cfubench/loadgen"
	"cfubench/meter/host"
	"cfubench/results/runfolder"
)

// Defaults is what run.json keeps of `cfu run` without a flag: it lacks a server
// and a load.
func Defaults() runfolder.Config {
	return runfolder.Config{
		API: "chat", TokensField: "max_tokens", Dataset: "sample", Select: "first", Tokenizer: "endpoint", NumRequests: 32,
		History: string(loadgen.HistoryAnswers), Seed: 1, Order: runfolder.OrderGrouped, Arrival: "poisson", Burstiness: 1,
		Repeat: 1, Warmup: 2, Timeout: 10 * time.Minute, Meter: []string{"auto"}, CPUWatts: host.DefaultCPUWatts(),
		GPUs: "engine", Idle: 2 * time.Second, Sysfs: "/sys", Convention: attribution.Defaults, SLOShare: 0.99, FindRateRequests: 2000,
	}
}
