package runfolder

import (
	"time"

	"cfubench/meter"
)

// RecordCell is the cell of a record; later parts of one that was gone on with
// are RecordCell-2, RecordCell-3, …
const RecordCell = "record"

// WatchCell is the cell of an hour of a server in production; later ones of the hour
// are WatchCell-2, …
const WatchCell = "watch"

// PowerFile is a record's power by the second, where readings were rolled up.
const PowerFile = "power.arrow"

// Recorded says that the run is a record: a command, a process or a host that was
// metered from start to end without any load of cfu's own. Its cells have no
// requests, one cell a part.
type Recorded struct {
	// Label and Stage are the user's: what was recorded, and the kind of stage of
	// a life cycle that it is ("training").
	Label string         `json:"label,omitempty"`
	Stage string         `json:"stage,omitempty"`
	Parts []RecordedPart `json:"parts"`
}

// OfServer is what a part of cfu watch is of.
const OfServer = "server"

// Serves reports whether the record is one of a server in production: its cells
// deliver requests, which the server counted. It is false of a nil record.
func (r *Recorded) Serves() bool {
	if r == nil || len(r.Parts) == 0 {
		return false
	}
	for _, p := range r.Parts {
		if p.Of != OfServer {
			return false
		}
	}
	return true
}

// Merged reports whether the parts are those of several records. It is false of a nil
// record.
func (r *Recorded) Merged() bool { return r != nil && len(r.Parts) > 0 && r.Parts[0].Node != "" }

// RecordedPart is one start of the meters.
type RecordedPart struct {
	Cell string `json:"cell"`
	// Node is the one of several whose records were merged that the part is of, and
	// Host that machine; nothing of a record of its own, whose host is the run's.
	Node string `json:"node,omitempty"`
	Host *Host  `json:"host,omitempty"`
	// Of is what was metered: "command", "process", "host", or "server": one in
	// production, beside its own totals in engine.arrow.
	Of      string   `json:"of"`
	Command []string `json:"command,omitempty"` // as run, without secrets
	PID     int      `json:"pid,omitempty"`
	Started string   `json:"started"` // RFC 3339, UTC
	BootID  string   `json:"boot_id,omitempty"`
	// Exit is the command's exit code, 128 and the signal's number where one ended
	// it; nil where there was no command or its end was not seen.
	Exit   *int   `json:"exit_code,omitempty"`
	Signal string `json:"signal,omitempty"`
	// Cut says that cfu or the host was stopped before the part's end.
	Cut bool `json:"cut,omitempty"`
	// Gap is the wall time since the part before, of which nothing is known.
	Gap time.Duration `json:"gap_ns,omitempty"`
	// User and System are the CPU times of the command and of those that it
	// waited for.
	User   time.Duration `json:"user_ns,omitempty"`
	System time.Duration `json:"system_ns,omitempty"`
}

// ReasonCut is the code of a cell's reason: its meters were killed, and what they
// had read until then is the cell.
const ReasonCut = "cut_short"

// PowerSecond is a row of power.arrow: one domain over one second of the cell's
// clock whose readings were rolled up.
type PowerSecond struct {
	Domain string
	From   time.Duration // begin of the second
	// Mean is over time; Min and Max are of the gauge's figures, or of a counter's
	// mean over stretches of a tenth of a second and more.
	Min, Mean, Max meter.Power
}

// Powers is the table of power.arrow.
func Powers() Table[PowerSecond] {
	type R = PowerSecond
	return Table[R]{name: "power", columns: []column[R]{
		code("domain", func(r *R) *string { return &r.Domain }),
		whole("from_ns", "ns", nil, func(r *R) *time.Duration { return &r.From }),
		whole("min_uw", "uW", nil, func(r *R) *meter.Power { return &r.Min }),
		whole("mean_uw", "uW", nil, func(r *R) *meter.Power { return &r.Mean }),
		whole("max_uw", "uW", nil, func(r *R) *meter.Power { return &r.Max }),
	}}
}
