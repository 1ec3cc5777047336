package runfolder

import (
	"encoding/json"
	"reflect"
)

// EachText replaces every text in the record, also in what is encoded already, by
// f of it. The field is the name of the Go field that holds it.
func (r *Run) EachText(f func(field, text string) string) {
	eachText(reflect.ValueOf(r).Elem(), "", f)
}

func eachText(v reflect.Value, field string, f func(field, text string) string) {
	switch v.Kind() {
	case reflect.String:
		if text := v.String(); text != "" {
			v.SetString(f(field, text))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			eachText(v.Elem(), field, f)
		}
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
			if value := v.MapIndex(key); value.Kind() == reflect.String {
				v.SetMapIndex(key, reflect.ValueOf(f(field, value.String())).Convert(value.Type()))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if t := v.Type().Field(i); t.IsExported() {
				eachText(v.Field(i), t.Name, f)
			}
		}
	}
}
