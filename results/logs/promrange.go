package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// detectPrometheusJSON knows what Prometheus' HTTP API answers to a query.
func detectPrometheusJSON(head []byte) bool {
	return detectJSON(head) && bytes.Contains(head, []byte(`"status"`)) &&
		(bytes.Contains(head, []byte(`"resultType"`)) || bytes.Contains(head, []byte(`"errorType"`)))
}

// readPrometheusJSON reads the answer to a query of a range: series one after
// the other, each with its labels before its values. Series of other metrics are
// left out.
func readPrometheusJSON(r io.Reader, p *Power, o Options, sink func(Sample) error) error {
	p.Basis = BasisEpoch
	var m metric
	device, known, found := 0, false, false
	err := newWalk(r).run(func(path []string) step {
		switch {
		case is(path, "data", "result", "*", "metric"), is(path, "data", "result", "*", "values", "*"), is(path, "data", "resultType"), is(path, "error"):
			return take
		case toward(path, "data", "result", "*", "values", "*"):
			return into
		}
		return skip
	}, func(path []string, v jsontext.Value) error {
		switch path[len(path)-1] {
		case "error":
			return fmt.Errorf("an error of Prometheus and no answer: %s", clip(string(v)))
		case "resultType":
			if string(v) != `"matrix"` {
				return fmt.Errorf("it is the answer to a query of a moment (%s): query a range (/api/v1/query_range)", clip(string(v)))
			}
			return nil
		case "metric":
			var labels map[string]string
			if err := json.Unmarshal(v, &labels, lenient()); err != nil {
				return fmt.Errorf("metric: %w", err)
			}
			if m, known = prometheusMetric(labels["__name__"]); !known {
				p.warn("series of %s were left out", clip(first(labels["__name__"], "no metric's name, which a function takes away")))
				return nil
			}
			d, err := m.device(labels)
			if err != nil {
				return err
			}
			found = true
			device, err = p.device(d)
			return err
		}
		if !known {
			return nil
		}
		var pair [2]jsontext.Value
		if err := json.Unmarshal(v, &pair, lenient()); err != nil || pair[1].Kind() != '"' {
			return fmt.Errorf("%s is no pair of a time and a value", clip(string(v)))
		}
		at, ok := timeUnits["s"].parse(pair[0])
		if !ok || basisOf(at) != BasisEpoch {
			return fmt.Errorf("%s is no Unix time", clip(string(pair[0])))
		}
		return m.sample(device, o.Clock.place(BasisEpoch, at), string(pair[1][1:len(pair[1])-1]), sink)
	})
	if err == nil && !found {
		return errors.New("it has no series of a metric that is known: query the metric itself, such as DCGM_FI_DEV_POWER_USAGE, without a function around it")
	}
	return err
}
