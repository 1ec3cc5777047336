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
