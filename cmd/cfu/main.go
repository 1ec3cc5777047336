// Cfu measures what requests to an LLM server cost in energy and amortizes
// them, with the hardware and the model's making, into C_FU, the cost of a
// functional unit (arXiv 2606.07632).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"cfubench/internal/screen"
	"cfubench/internal/secret"
	"cfubench/loadgen/mock"
)

// environment is all that a command touches of the world outside its files.
type environment struct {
	stdout, stderr io.Writer
	getenv         func(string) string
	secrets        *secret.Redactor // knows what nothing that is written may have
}

// commands lists the subcommands in the order of the usage text.
func commands() []command {
	return []command{
		{"run", "drive a server or launch one, meter it, write a run folder", runHelp, noOperand, bindRun},
		{"record", "meter any command (training, evaluation, …) from start to end", recordHelp, anyOperands, bindRecord},
		{"watch", "meter a server in production, with metrics and a run folder an hour", watchHelp, noOperand, bindWatch},
		{"attribute", "re-attribute measured energy using other conventions", attributeHelp, oneRun, bindAttribute},
		{"shapley", "measure Shapley values of requests on an engine and fit a model of them", shapleyHelp, noOperand, bindShapley},
		{"import", "make a run folder from logs of other tools", importHelp, noOperand, bindImport},
		{"merge", "join the shards of one run", mergeHelp, anyOperands, bindMerge},
		{"meters", "list this host's energy sensors, and how to enable the missing ones", metersHelp, noOperand, bindMeters},
		{"agent", "serve this host's meters to runs on other hosts", agentHelp, noOperand, bindAgent},
		{"amortize", "compute C_FU and break-even from a run or published figures", amortizeHelp, anyOperands, bindAmortize},
		{"datasets", "describe, select and convert traces", datasetsHelp, anyOperands, bindDatasets},
		{"selftest", "measure this client's timing error and overhead", selftestHelp, noOperand, bindSelftest},
		{"compare", "rank configurations and compare runs, with confidence intervals", compareHelp, anyOperands, bindCompare},
		{"report", "write a self-contained HTML report of one run or several", reportHelp, anyOperands, bindReport},
		{"export", "write the tables as CSV, or in the formats of other tools", exportHelp, oneRun, bindExport},
		{"check", "verify that a run folder is whole and agrees with itself", checkHelp, oneRun, bindCheck},
		{"version", "print version, platform, and whether NVIDIA GPUs can be read", versionHelp, noOperand, bindVersion},
		{"completion", "complete commands and flags in a shell", completionHelp, anyOperands, bindCompletion},
		{"man", "write manual pages", manHelp, anyOperands, bindMan},
		{mock.Argument, "", "", noOperand, bindMock}, // the self-test's other process
	}
}

func main() {
	ctx, stop := untilInterrupted(len(os.Args) > 1 && os.Args[1] == "record")
	code := Main(ctx, environment{stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}, os.Args[1:])
	stop()
	os.Exit(code)
}

// tagline says what cfu does.
const tagline = "measure the energy and the life-cycle cost of LLM requests"

// exitStatus says what the exit codes mean.
const exitStatus = "0 done, 1 failed or invalid, 2 wrong usage; of cfu record that of its command"

// Main runs one command line and returns the exit code, as exitStatus says.
func Main(ctx context.Context, env environment, args []string) int {
	if len(args) == 0 {
		usage(env.stderr)
		return 2
	}
	switch args[0] {
	case "--version":
		args = []string{"version"}
	case "help", "-h", "--help":
		if len(args) > 1 { // cfu help COMMAND
			return Main(ctx, env, []string{args[1], "--help"})
		}
		if err := usage(env.stdout); err != nil {
			fmt.Fprintf(env.stderr, "cfu: %v\n", err)
			return 1
		}
		return 0
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		env.secrets = secret.New()
		for _, a := range args { // also of a command line that is refused
			env.secrets.AddURL(a)
		}
		errs := screen.Screen{Out: env.stderr, Secrets: env.secrets, Whole: true}
		env.stderr = screen.Screen{Out: env.stderr, Secrets: env.secrets}
		err := c.execute(ctx, env, args[1:])
		if err == nil {
			return 0
		}
		if exit := (commandExit)(0); errors.As(err, &exit) { // it has spoken for itself
			return int(exit)
		}
		fmt.Fprintf(errs, "cfu %s: %v\n", c.name, err)
		if isUsage(err) {
			fmt.Fprintf(env.stderr, "run 'cfu %s --help' for its flags\n", c.name)
			return 2
		}
		return 1
	}
	fmt.Fprintf(env.stderr, "cfu: unknown command %q; run 'cfu help'\n", args[0])
	return 2
}

func usage(w io.Writer) error {
	var b strings.Builder
	b.WriteString("cfu: " + tagline + "\n\nusage: cfu COMMAND [flags]\n\n")
	for _, c := range commands() {
		if c.summary == "" {
			continue
		}
		fmt.Fprintf(&b, "  %-10s %s\n", c.name, c.summary)
	}
	b.WriteString("\n'cfu COMMAND --help' lists a command's flags.\nexit status: " + exitStatus + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}
