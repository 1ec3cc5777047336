package engine_test

import (
	"fmt"

	"cfubench/loadgen/engine"
)

// A preset stands for the launch line of the user's own installation.
func ExampleCommandFor() {
	line, err := engine.CommandFor("llama.cpp:models/olmo2.gguf")
	fmt.Println(line, err)
	// Output: llama-server --model 'models/olmo2.gguf' --host 127.0.0.1 --port {port} --parallel {batch} --metrics --slots <nil>
}

// What is recorded of a command has no keys in it.
func ExampleRedact() {
	fmt.Println(engine.Redact("HF_TOKEN=hf_abc vllm serve m --api-key sk-1 --port {port}"))
	// Output: HF_TOKEN=*** vllm serve m --api-key *** --port {port}
}
