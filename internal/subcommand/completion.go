package subcommand

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// Shells are those whose scripts WriteCompletion knows.
func Shells() []string { return []string{"bash", "zsh", "fish"} }

// WriteCompletion prints a script that completes the commands and flags in a shell.
func (p Program) WriteCompletion(w io.Writer, shell string) error {
	switch shell {
	case "bash":
		return p.completeBash(w)
	case "zsh":
		if _, err := io.WriteString(w, "autoload -U +X bashcompinit && bashcompinit\n"); err != nil {
			return err
		}
		return p.completeBash(w)
	case "fish":
		return p.completeFish(w)
	}
	return Usagef("shell %q: want bash, zsh or fish", shell)
}

// flags are the flags of a command.
func (c Command) flags() *pflag.FlagSet {
	fs := newFlagSet(c.Name)
	c.Bind(fs)
	return fs
}

// completeBash prints the script of bash.
func (p Program) completeBash(w io.Writer) error {
	var names []string
	var b strings.Builder
	for _, c := range p.shown() {
		names = append(names, c.Name)
	}
	fmt.Fprintf(&b, "_%s() {\n  local word=${COMP_WORDS[COMP_CWORD]} words=\n", p.Name)
	fmt.Fprintf(&b, "  if [ \"$COMP_CWORD\" = 1 ]; then\n    COMPREPLY=($(compgen -W '%s' -- \"$word\"))\n    return\n  fi\n", strings.Join(names, " "))
	b.WriteString("  case ${COMP_WORDS[1]} in\n")
	for _, c := range p.shown() {
		var words []string
		c.flags().VisitAll(func(f *pflag.Flag) { words = append(words, "--"+f.Name) })
		fmt.Fprintf(&b, "    %s) words='%s' ;;\n", c.Name, strings.Join(append(words, "--help"), " "))
	}
	fmt.Fprintf(&b, "  esac\n  case $word in -*) COMPREPLY=($(compgen -W \"$words\" -- \"$word\")) ;; *) COMPREPLY=($(compgen -f -- \"$word\")) ;; esac\n}\ncomplete -o filenames -F _%[1]s %[1]s\n", p.Name)
	_, err := io.WriteString(w, b.String())
	return err
}

// completeFish prints the script of fish.
func (p Program) completeFish(w io.Writer) error {
	quote := func(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'" }
	var b strings.Builder
	for _, c := range p.shown() {
		fmt.Fprintf(&b, "complete -c %s -n __fish_use_subcommand -f -a %s -d %s\n", p.Name, c.Name, quote(c.Summary))
		c.flags().VisitAll(func(f *pflag.Flag) {
			_, usage := pflag.UnquoteUsage(f)
			line := fmt.Sprintf("complete -c %s -n %s -l %s -d %s", p.Name, quote("__fish_seen_subcommand_from "+c.Name), f.Name, quote(usage))
			if f.NoOptDefVal == "" {
				line += " -r"
			}
			b.WriteString(line + "\n")
		})
	}
	_, err := io.WriteString(w, b.String())
	return err
}
