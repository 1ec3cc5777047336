package sweep

import (
	"encoding/json"
	"strings"
	"testing"

	"cfubench/internal/secret"
	"cfubench/results/runfolder"
)

// TestExtraBodyIsRecordedWithoutSecrets: whatever shape a field of a secret has, no value
// of it is recorded, and each is known from then on.
func TestExtraBodyIsRecordedWithoutSecrets(t *testing.T) {
	for _, tt := range []struct {
		name, body, want string
		told             []string
	}{
		{"a text", `{"api_key":"body-text-0a1b"}`, `{"api_key":"***"}`, []string{"body-text-0a1b"}},
		{"a list", `{"api_key":["body-list-0a1b","body-list-2c3d"]}`, `{"api_key":["***","***"]}`, []string{"body-list-2c3d"}},
		{"an object", `{"m":{"password":{"v":"body-deep-0a1b","n":5}}}`, `{"m":{"password":{"n":"***","v":"***"}}}`, []string{"body-deep-0a1b"}},
		{"a number", `{"password":12345678}`, `{"password":"***"}`, nil},
		{"a header of a tool in a list", `{"tools":[{"headers":{"Authorization":"Bearer body-tool-0a1b"}}]}`, `{"tools":[{"headers":{"Authorization":"***"}}]}`, []string{"body-tool-0a1b"}},
		{"a known value somewhere else", `{"a":["x body-else-0a1b"],"api_key":"body-else-0a1b"}`, `{"a":["x ***"],"api_key":"***"}`, []string{"body-else-0a1b"}},
		{"no secret", `{"a":[1,true,null,"x"],"b":{"c":2.5},"max_tokens":5}`, `{"a":[1,true,null,"x"],"b":{"c":2.5},"max_tokens":5}`, nil},
	} {
		c := Config{Secrets: secret.New(), Getenv: func(string) string { return "" }}
		if err := c.SetExtraBody(tt.body); err != nil {
			t.Fatal(err)
		}
		c.learn()
		got, err := json.Marshal(c.Recorded().ExtraBody)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got %s, %v, want %s", tt.name, got, err, tt.want)
		}
		for _, v := range tt.told {
			if text := c.Secrets.Values("says " + v); text != "says ***" {
				t.Errorf("%s: %s is not known: %s", tt.name, v, text)
			}
		}
		for _, v := range tt.told {
			if sent, _ := json.Marshal(c.ExtraBody); !strings.Contains(string(sent), v) {
				t.Errorf("%s: it is sent as %s, want it whole", tt.name, sent)
			}
		}
	}
}

// TestParametersOfSecretsAreRefused: their values would stand in names of folders.
func TestParametersOfSecretsAreRefused(t *testing.T) {
	const value = "param-0a1b2c3d"
	for name, refused := range map[string]bool{"apikey": true, "hf-token": true, "dtype": false, "max-tokens": false} {
		g := Grid{Params: []Param{{Name: name, Values: []string{value, "y"}}}}
		_, err := g.Configurations("x {" + name + "}")
		switch {
		case !refused && err != nil:
			t.Errorf("%s: got %v, want it taken", name, err)
		case refused && (err == nil || !strings.Contains(err.Error(), "environment") || strings.Contains(err.Error(), value)):
			t.Errorf("%s: got %v, want a line with the remedy and without the value", name, err)
		}
		if err != nil && secret.New().Text(err.Error()) != err.Error() {
			t.Errorf("%s: the redactor would eat %q", name, err)
		}
	}
}

// TestValuesWithSecretsAreRefused: a secret in a label or a parameter's value would
// stand in names of folders, whatever the parameter is called.
func TestValuesWithSecretsAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name          string
		configuration runfolder.Configuration
		refused       bool
	}{
		{"no secret", runfolder.Configuration{Label: "flags=--dtype=auto", Params: map[string]string{"flags": "--dtype=auto --max-tokens=5"}}, false},
		{"an option", runfolder.Configuration{Label: "flags=x", Params: map[string]string{"flags": "--api-key=value-0a1b2c3d"}}, true},
		{"a variable", runfolder.Configuration{Label: "env=x", Params: map[string]string{"env": "HF_TOKEN=value-0a1b2c3d"}}, true},
		{"the shape of a key", runfolder.Configuration{Label: "x=1", Params: map[string]string{"x": "sk-value0a1b2c3d4e5f"}}, true},
		{"a value that the command has for a key", runfolder.Configuration{Label: "y", EngineCmd: "serve --api-key value-0a1b2c3d", Params: map[string]string{"x": "value-0a1b2c3d"}}, true},
		{"a label", runfolder.Configuration{Label: "with value-0a1b2c3d", EngineCmd: "serve --api-key value-0a1b2c3d"}, true},
	} {
		c := Config{Secrets: secret.New(), Getenv: func(string) string { return "" }}
		c.Configurations = []runfolder.Configuration{tt.configuration}
		c.learn()
		err := c.checkSecrets()
		if (err != nil) != tt.refused {
			t.Errorf("%s: got %v, want refused %v", tt.name, err, tt.refused)
		}
		if err != nil && strings.Contains(err.Error(), "0a1b2c3d") {
			t.Errorf("%s: the error has the secret: %v", tt.name, err)
		}
	}
}
