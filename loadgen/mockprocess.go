package loadgen

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"

	"cfubench/loadgen/mock"
)

// mockProcess is a running mock server.
type mockProcess struct {
	url   string
	apart bool // on processors of its own
	cmd   *exec.Cmd
	stdin io.Closer
}

// startMock starts the mock on the given processors, all if there are none.
func startMock(ctx context.Context, argv []string, cpus []int) (*mockProcess, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
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
	m := &mockProcess{apart: apart, cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		m.stop()
		return nil, fmt.Errorf("read its address: %w", err)
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

func (m *mockProcess) call(ctx context.Context, method, path string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, m.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the mock server: %w", err)
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
