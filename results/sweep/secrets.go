package sweep

import (
	"encoding/json"

	"cfubench/internal/secret"
	"cfubench/loadgen/endpoint"
	"cfubench/results/runfolder"
)

// learn makes the secrets of the configuration known to its redactor.
func (c *Config) learn() {
	if c.Secrets == nil {
		c.Secrets = secret.New()
	}
	endpoint.Access{APIKey: c.APIKey, Headers: c.Headers}.Tell(c.Secrets)
	for _, address := range append([]string{c.Endpoint, c.Tokenizer, c.Dataset}, c.Meter...) {
		c.Secrets.AddURL(address)
	}
	c.Secrets.AddCommand(c.EngineCmd, c.Getenv)
	for _, k := range c.Configurations {
		c.Secrets.AddCommand(k.EngineCmd, c.Getenv)
		c.Secrets.AddCommand(command(k), c.Getenv)
	}
}

// Recorded is what run.json keeps of the configuration: no secret.
func (c Config) Recorded() runfolder.Config {
	r := clone(c.Config)
	for _, text := range []*string{&r.Endpoint, &r.Tokenizer, &r.Dataset} {
		*text = c.Secrets.Text(*text)
	}
	for i := range r.Meter {
		r.Meter[i] = c.Secrets.Text(r.Meter[i])
	}
	r.EngineCmd = c.Secrets.Command(r.EngineCmd)
	for i := range r.Configurations {
		k := &r.Configurations[i]
		k.EngineCmd = c.Secrets.Command(k.EngineCmd)
		for name, value := range k.Params {
			if secret.IsSecretName(name) {
				value = secret.Mask
			}
			k.Params[name] = c.Secrets.Text(value)
		}
	}
	r.ExtraBody = hidden(r.ExtraBody, c.Secrets)
	r.Header = nil
	for _, h := range c.Headers {
		r.Header = append(r.Header, h.Name)
	}
	return r
}

// hidden is the fields of a request without secrets: what the fields hold
// changes what the server does, and is kept.
func hidden(body map[string]any, secrets *secret.Redactor) map[string]any {
	for name, value := range body {
		switch v := value.(type) {
		case string:
			if secret.IsSecretName(name) {
				v = secret.Mask
			}
			body[name] = secrets.Text(v)
		case map[string]any:
			body[name] = hidden(v, secrets)
		}
	}
	return body
}

// clone is a copy that shares nothing, by way of JSON.
func clone[T any](v T) (out T) {
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		panic("sweep: a record of plain fields does not marshal: " + err.Error())
	}
	return out
}

// hideSecrets redacts the record in place: of its cells those that are new since
// the last time.
func (s *sweep) hideSecrets() {
	cells := s.record.Cells
	s.record.Cells = cells[min(s.hidden, len(cells)):]
	s.record.EachText(func(field, text string) string {
		if identities[field] {
			return text
		}
		return s.config.Secrets.Text(text)
	})
	s.record.Cells, s.hidden = cells, len(cells)
}

// identities are the fields of the record that name something in another place,
// and hold no text of anybody's.
var identities = map[string]bool{
	"Schema": true, "Cfu": true, "Started": true, "ConfigHash": true, "TraceHash": true, "ScheduleHash": true,
	"ID": true, "Name": true, "Label": true, "Domain": true, "Arrival": true, "Convention": true, "API": true,
}
