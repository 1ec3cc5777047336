package subcommand

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"cfubench/internal/screen"
	"cfubench/internal/secret"
)

// Program is a program with its subcommands.
type Program struct {
	Name       string
	Tagline    string    // what it does
	ExitStatus string    // what its exit codes mean
	Version    string    // said in manual pages
	Secrets    []string  // the environment variables that hold secrets of its own
	Commands   []Command // in the order of the help
}

// Run runs one command line and returns the exit code, as ExitStatus says.
func (p Program) Run(ctx context.Context, env Environment, args []string) int {
	if len(args) == 0 {
		p.usage(env.Stderr)
		return 2
	}
	switch args[0] {
	case "--version":
		args = []string{"version"}
	case "help", "-h", "--help":
		if len(args) > 1 { // cfu help COMMAND
			return p.Run(ctx, env, []string{args[1], "--help"})
		}
		if err := p.usage(env.Stdout); err != nil {
			fmt.Fprintf(env.Stderr, "%s: %v\n", p.Name, err)
			return 1
		}
		return 0
	}
	for _, c := range p.Commands {
		if c.Name == args[0] {
			return p.run(ctx, env, c, args)
		}
	}
	fmt.Fprintf(env.Stderr, "%s: unknown command %q; run '%s help'\n", p.Name, args[0], p.Name)
	return 2
}

// run runs one command. An error is printed as one line, whatever its length.
func (p Program) run(ctx context.Context, env Environment, c Command, args []string) int {
	env.Secrets = secret.Own()
	env.Secrets.AddEnvironment(env.Environ)
	for _, name := range p.Secrets {
		env.Secrets.Add(env.Getenv(name))
	}
	for _, a := range args { // also of a command line that is refused
		env.Secrets.AddURL(a)
	}
	env.Stdout, env.Stderr = screen.Patient(ctx, env.Stdout), screen.Patient(ctx, env.Stderr)
	errs := screen.Screen{Out: env.Stderr, Secrets: env.Secrets, Whole: true}
	env.Stderr = screen.Screen{Out: env.Stderr, Secrets: env.Secrets}
	flush := func() error { return nil }
	if !c.Verbatim {
		env.Stdout, flush = screen.Results(env.Stdout, env.Secrets)
	}
	err := c.execute(ctx, env, args[1:])
	if e := flush(); err == nil {
		err = e
	}
	if err == nil {
		return 0
	}
	if exit := Exit(0); errors.As(err, &exit) { // it has spoken for itself
		return int(exit)
	}
	fmt.Fprintf(errs, "%s %s: %v\n", p.Name, c.Name, err)
	if isUsage(err) {
		fmt.Fprintf(errs, "run '%s %s --help' for its flags\n", p.Name, c.Name)
		return 2
	}
	return 1
}

// usage prints the help of the program.
func (p Program) usage(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\nusage: %s COMMAND [flags]\n\n", p.Name, p.Tagline, p.Name)
	for _, c := range p.shown() {
		fmt.Fprintf(&b, "  %-10s %s\n", c.Name, c.Summary)
	}
	fmt.Fprintf(&b, "\n'%s COMMAND --help' lists a command's flags.\nexit status: %s\n", p.Name, p.ExitStatus)
	_, err := io.WriteString(w, b.String())
	return err
}

// shown are the commands that users call.
func (p Program) shown() (list []Command) {
	for _, c := range p.Commands {
		if c.Summary != "" {
			list = append(list, c)
		}
	}
	return list
}
