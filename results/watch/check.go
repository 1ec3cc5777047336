package watch

import (
	"os"
	"path/filepath"
	"time"

	"cfubench/loadgen/endpoint"
	"cfubench/results/runfolder"
	"cfubench/results/sensors"
	"cfubench/results/tenants/otlp"
)

// Check refuses what is wrong before anything is opened, as a runfolder.ConfigError.
func (c *Config) Check() error {
	if c.Out == "" {
		return runfolder.Refuse("--out is missing: give the folder that the hours are written to")
	}
	if _, err := os.Stat(filepath.Join(c.Out, runfolder.RunFile)); err == nil {
		return runfolder.Refuse("--out %s: it is the folder of a run: give one of their own to the hours", c.Out)
	}
	if c.Endpoint == "" {
		return runfolder.Refuse("--endpoint is missing: give the address of the server, as in http://127.0.0.1:8000")
	}
	if _, err := endpoint.Parse(c.Endpoint); err != nil {
		return runfolder.Refuse("--endpoint: %w", err)
	}
	if c.Interval < 50*time.Millisecond || c.Interval > time.Minute {
		return runfolder.Refuse("--interval %v: want 50ms to 1m", c.Interval)
	}
	if err := sensors.Check(c.Config); err != nil {
		return err
	}
	if c.PID < 0 {
		return runfolder.Refuse("--pid %d: want the number of a process", c.PID)
	}
	if info, err := os.Stat(c.Tenants.Log); err == nil && !info.Mode().IsRegular() {
		return runfolder.Refuse("--tenant-log %s: want a regular file, to which lines are added: of a pipe, what is read once is gone", c.Tenants.Log)
	}
	switch t := c.Tenants; {
	case t.Log != "" && t.OTLP != "":
		return runfolder.Refuse("--tenant-log and --otlp-listen: give one, since a request that is in both would count twice")
	case t.Log == "" && t.OTLP == "":
		c.Weights = "" // nothing is divided by it
		return nil
	}
	return c.Tenants.Check(c.Weights)
}

// Receive takes from the environment who may send spans, if any are received, and
// refuses other hosts that nobody knows, as a runfolder.ConfigError. The warning, if it
// is not "", is to be said.
func (c *Config) Receive() (warning string, err error) {
	if c.Tenants.OTLP == "" {
		return "", nil
	}
	c.Tenants.Gate = otlp.Gate(c.Getenv)
	c.Secrets.Add(c.Tenants.Gate.Token)
	if warning, err = c.Tenants.Gate.CheckListen(c.Tenants.OTLP); err != nil {
		return "", runfolder.Refuse("--otlp-listen %w", err)
	}
	return warning, nil
}
