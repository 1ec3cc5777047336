package devices

import (
	"strings"

	"cfubench/meter/process"
)

// Role says which part of a disaggregated server process pid is, "prefill" or
// "decode", from its command line or, where a worker has renamed itself, from that
// of a process above it; "" where none says so.
func Role(fs process.FS, pid int) string {
	for range 16 {
		if r := role(fs.Arguments(pid)); r != "" {
			return r
		}
		if pid = fs.Parent(pid); pid <= 1 {
			return ""
		}
	}
	return ""
}

// role reads a command line: SGLang has --disaggregation-mode prefill|decode and
// Dynamo's vLLM workers --is-prefill-worker or --is-decode-worker (their
// documentation); vLLM's --kv-transfer-config is JSON with kv_role kv_producer, which
// prefills, or kv_consumer; TensorRT-LLM's disaggregated servers are started with
// --server_role CONTEXT or GENERATION.
func role(args []string) string {
	for i, a := range args {
		name, value, joined := strings.Cut(a, "=")
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		switch strings.ReplaceAll(strings.TrimLeft(name, "-"), "_", "-") {
		case "is-prefill-worker":
			return "prefill"
		case "is-decode-worker":
			return "decode"
		case "disaggregation-mode", "server-role":
			switch strings.ToLower(value) {
			case "prefill", "context":
				return "prefill"
			case "decode", "generation":
				return "decode"
			}
		case "kv-transfer-config":
			switch {
			case strings.Contains(value, `"kv_producer"`):
				return "prefill"
			case strings.Contains(value, `"kv_consumer"`):
				return "decode"
			}
		}
	}
	return ""
}
