package engine

import (
	"os"
	"regexp"
	"strings"
)

// secretOption finds the options and variables with which servers take keys:
// --api-key of vLLM, SGLang and llama.cpp, --hf-token, and FOO_API_KEY=,
// FOO_TOKEN= before a command. Its groups are what stays and the value.
var secretOption = regexp.MustCompile(
	`(?i)((?:^|\s)--?(?:admin-)?(?:api-key|hf-token|token)(?:\s+|=)|\b\w*(?:API_?KEY|TOKEN|SECRET|PASSWORD)=)("[^"]*"|'[^']*'|\S+)`)

// shortestSecret bounds what is looked for in a log: a shorter value would be
// found in words that are none of it.
const shortestSecret = 4

// secrets lists the values in a command that nobody else should see, as they
// stand there and as the shell expands them.
func secrets(command string) []string {
	var values []string
	for _, m := range secretOption.FindAllStringSubmatch(command, -1) {
		written := strings.Trim(m[2], `"'`)
		for _, v := range []string{written, os.ExpandEnv(written)} {
			if len(v) >= shortestSecret {
				values = append(values, v)
			}
		}
	}
	return values
}

// Redact returns the command with the values of keys and tokens replaced, fit to
// be recorded.
func Redact(command string) string {
	return secretOption.ReplaceAllString(command, "${1}***")
}
