package loadgen

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"cfubench/internal/process"
	"cfubench/loadgen/mock"
)

// mockPatience is how long the mock may take for an answer: it has nothing to
// do but send it.
const mockPatience = 30 * time.Second

// mockProcess is a running mock server.
type mockProcess struct {
	url   string
	apart bool // on processors of its own
	cmd   *exec.Cmd
	stdin io.Closer
	log   *process.Log // what it says on standard error
}

// startMock starts the mock on the given processors, all if there are none.
func startMock(ctx context.Context, argv []string, cpus []int) (*mockProcess, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	log := process.NewLog(nil, nil)
	cmd.Stderr = log
	cmd.WaitDelay = time.Second // for who holds its output
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	apart, err := startOn(cmd, cpus)
	if err != nil {
		return nil, err
	}
	m := &mockProcess{apart: apart, cmd: cmd, stdin: stdin, log: log}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		m.stop()
		return nil, m.failed(fmt.Errorf("read its address: %w", err))
	}
	m.url = strings.TrimSpace(line)
	return m, nil
}

// stop ends the mock by closing its standard input.
func (m *mockProcess) stop() {
	m.stdin.Close()
	m.cmd.Wait()
}

func (m *mockProcess) pace(ctx context.Context, p mock.Pace) error {
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return m.call(ctx, http.MethodPut, "/pace", body, nil)
}

// stamps fetches the truth, by request.
func (m *mockProcess) stamps(ctx context.Context) (map[int]mock.Stamps, error) {
	var list []mock.Stamps
	if err := m.call(ctx, http.MethodGet, "/stamps", nil, &list); err != nil {
		return nil, err
	}
	byRequest := make(map[int]mock.Stamps, len(list))
	for _, s := range list {
		byRequest[s.Request] = s
	}
	return byRequest, nil
}

// failed adds what the mock said to an error.
func (m *mockProcess) failed(err error) error {
	if said := m.log.Last(); said != "" {
		return fmt.Errorf("%w; its last lines:\n%s", err, said)
	}
	return err
}

func (m *mockProcess) call(ctx context.Context, method, path string, body []byte, out any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, mockPatience, fmt.Errorf("no answer to %s within %v", path, mockPatience))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, m.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return m.failed(fmt.Errorf("ask the mock server: %w", err))
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("read the mock server's stamps: %w", err)
	}
	return nil
}
