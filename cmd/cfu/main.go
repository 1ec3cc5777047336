// Cfu measures what requests to an LLM server cost in energy and amortizes
// them, with the hardware and the model's making, into C_FU, the cost of a
// functional unit (arXiv 2606.07632).
package main

import (
	"context"
	"os"

	"cfubench/internal/prose"
	"cfubench/internal/screen"
	"cfubench/internal/secret"
	"cfubench/internal/subcommand"
	"cfubench/internal/version"
	"cfubench/loadgen/mock"
)

// program is cfu with its subcommands, in the order of the help.
func program() subcommand.Program {
	return subcommand.Program{
		Name:       "cfu",
		Tagline:    "measure the energy and the life-cycle cost of LLM requests",
		ExitStatus: "0 done, 1 failed or invalid, 2 wrong usage; of cfu record that of its command",
		Version:    version.String(),
		Commands:   commands(),
		Secrets:    []string{"CFU_AGENT_TOKEN", "CFU_OTLP_TOKEN", "CFU_REDFISH_PASSWORD", "OPENAI_API_KEY"},
	}
}

// commands are the subcommands.
func commands() []subcommand.Command {
	return []subcommand.Command{
		{Name: "run", Summary: "drive a server or launch one, meter it, write a run folder", Help: runHelp, Operands: subcommand.None, Bind: bindRun, Holds: true},
		{Name: "record", Summary: "meter any command (training, evaluation, …) from start to end", Help: recordHelp, Operands: subcommand.Any, Bind: bindRecord, Holds: true},
		{Name: "watch", Summary: "meter a server in production, with metrics and a run folder an hour", Help: watchHelp, Operands: subcommand.None, Bind: bindWatch, Holds: true},
		{Name: "attribute", Summary: "re-attribute measured energy using other conventions", Help: attributeHelp, Operands: oneRun, Bind: bindAttribute},
		{Name: "shapley", Summary: "measure Shapley values of requests on an engine and fit a model of them", Help: shapleyHelp, Operands: subcommand.None, Bind: bindShapley, Holds: true},
		{Name: "import", Summary: "make a run folder from logs of other tools", Help: importHelp, Operands: subcommand.None, Bind: bindImport},
		{Name: "merge", Summary: "join the shards of one run, or the records of several nodes", Help: mergeHelp, Operands: subcommand.Any, Bind: bindMerge},
		{Name: "meters", Summary: "list this host's energy sensors, and how to enable the missing ones", Help: metersHelp, Operands: subcommand.None, Bind: bindMeters, Holds: true},
		{Name: "agent", Summary: "serve this host's meters to runs on other hosts", Help: agentHelp, Operands: subcommand.None, Bind: bindAgent, Holds: true},
		{Name: "amortize", Summary: "compute C_FU and break-even from a run or published figures", Help: amortizeHelp, Operands: subcommand.Any, Bind: bindAmortize},
		{Name: "datasets", Summary: "describe, select and convert traces", Help: datasetsHelp, Operands: subcommand.Any, Bind: bindDatasets, Verbatim: true},
		{Name: "selftest", Summary: "measure this client's timing error and overhead", Help: selftestHelp, Operands: subcommand.None, Bind: bindSelftest, Holds: true},
		{Name: "compare", Summary: "rank configurations and compare runs, with confidence intervals", Help: compareHelp, Operands: subcommand.Any, Bind: bindCompare},
		{Name: "report", Summary: "write a self-contained HTML report of one run or several", Help: reportHelp, Operands: subcommand.Any, Bind: bindReport},
		{Name: "export", Summary: "write the tables as CSV, or in the formats of other tools", Help: exportHelp, Operands: oneRun, Bind: bindExport},
		{Name: "check", Summary: "verify that a run folder is whole and agrees with itself", Help: checkHelp, Operands: oneRun, Bind: bindCheck},
		{Name: "version", Summary: "print version, platform, and whether NVIDIA GPUs can be read", Help: versionHelp, Operands: subcommand.None, Bind: bindVersion},
		{Name: "completion", Summary: "complete commands and flags in a shell", Help: completionHelp, Operands: subcommand.One("one shell: bash, zsh or fish"), Bind: bindCompletion},
		{Name: "man", Summary: "write manual pages", Help: manHelp, Operands: subcommand.One("one folder"), Bind: bindMan},
		{Name: mock.Argument, Operands: subcommand.None, Bind: bindMock, Holds: true, Verbatim: true}, // the self-test's other process
	}
}

// oneRun is of commands that work on the folder of one run.
func oneRun(args []string) error {
	return subcommand.One("one folder, the OUT of a run")(args)
}

func main() {
	ctx, stop := subcommand.UntilInterrupted(len(os.Args) > 1 && os.Args[1] == "record")
	screen.Logs(os.Stderr, secret.Own())
	code := Main(ctx, subcommand.Environment{Stdout: prose.On(os.Stdout), Stderr: prose.On(os.Stderr), Getenv: os.Getenv, Environ: os.Environ()}, os.Args[1:])
	stop()
	os.Exit(code)
}

// Main runs one command line and returns the exit code.
func Main(ctx context.Context, env subcommand.Environment, args []string) int {
	return program().Run(ctx, env, args)
}
