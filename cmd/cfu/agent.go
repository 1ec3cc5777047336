package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/pflag"

	"cfubench/internal/subcommand"
	"cfubench/meter"
	"cfubench/meter/agent"
	"cfubench/meter/host"
)

const agentHelp = `Serves this host's sensors to runs on other hosts: start it beside the engine, and
pass --meter agent:HOST:PORT to cfu run.

usage: cfu agent [flags]

Clients authenticate with a token, a TLS client certificate, or both. Without
either, the agent listens on loopback only. Agent and client read them from the
environment: CFU_AGENT_TOKEN is the token; CFU_AGENT_CERT and CFU_AGENT_KEY name
this side's certificate and key (PEM), CFU_AGENT_CA the authorities that this
side trusts.

examples:
  cfu agent                                          for this host, port 9555
  CFU_AGENT_TOKEN=… cfu agent --listen :9555         for others
  cfu agent --meter nvml --meter rapl --poll 20ms

flags:
`

// agentFlags are the flags of cfu agent.
type agentFlags struct {
	listen  string
	poll    time.Duration
	options host.Options
}

// bind declares the flags on fs.
func (f *agentFlags) bind(fs *pflag.FlagSet) {
	o := &f.options
	fs.StringVar(&f.listen, "listen", "127.0.0.1:9555", "Serve at `HOST:PORT`.")
	fs.StringArrayVar(&o.Specs, "meter", []string{"auto"}, "Serve this `METER`: "+host.Known()+"; repeatable.")
	fs.DurationVar(&f.poll, "poll", 0, "Read every `D` (default: from the registers' update periods).")
	fs.StringVar(&o.Sysfs, "sysfs", "/sys", "Read powercap, hwmon and drm below `DIR`.")
	fs.StringVar(&o.NVMLLibrary, "nvml-library", "", "Load the NVIDIA management library from `FILE` (default: the system's).")
	fs.IntVar(&o.PID, "pid", 0, "The engine is process `N` and its children: for the cputime model, and to tell other users of a GPU.")
	fs.StringVar(&o.EndpointURL, "endpoint", "", "The engine is the process that listens at `URL` on this host, and its children.")
	fs.Float64Var(&o.CPUWatts, "cpu-watts", host.DefaultCPUWatts(), "Assume `W` watts per busy core in the cputime model.")
}

// bindAgent is `cfu agent`.
func bindAgent(fs *pflag.FlagSet) subcommand.Action {
	var f agentFlags
	f.bind(fs)
	return f.run
}

// run checks who may be served and serves them.
func (f *agentFlags) run(ctx context.Context, env subcommand.Environment, _ []string) error {
	if f.poll < 0 {
		return subcommand.Usagef("--poll %v: want a positive duration", f.poll)
	}
	for _, spec := range f.options.Specs {
		if err := host.CheckSpec(spec); err != nil {
			return subcommand.Usagef("%w", err)
		}
	}
	credentials := agent.CredentialsFromEnv(env.Getenv)
	warning, err := agent.CheckListen(credentials, f.listen)
	if err != nil {
		return subcommand.Usagef("--listen %w", err)
	}
	if warning != "" {
		fmt.Fprintf(env.Stderr, "cfu agent: warning: %s\n", warning)
	}
	return f.serve(ctx, env, credentials)
}

// serve opens the meters and answers until ctx ends.
func (f *agentFlags) serve(ctx context.Context, env subcommand.Environment, credentials agent.Credentials) (err error) {
	env.Hold()
	f.options.Clock = meter.NewClock(time.Now())
	set, err := host.Open(ctx, f.options)
	if err != nil {
		return err
	}
	defer func() { err = set.CloseAfter(err) }()
	for _, r := range set.LeftOut {
		fmt.Fprintf(env.Stderr, "cfu agent: not served: %s\n", r.Line())
	}
	if len(set.Sources) == 0 {
		return errors.New("nothing to serve: no meter can be read on this host")
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", f.listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := agent.NewServer(f.options.Clock, set.Sources, set.LeftOut, f.poll, func() func(int) bool {
		return host.Own(f.options.PID, f.options.EndpointURL)
	}, credentials)
	for _, src := range set.Sources {
		for _, d := range src.Domains() {
			fmt.Fprintf(env.Stderr, "cfu agent: serving %s (%s, %s)\n", d.Name, d.Kind, d.Device)
		}
	}
	// The address is a result: with port 0 it is how a script learns the port.
	fmt.Fprintf(env.Stdout, "%s\n", listener.Addr())
	return server.Serve(ctx, listener)
}
