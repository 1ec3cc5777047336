package engine

import (
	"regexp"
	"strings"
)

// secretOption finds the options and variables with which servers take keys:
// --api-key of vLLM, SGLang and llama.cpp, --hf-token, and FOO_API_KEY=, FOO_TOKEN= before a command.
var secretOption = regexp.MustCompile(`(?i)(?:--?(?:admin-)?(?:api-key|hf-token|token)(?:\s+|=)|\b\w*(?:API_?KEY|TOKEN|SECRET|PASSWORD)=)("[^"]*"|'[^']*'|\S+)`)

// secrets lists the values in a command that nobody else should see.
func secrets(command string) []string {
	var values []string
	for _, m := range secretOption.FindAllStringSubmatch(command, -1) {
		if v := strings.Trim(m[1], `"'`); v != "" {
			values = append(values, v)
		}
	}
	return values
}

// Redact returns the command with the values of keys and tokens replaced, fit to
// be recorded.
func Redact(command string) string {
	for _, v := range secrets(command) {
		command = strings.ReplaceAll(command, v, "***")
	}
	return command
}
