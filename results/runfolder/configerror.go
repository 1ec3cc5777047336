package runfolder

import "fmt"

// ConfigError is a configuration that cannot be meant, in the words of the flags that
// say it.
type ConfigError struct{ err error }

// Refuse makes a ConfigError.
func Refuse(format string, args ...any) error { return ConfigError{fmt.Errorf(format, args...)} }

func (e ConfigError) Error() string { return e.err.Error() }

// Unwrap returns what was wrong.
func (e ConfigError) Unwrap() error { return e.err }

// WrongUsage marks it for whoever parsed the flags.
func (ConfigError) WrongUsage() {}
