package sweep

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cfubench/results/logs"
)

// ParseTimeUnit reads a unit of a trace's times: s, ms, us or ns.
func ParseTimeUnit(text string) (time.Duration, error) {
	units := map[string]time.Duration{"s": time.Second, "ms": time.Millisecond, "us": time.Microsecond, "ns": time.Nanosecond}
	unit, ok := units[text]
	if !ok {
		return 0, fmt.Errorf("%q: want s, ms, us or ns", text)
	}
	return unit, nil
}

// ParseStart reads the time at which shards start, of RFC 3339.
func ParseStart(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, fmt.Errorf("%q: want RFC 3339, as in 2026-01-31T12:00:00Z", text)
	}
	return t, nil
}

// SetShard takes the client's part of a run, I/N.
func (c *Config) SetShard(text string) (err error) {
	i, n, ok := strings.Cut(text, "/")
	var wrong error
	c.ShardIndex, err = strconv.Atoi(i)
	c.ShardCount, wrong = strconv.Atoi(n)
	if !ok || err != nil || wrong != nil || c.ShardCount < 1 {
		return fmt.Errorf("%q: want I/N with 1 <= I <= N", text)
	}
	return nil
}

// SetExtraBody takes what every request's body has beside the rest, a JSON object; none
// is "".
func (c *Config) SetExtraBody(text string) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), &c.ExtraBody); err != nil {
		return usagef("--extra-body: want a JSON object: %v", err)
	}
	return nil
}

// SetClock takes what the times of logs are: CLOCK, or power=CLOCK and requests=CLOCK for
// those of one kind.
func (im *Import) SetClock(text string) error {
	only, rest, named := strings.Cut(text, "=")
	if !named {
		only, rest = "", text
	}
	c, err := logs.ParseClock(rest)
	if err != nil {
		return err
	}
	switch only {
	case "":
		im.PowerOptions.Clock, im.RequestOptions.Clock = c, c
	case "power":
		im.PowerOptions.Clock = c
	case "requests":
		im.RequestOptions.Clock = c
	default:
		return fmt.Errorf("%q: want power=CLOCK, requests=CLOCK or CLOCK", text)
	}
	return nil
}

// SetColumns takes which columns of the logs have which role.
func (im *Import) SetColumns(columns logs.Columns) {
	im.PowerOptions.Columns, im.RequestOptions.Columns = columns.Power(), columns.Requests()
}

// AddPower takes one more power log, FILE:FORMAT.
func (im *Import) AddPower(text string) error {
	im.Power = append(im.Power, ParseLogFile(text, logs.PowerFormats()))
	im.PowerOptions.Several = len(im.Power) > 1
	return nil
}
