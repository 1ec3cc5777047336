package sweep

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"cfubench/internal/secret"
	"cfubench/loadgen/endpoint"
	"cfubench/results/runfolder"
)

// learn makes the secrets of the configuration known to its redactor.
func (c *Config) learn() {
	if c.Secrets == nil {
		c.Secrets = secret.Own()
	}
	endpoint.Access{APIKey: c.APIKey, Headers: c.Headers}.Tell(c.Secrets)
	for _, address := range append([]string{c.Endpoint, c.Tokenizer, c.Dataset}, c.Meter...) {
		c.Secrets.AddURL(address)
	}
	c.Secrets.Add(secretsOf(c.ExtraBody, false)...)
	c.Secrets.AddCommand(c.EngineCmd, c.Getenv)
	for _, k := range c.Configurations {
		c.Secrets.AddCommand(k.EngineCmd, c.Getenv)
		c.Secrets.AddCommand(command(k), c.Getenv)
	}
}

// checkSecrets refuses labels and values of parameters that have a secret in them:
// folders are called by them. It needs what learn makes known.
func (c *Config) checkSecrets() error {
	for _, k := range c.Configurations {
		for _, name := range slices.Sorted(maps.Keys(k.Params)) {
			if value := k.Params[name]; c.Secrets.Command(value) != value {
				return usagef("parameter %s has a value with a secret, %s, and folders are called by it: put the secret into an environment variable, and that into the engine command",
					name, c.Secrets.Command(value))
			}
		}
		if label := c.Secrets.Command(k.Label); label != k.Label {
			return usagef("configuration %s has a secret in its label, and folders are called by it", label)
		}
	}
	return nil
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
	for name, value := range r.ExtraBody {
		r.ExtraBody[name] = hidden(value, secret.IsSecretName(name), c.Secrets)
	}
	r.Header = nil
	for _, h := range c.Headers {
		r.Header = append(r.Header, h.Name)
	}
	return r
}

// hidden is a value of a request's fields without secrets: what the fields hold changes
// what the server does, and is kept. Of a secret's own field no value is, whatever its
// shape.
func hidden(value any, own bool, secrets *secret.Redactor) any {
	switch v := value.(type) {
	case map[string]any:
		for name := range v {
			v[name] = hidden(v[name], own || secret.IsSecretName(name), secrets)
		}
		return v
	case []any:
		for i := range v {
			v[i] = hidden(v[i], own, secrets)
		}
		return v
	case nil, bool:
		return v
	case string:
		if !own {
			return secrets.Text(v)
		}
	}
	if own {
		return secret.Mask
	}
	return value
}

// secretsOf are the texts in the fields of secrets of a request, and of those the parts
// that a server may repeat alone: the token behind "Bearer".
func secretsOf(value any, own bool) (values []string) {
	switch v := value.(type) {
	case map[string]any:
		for name := range v {
			values = append(values, secretsOf(v[name], own || secret.IsSecretName(name))...)
		}
	case []any:
		for i := range v {
			values = append(values, secretsOf(v[i], own)...)
		}
	case string:
		if own {
			values = append(values, v)
			if words := strings.Fields(v); len(words) > 1 {
				values = append(values, words[1:]...)
			}
		}
	}
	return values
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
		if runfolder.Identity(field) {
			return text
		}
		return s.config.Secrets.Text(text)
	})
	s.record.Cells, s.hidden = cells, len(cells)
}
