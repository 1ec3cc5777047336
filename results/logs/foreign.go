package logs

import (
	"bytes"
	"errors"
)

// foreign are files that hold a power, or should, and are not read: by what
// their begin holds, and what to do instead.
var foreign = []struct{ mark, advice string }{
	{"Failed to initialize NVML", "it holds nvidia-smi's error and no readings"},
	{"NVIDIA-SMI has failed", "it holds nvidia-smi's error and no readings"},
	{"NVSMI LOG", "it is nvidia-smi's report and no table: log with nvidia-smi --query-gpu=timestamp,uuid,power.draw --format=csv -lms 100"},
	{"| NVIDIA-SMI ", "it is nvidia-smi's screen and no table: log with nvidia-smi --query-gpu=timestamp,uuid,power.draw --format=csv -lms 100"},
	{", pwrDraw ,", "nvidia-smi stats numbers GPUs and sums nothing: log with nvidia-smi --query-gpu=timestamp,uuid,power.draw --format=csv -lms 100"},
	{"Sampled system activity", "powermetrics' text is not read: make a table of its times and its powers, such as epoch_s,power_mw"},
	{"<plist", "powermetrics' property lists are not read: make a table of their times and powers, such as epoch_s,power_mw"},
	{"mW/", "tegrastats is not read: make a table of its times and the rail's power, such as epoch_s,power_mw"},
	{"#Entity", "dcgmi dmon's text is not read: save DCGM's fields with their times, or the exporter's text with a line # TIME UNIX before each scrape"},
}

// pmon is `nvidia-smi pmon`: processes by GPU, without a power.
var pmon = []byte("# gpu")

// foreignAdvice says what to do with a file that is known and not read.
func foreignAdvice(head []byte) error {
	for _, f := range foreign {
		if bytes.Contains(head, []byte(f.mark)) {
			return errors.New(f.advice)
		}
	}
	if bytes.HasPrefix(bytes.ReplaceAll(head[:min(len(head), 80)], []byte("#Date"), pmon), pmon) && bytes.Contains(head, []byte(" pid ")) {
		return errors.New("nvidia-smi pmon has no power: log with nvidia-smi dmon -s p -o DT")
	}
	return nil
}
