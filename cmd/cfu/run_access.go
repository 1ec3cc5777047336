package main

import (
	"os"
	"strings"

	"cfubench/internal/subcommand"
	address "cfubench/loadgen/endpoint"

	"github.com/spf13/pflag"
)

// accessFlags are what a server wants to see: a key, and other header fields.
type accessFlags struct {
	keyEnv, keyFile string
	noKey           bool
	headers, envs   []string
}

func (f *accessFlags) bind(fs *pflag.FlagSet) {
	fs.StringVar(&f.keyEnv, "api-key-env", "OPENAI_API_KEY", "Take the bearer key from the environment variable `NAME`.")
	fs.StringVar(&f.keyFile, "api-key-file", "", "Take the bearer key from `FILE`.")
	fs.BoolVar(&f.noKey, "no-api-key", false, "Send no bearer key, whatever the environment has.")
	fs.StringArrayVar(&f.headers, "header", nil, "Send the header field `'NAME: VALUE'` with every request; repeatable. The value is not recorded.")
	fs.StringArrayVar(&f.envs, "header-env", nil, "Send a header field with the value of an environment variable, `NAME=VAR`; repeatable.")
}

// complete reads the key and the fields from where the flags say. No error has a
// value in it.
func (f *accessFlags) complete(set *pflag.FlagSet, getenv func(string) string) (key string, headers []address.Header, err error) {
	switch {
	case f.noKey && (f.keyFile != "" || set.Changed("api-key-env")),
		f.keyFile != "" && set.Changed("api-key-env"):
		return "", nil, subcommand.Usagef("--api-key-env, --api-key-file and --no-api-key exclude each other")
	case f.noKey:
	case f.keyFile != "":
		text, err := os.ReadFile(f.keyFile)
		if err != nil {
			return "", nil, subcommand.Usagef("--api-key-file: %w", err)
		}
		if key = strings.TrimSpace(string(text)); key == "" {
			return "", nil, subcommand.Usagef("--api-key-file %s: it is empty", f.keyFile)
		}
	default:
		key = getenv(f.keyEnv)
	}
	for _, text := range f.headers {
		h, err := address.ParseHeader(text)
		if err != nil {
			return "", nil, subcommand.Usagef("--header: %w", err)
		}
		headers = append(headers, h)
	}
	for _, text := range f.envs {
		name, variable, ok := strings.Cut(text, "=")
		if !ok || variable == "" {
			return "", nil, subcommand.Usagef("--header-env %q: want NAME=VAR, with the name of an environment variable", text)
		}
		value := getenv(variable)
		if value == "" {
			return "", nil, subcommand.Usagef("--header-env %s: the environment variable %s is not set", name, variable)
		}
		headers = append(headers, address.Header{Name: strings.TrimSpace(name), Value: value})
	}
	if err := (address.Access{APIKey: key, Headers: headers}).Check(); err != nil {
		return "", nil, subcommand.Usagef("%w", err)
	}
	return key, headers, nil
}
