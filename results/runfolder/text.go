package runfolder

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"cfubench/internal/outside"
	"cfubench/internal/secret"
)

// longest is how long a text of a row may be, in bytes.
const longest = 64 << 10

// clean is what every text of a run folder passes, when it is written and when it
// is read: of servers and sensors, of traces and other tools' logs, and of folders
// that others made.
func clean(text string) string { return outside.Text(text) }

// word is a text of a row: clean, and bounded.
func word(text string) string {
	if len(text) > longest {
		text = outside.Cut(text, longest)
	}
	return clean(text)
}

// hidden is what a text of a run folder passes in addition when it is written: secrets
// that this process knows are in none. A number is none, though a password may look like
// a part of it.
func hidden(text string) string {
	if strings.Trim(text, "0123456789.-") == "" {
		return text
	}
	return secret.Own().Values(text)
}

// identities are the fields of a run that name something in another place, and hold no
// text of anybody's.
var identities = map[string]bool{
	"Schema": true, "Cfu": true, "Started": true, "ConfigHash": true, "TraceHash": true, "ScheduleHash": true, "Tables": true,
	"ID": true, "Name": true, "Label": true, "Domain": true, "Arrival": true, "Convention": true, "API": true,
	"Kind": true, "Scope": true, "Parent": true, "Gauge": true, "Reasons": true,
}

// Identity reports whether the Go field of this name holds such a name.
func Identity(field string) bool { return identities[field] }

// cleanDomains are domains with clean texts, which are what the rows of their
// readings are called by.
func cleanDomains(domains []DomainInfo) []DomainInfo {
	domains = slices.Clone(domains)
	eachText(reflect.ValueOf(domains), "", func(_, text string) string { return word(text) })
	return domains
}

// EachText replaces every text in the record, also in what is encoded already, by
// f of it. The field is the name of the Go field that holds it.
func (r *Run) EachText(f func(field, text string) string) {
	eachText(reflect.ValueOf(r).Elem(), "", f)
}

func eachText(v reflect.Value, field string, f func(field, text string) string) {
	switch v.Kind() {
	case reflect.String:
		if text := v.String(); text != "" {
			if changed := f(field, text); changed != text {
				v.SetString(changed)
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			eachText(v.Elem(), field, f)
		}
	case reflect.Interface: // of a request's fields, whose types JSON tells
		if v.IsNil() {
			return
		}
		inside := reflect.New(v.Elem().Type()).Elem()
		inside.Set(v.Elem())
		eachText(inside, field, f)
		v.Set(inside)
	case reflect.Slice:
		if raw, ok := v.Interface().(json.RawMessage); ok {
			// Where figures were taken for a text, nothing that can be read is left.
			if text := f(field, string(raw)); text != string(raw) && json.Valid([]byte(text)) {
				v.SetBytes([]byte(text))
			} else if text != string(raw) {
				v.SetBytes(nil)
			}
			return
		}
		for i := range v.Len() {
			eachText(v.Index(i), field, f)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(key))
			eachText(value, field, f)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if t := v.Type().Field(i); t.IsExported() {
				eachText(v.Field(i), t.Name, f)
			}
		}
	}
}
