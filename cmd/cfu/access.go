package main

import (
	"github.com/spf13/pflag"

	"cfubench/internal/subcommand"
	address "cfubench/loadgen/endpoint"
)

// accessFlags are what a server wants to see: a key, and other header fields.
type accessFlags struct{ address.Sources }

func (f *accessFlags) bind(fs *pflag.FlagSet) {
	fs.StringVar(&f.KeyEnv, "api-key-env", "OPENAI_API_KEY", "Take the bearer key from the environment variable `NAME`.")
	fs.StringVar(&f.KeyFile, "api-key-file", "", "Take the bearer key from `FILE`.")
	fs.BoolVar(&f.NoKey, "no-api-key", false, "Send no bearer key, whatever the environment has.")
	fs.StringArrayVar(&f.Headers, "header", nil, "Send the header field `'NAME: VALUE'` with every request; repeatable. The value is not recorded.")
	fs.StringArrayVar(&f.Envs, "header-env", nil, "Send a header field with the value of an environment variable, `NAME=VAR`; repeatable.")
}

// read reads the key and the fields from where the flags say, and tells them to those
// who hide them.
func (f *accessFlags) read(set *pflag.FlagSet, env subcommand.Environment) (address.Access, error) {
	if set.Changed("api-key-env") && (f.NoKey || f.KeyFile != "") {
		return address.Access{}, subcommand.Usagef("give one of --api-key-env, --api-key-file and --no-api-key")
	}
	a, err := f.Read(env.Getenv)
	a.Tell(env.Secrets)
	if err != nil {
		return a, subcommand.UsageError{Err: err}
	}
	return a, nil
}
