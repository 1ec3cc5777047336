package endpoint

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Sources say where what a server wants to see is taken from, in the words of cfu's
// flags.
type Sources struct {
	KeyEnv  string // the environment variable that has the bearer key
	KeyFile string // a file that has it instead, "" for none
	NoKey   bool   // send none
	// Headers are 'NAME: VALUE' each, Envs NAME=VAR with the variable that has the value.
	Headers, Envs []string
}

// Read reads the key and the fields. No error has a value in it.
func (s Sources) Read(getenv func(string) string) (a Access, err error) {
	switch {
	case s.NoKey && s.KeyFile != "":
		return a, errors.New("give one of --api-key-env, --api-key-file and --no-api-key")
	case s.NoKey:
	case s.KeyFile != "":
		text, err := os.ReadFile(s.KeyFile)
		if err != nil {
			return a, fmt.Errorf("--api-key-file: %w", err)
		}
		if a.APIKey = strings.TrimSpace(string(text)); a.APIKey == "" {
			return a, fmt.Errorf("--api-key-file %s: it is empty", s.KeyFile)
		}
	default:
		a.APIKey = getenv(s.KeyEnv)
	}
	for _, text := range s.Headers {
		h, err := ParseHeader(text)
		if err != nil {
			return a, fmt.Errorf("--header: %w", err)
		}
		a.Headers = append(a.Headers, h)
	}
	for _, text := range s.Envs {
		name, variable, ok := strings.Cut(text, "=")
		if !ok || variable == "" {
			return a, fmt.Errorf("--header-env %q: want NAME=VAR, with the name of an environment variable", text)
		}
		value := getenv(variable)
		if value == "" {
			return a, fmt.Errorf("--header-env %s: the environment variable %s is not set", name, variable)
		}
		a.Headers = append(a.Headers, Header{Name: strings.TrimSpace(name), Value: value})
	}
	return a, a.Check()
}
