// Package sensors checks the part of a configuration that says which meters are read,
// and how.
package sensors

import (
	"math"

	"cfubench/meter"
	"cfubench/meter/host"
	"cfubench/results/runfolder"
)

// Check refuses meters that cannot be meant, as a runfolder.ConfigError, and none at all.
func Check(c runfolder.Config) error {
	if len(c.Meter) == 0 {
		return runfolder.Refuse("--meter is empty: want a meter or auto")
	}
	return CheckAny(c)
}

// CheckAny is Check for who may meter nothing.
func CheckAny(c runfolder.Config) error {
	for _, m := range c.Meter {
		if err := host.CheckSpec(m); err != nil {
			return runfolder.Refuse("--meter: %w", err)
		}
	}
	if _, err := meter.ParseChoice(c.GPUs); err != nil {
		return runfolder.Refuse("--gpus: %w", err)
	}
	if c.Reference != "" {
		if _, err := runfolder.ReadReference(c.Reference); err != nil {
			return runfolder.Refuse("--reference: %w", err)
		}
	}
	switch {
	case c.Poll < 0:
		return runfolder.Refuse("--poll %v: want 0 or more", c.Poll)
	case !(c.CPUWatts > 0) || math.IsInf(c.CPUWatts, 0):
		return runfolder.Refuse("--cpu-watts %v: want a number above 0", c.CPUWatts)
	case !(c.CPUIdleWatts >= 0) || math.IsInf(c.CPUIdleWatts, 0):
		return runfolder.Refuse("--cpu-idle-watts %v: want a number of 0 or more", c.CPUIdleWatts)
	case c.ExpectDevices < 0:
		return runfolder.Refuse("--expect-devices %d: want 0 or more", c.ExpectDevices)
	}
	return nil
}
