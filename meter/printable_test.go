package meter_test

import (
	"testing"
	"unicode/utf8"

	"cfubench/meter"
)

func TestPrintable(t *testing.T) {
	for _, tt := range []struct{ does, text, want string }{
		{"what is fit stays", "Grace Power Socket 0 – 50 °C", "Grace Power Socket 0 – 50 °C"},
		{"no valid UTF-8, and an escape", "PSU \xff\xfe \x1b[31m", "PSU ? [31m"},
		{"lines become one", "a\r\nb\tc\n", "a  b c"},
		{"the other control characters, and a change of direction", "a\u009bb\u202ec\x00d", "abcd"},
	} {
		if got := meter.Printable(tt.text); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.does, got, tt.want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("PSU \xff\xfe \x1b[31m")
	f.Fuzz(func(t *testing.T, text string) {
		got := meter.Printable(text)
		if !utf8.ValidString(got) || meter.Printable(got) != got {
			t.Errorf("%q: got %q, which is not fit yet", text, got)
		}
	})
}
