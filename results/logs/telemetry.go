package logs

import (
	"bytes"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cfubench/meter"
)

// detectTelemetry knows AIPerf's gpu_telemetry_export.jsonl
// (github.com/ai-dynamo/aiperf): one GPU's values a line, Unix ns.
func detectTelemetry(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte{'\n'})
	return bytes.HasPrefix(bytes.TrimSpace(line), []byte{'{'}) && bytes.Contains(line, []byte(`"telemetry_data"`))
}

type telemetryLine struct {
	TimestampNS *int64 `json:"timestamp_ns"`
	UUID        string `json:"gpu_uuid"`
	Index       *int   `json:"gpu_index"`
	Host        string `json:"hostname"`
	Model       string `json:"gpu_model_name"`
	Data        struct {
		// The names before they were put into a namespace, and after.
		Power        *float64 `json:"gpu_power_usage"`           // W
		NvidiaPower  *float64 `json:"nvidia_power_usage"`        // W
		Energy       *float64 `json:"energy_consumption"`        // MJ
		NvidiaEnergy *float64 `json:"nvidia_energy_consumption"` // MJ
	} `json:"telemetry_data"`
}

// readTelemetry reads AIPerf's telemetry. Its counter is DCGM's as it was last
// scraped, in megajoules; the gauge is read too.
func readTelemetry(r io.Reader, p *Power, o Options, sink func(Sample) error) error {
	p.Basis = BasisEpoch
	return eachLine(r, func(line int, raw []byte, cut bool) error {
		var l telemetryLine
		if err := json.Unmarshal(raw, &l, lenient()); err != nil {
			if cut {
				p.Cut = true
				return nil
			}
			return fmt.Errorf("it is no line of AIPerf's telemetry: %w", err)
		}
		if l.TimestampNS == nil || l.UUID == "" && l.Index == nil {
			return fmt.Errorf("it has no timestamp_ns or no gpu_uuid")
		}
		d := Device{ID: l.UUID, Host: l.Host, Product: l.Model, Scope: meter.ScopeGPU, Kind: meter.KindPower, Gauge: "DCGM power_usage"}
		if l.Data.Power == nil && l.Data.NvidiaPower == nil {
			d.Kind, d.Gauge = meter.KindCounter, "DCGM energy_consumption"
		}
		if d.ID == "" {
			d.ID = fmt.Sprint(*l.Index)
		}
		if d.Name = deviceName(d.Scope, d.ID, d.Host); l.Index != nil && l.Host == "" {
			d.Name = fmt.Sprintf("gpu%d", *l.Index)
		}
		i, err := p.device(d)
		if err != nil {
			return err
		}
		s := Sample{Device: i, UnixNS: o.Clock.place(BasisEpoch, *l.TimestampNS)}
		for _, w := range []*float64{l.Data.Power, l.Data.NvidiaPower} {
			if w != nil && *w > 0 {
				s.Power, s.HasPower = meter.Power(*w*1e6), true
			}
		}
		for _, mj := range []*float64{l.Data.Energy, l.Data.NvidiaEnergy} {
			if mj != nil && *mj > 0 {
				s.Energy, s.HasEnergy = meter.Energy(*mj*1e12), true
			}
		}
		return sink(s)
	})
}

// eachLine calls do with each line of a JSON-lines file that is not blank; cut
// reports the last one if no line end follows it.
func eachLine(r io.Reader, do func(line int, raw []byte, cut bool) error) error {
	t := newRecords(newPlainJSON(r))
	for {
		raw, err := t.lineUpTo(maxJSONLine)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if raw = bytes.TrimSpace(raw); len(raw) == 0 {
			continue
		}
		if err := do(t.next, raw, t.cut); err != nil {
			return &lineError{t.next, err}
		}
	}
}

// lenient lets through what scraped files hold and Python accepts.
func lenient() json.Options {
	return json.JoinOptions(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
}
