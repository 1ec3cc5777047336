package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"cfubench/internal/process"
	"cfubench/internal/secret"
)

// DefaultReady is how long a server may take to become healthy: vLLM needs
// half a minute on CPUs, and minutes for large weights from a cold disk.
const DefaultReady = 10 * time.Minute

// DefaultGrace is how long a server may take to end after SIGTERM, and InterruptGrace
// how long if its user has interrupted the run, who is promised an end within 2 s.
const (
	DefaultGrace   = process.DefaultGrace
	InterruptGrace = 750 * time.Millisecond
)

// Launch says how to start a server.
type Launch struct {
	// Command is run by sh, with {port} replaced by a free port, {batch} by
	// Batch and {cpus} by CPUs. It must have {port}, and {batch} if Batch is
	// not 0. A preset of CommandFor is expanded first.
	Command string
	Batch   int
	// CPUs, if given, is the list of cores ("0-3,8") that the server and its
	// children are bound to.
	CPUs string
	// Ready is the deadline for health, DefaultReady if 0; Grace the time
	// between SIGTERM and SIGKILL, DefaultGrace if 0.
	Ready, Grace time.Duration
	// Log gets what the server prints, bounded and without secrets and control
	// characters; nil for nowhere.
	Log io.Writer
	// Secrets hides keys in what the server prints. The command's own are made
	// known to it, so that they are hidden everywhere.
	Secrets *secret.Redactor
}

// Server is a launched server. Stop ends all its processes; should this process
// die without Stop, even by SIGKILL, they are ended too (package process says
// how).
type Server struct {
	*process.Group
	port int
	log  *process.Log
}

// Start launches a server on a free port of 127.0.0.1 and waits until it is
// healthy. A server that ends, or is not healthy by the deadline or when ctx
// is cancelled, is stopped, and the error carries the last lines it printed.
// After Start the caller must Stop the server; ctx has no more effect on it.
func Start(ctx context.Context, l Launch) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	if l.Secrets == nil {
		l.Secrets = secret.Own()
	}
	line, err := l.expand(port)
	if err != nil {
		return nil, err
	}
	cpus, err := parseCPUs(l.CPUs)
	if err != nil {
		return nil, err
	}
	l.Secrets.AddCommand(line, os.Getenv)
	l.Secrets.AddEnvironment(os.Environ()) // which the engine inherits
	s := &Server{port: port, log: process.NewLog(l.Log, l.Secrets)}
	s.Group, err = process.Start(process.Spec{
		Args: []string{"sh", "-c", line}, Output: s.log, Bind: cpus.bindThread, Grace: orDefault(l.Grace, DefaultGrace),
	})
	if err != nil {
		return nil, fmt.Errorf("start engine: %w", err)
	}
	if err := s.awaitReady(ctx, orDefault(l.Ready, DefaultReady)); err != nil {
		return nil, errors.Join(err, s.Stop(ctx)) // the caller gets no Server: nobody else can
	}
	return s, nil
}

func orDefault(d, def time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return def
}

// expand replaces the placeholders of the command.
func (l Launch) expand(port int) (string, error) {
	var err error
	if l.Command, err = CommandFor(l.Command); err != nil {
		return "", err
	}
	need := func(placeholder, what string) error {
		return fmt.Errorf("engine command %q has no %s: put it where the command takes the %s",
			l.Secrets.Command(l.Command), placeholder, what)
	}
	switch {
	case strings.TrimSpace(l.Command) == "":
		return "", errors.New("engine command is empty")
	case l.Batch < 0:
		return "", fmt.Errorf("batch %d: must be at least 1", l.Batch)
	case !strings.Contains(l.Command, "{port}"):
		return "", need("{port}", "port")
	case l.Batch > 0 && !strings.Contains(l.Command, "{batch}"):
		return "", need("{batch}", "batch size")
	case l.CPUs == "" && strings.Contains(l.Command, "{cpus}"):
		return "", fmt.Errorf("engine command %q has {cpus}, but no list of cores is given", l.Secrets.Command(l.Command))
	}
	return strings.NewReplacer("{port}", strconv.Itoa(port),
		"{batch}", strconv.Itoa(l.Batch), "{cpus}", l.CPUs).Replace(l.Command), nil
}

// freePort asks the kernel for a port that nobody listens on.
func freePort() (int, error) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// Stop ends the server and all its processes, as process.Group.Stop does, and
// completes its log. ctx is that of the work that the server was for: from its end on the
// server has InterruptGrace, to give back shared memory.
func (s *Server) Stop(ctx context.Context) error {
	kill, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		select {
		case <-time.After(InterruptGrace):
			cancel()
		case <-kill.Done():
		}
	})()
	err := s.Group.Stop(kill)
	s.log.Close()
	if err != nil {
		return fmt.Errorf("stop engine: %w", err)
	}
	return nil
}

// awaitReady waits until the server is healthy, ended or late.
func (s *Server) awaitReady(ctx context.Context, limit time.Duration) error {
	late := fmt.Errorf("engine was not healthy after %v: give it more time, or see what it printed", limit)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, late)
	defer cancel()
	ctx, died := context.WithCancelCause(ctx)
	defer died(nil)
	var wait errgroup.Group
	ready := make(chan struct{})
	wait.Go(func() error {
		select {
		case <-s.Exited():
			died(fmt.Errorf("engine ended before it was healthy: %w", s.Err()))
		case <-ready:
		}
		return nil
	})
	err := WaitReady(ctx, nil, s.URL(), "")
	close(ready)
	wait.Wait()
	if err == nil {
		select {
		case <-s.Exited(): // whoever answered, it was not this server
			err = fmt.Errorf("engine ended, yet port %d answers: another server has taken it: %w", s.port, s.Err())
		default:
			return nil
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return s.withTail(err)
}

// withTail adds the last lines that the server printed.
func (s *Server) withTail(err error) error {
	select {
	case <-s.Drained():
	case <-time.After(200 * time.Millisecond): // its children still can print
	}
	if lines := s.log.Last(); lines != "" {
		return fmt.Errorf("%w; its last lines:\n%s", err, lines)
	}
	return fmt.Errorf("%w; it printed nothing", err)
}

// URL is the server's address, without a trailing slash.
func (s *Server) URL() string { return "http://127.0.0.1:" + strconv.Itoa(s.port) }

// ExitError says how the server ended, with the last lines that it printed. It
// is nil while the server runs and never nil afterwards: a server that ends
// by itself has failed, whatever its exit status.
func (s *Server) ExitError() error {
	select {
	case <-s.Exited():
		return s.withTail(fmt.Errorf("engine ended: %w", s.Err()))
	default:
		return nil
	}
}
