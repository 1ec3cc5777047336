package record

import (
	"cfubench/results/runfolder"
	"cfubench/results/sensors"
)

// Check refuses what is wrong or does not go together before anything is started, as a
// runfolder.ConfigError.
func (c Config) Check() error {
	switch given := len(c.Command) > 0; {
	case c.Out == "":
		return runfolder.Refuse("--out is missing: give the folder that the record is written to")
	case given && c.PID != 0:
		return runfolder.Refuse("a command and --pid: give one of them")
	case given && !c.Until.IsZero():
		return runfolder.Refuse("a command and --until: the command says when it ends; give --pid or no command")
	case c.PID < 0:
		return runfolder.Refuse("--pid %d: want the number of a process", c.PID)
	case !given && c.PID == 0 && c.Until.IsZero() && !c.Append:
		return runfolder.Refuse("nothing to record: give a command after --, --pid or --until")
	case c.Idle < 0:
		return runfolder.Refuse("--idle %v: want 0 or more", c.Idle)
	}
	return sensors.Check(c.Config)
}

// Completes reports whether nothing is metered any more, and a record that was cut short
// is completed.
func (c Config) Completes() bool { return len(c.Command) == 0 && c.PID == 0 && c.Until.IsZero() }
