package devices

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfubench/meter/process"
)

func TestRole(t *testing.T) {
	for _, tt := range []struct{ does, line, want string }{
		{"a plain server has none", "vllm serve model --port 8000", ""},
		{"SGLang's prefill server", "python -m sglang.launch_server --disaggregation-mode prefill --port 1", "prefill"},
		{"joined by an equals sign", "python -m sglang.launch_server --disaggregation-mode=decode", "decode"},
		{"null is none", "python -m sglang.launch_server --disaggregation-mode null", ""},
		{"vLLM's producer of the cache prefills", `vllm serve m --kv-transfer-config {"kv_connector":"NixlConnector","kv_role":"kv_producer"}`, "prefill"},
		{"its consumer decodes", `vllm serve m --kv-transfer-config {"kv_role":"kv_consumer"}`, "decode"},
		{"one that does both is neither", `vllm serve m --kv-transfer-config {"kv_role":"kv_both"}`, ""},
		{"TensorRT-LLM's context server", "trtllm-serve m --server_role CONTEXT", "prefill"},
		{"a Dynamo worker", "python -m dynamo.vllm --is-prefill-worker", "prefill"},
	} {
		if got := role(strings.Fields(tt.line)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.does, got, tt.want)
		}
	}
}

// A worker that has renamed itself has the role of the server that started it.
func TestRoleOfARenamedWorker(t *testing.T) {
	procfs := t.TempDir()
	for file, text := range map[string]string{
		"70/cmdline": "vllm\x00serve\x00m\x00--kv-transfer-config\x00{\"kv_role\":\"kv_consumer\"}\x00", "70/stat": "70 (vllm) S 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 5 0",
		"71/cmdline": "VLLM::EngineCore\x00", "71/stat": "71 (VLLM::EngineCore) S 70 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 5 0",
	} {
		path := filepath.Join(procfs, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := Role(process.FS(procfs), 71); got != "decode" {
		t.Errorf("got %q, want decode", got)
	}
}
