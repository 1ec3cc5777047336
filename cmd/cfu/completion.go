package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

const completionHelp = `Prints a script that completes cfu's commands and flags in a shell.

usage: cfu completion bash|zsh|fish

examples:
  source <(cfu completion bash)
  cfu completion fish > ~/.config/fish/completions/cfu.fish
`

// bindCompletion is `cfu completion`.
func bindCompletion(*pflag.FlagSet) action {
	return func(_ context.Context, env environment, operands []string) error {
		if len(operands) != 1 {
			return usagef("want one shell: bash, zsh or fish")
		}
		switch operands[0] {
		case "bash":
			return completeBash(env.stdout)
		case "zsh":
			_, err := io.WriteString(env.stdout, "autoload -U +X bashcompinit && bashcompinit\n")
			if err != nil {
				return err
			}
			return completeBash(env.stdout)
		case "fish":
			return completeFish(env.stdout)
		}
		return usagef("shell %q: want bash, zsh or fish", operands[0])
	}
}

// shown are the commands that users call, with their flags.
func shown() (list []command, flags map[string]*pflag.FlagSet) {
	flags = map[string]*pflag.FlagSet{}
	for _, c := range commands() {
		if c.summary == "" {
			continue
		}
		fs := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
		fs.SortFlags = false
		c.bind(fs)
		flags[c.name] = fs
		list = append(list, c)
	}
	return list, flags
}

func completeBash(w io.Writer) error {
	list, flags := shown()
	var names []string
	var b strings.Builder
	for _, c := range list {
		names = append(names, c.name)
	}
	b.WriteString("_cfu() {\n  local word=${COMP_WORDS[COMP_CWORD]} words=\n")
	fmt.Fprintf(&b, "  if [ \"$COMP_CWORD\" = 1 ]; then\n    COMPREPLY=($(compgen -W '%s' -- \"$word\"))\n    return\n  fi\n", strings.Join(names, " "))
	b.WriteString("  case ${COMP_WORDS[1]} in\n")
	for _, c := range list {
		var words []string
		flags[c.name].VisitAll(func(f *pflag.Flag) { words = append(words, "--"+f.Name) })
		fmt.Fprintf(&b, "    %s) words='%s' ;;\n", c.name, strings.Join(append(words, "--help"), " "))
	}
	b.WriteString("  esac\n  case $word in -*) COMPREPLY=($(compgen -W \"$words\" -- \"$word\")) ;; *) COMPREPLY=($(compgen -f -- \"$word\")) ;; esac\n}\ncomplete -o filenames -F _cfu cfu\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func completeFish(w io.Writer) error {
	quote := func(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'" }
	list, flags := shown()
	var b strings.Builder
	for _, c := range list {
		fmt.Fprintf(&b, "complete -c cfu -n __fish_use_subcommand -f -a %s -d %s\n", c.name, quote(c.summary))
		flags[c.name].VisitAll(func(f *pflag.Flag) {
			_, usage := pflag.UnquoteUsage(f)
			line := fmt.Sprintf("complete -c cfu -n %s -l %s -d %s", quote("__fish_seen_subcommand_from "+c.name), f.Name, quote(usage))
			if f.NoOptDefVal == "" {
				line += " -r"
			}
			b.WriteString(line + "\n")
		})
	}
	_, err := io.WriteString(w, b.String())
	return err
}
