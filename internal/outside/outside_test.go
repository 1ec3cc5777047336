package outside_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"cfubench/internal/outside"
)

func TestLine(t *testing.T) {
	for _, c := range []struct{ comment, text, want string }{
		{"plain text stays", "model is loading, 3 of 4: größe 模型", "model is loading, 3 of 4: größe 模型"},
		{"line breaks are folded", "a\r\n\tb\n\nc", "a b c"},
		{"space at the ends goes", "  a  b ", "a b"},
		{"colours go with their sequence", "no \x1b[1;31mred\x1b[0m here", "no red here"},
		{"a title is not set", "m\x1b]0;pwned\x07x", "mx"},
		{"a title that does not end", "m\x1b]0;pwned", "m0;pwned"},
		{"a link that ends with ST", "\x1b]8;;http://e\x1b\\here\x1b]8;;\x1b\\", "here"},
		{"the screen is not cleared", "m\x1b[2J\x1bcx", "mx"},
		{"C1 controls", "a\u009b31mb\u0085c\u0080d", "ab cd"},
		{"marks of direction", "user\u202egnp.exe\u2066x\u200f", "usergnp.exex"},
		{"tags and a byte order mark", "\ufeffa\U000e0041b", "ab"},
		{"emoji keep their joiners", "👩\u200d💻", "👩\u200d💻"},
		{"what is no UTF-8", "PSU \xff\xfe ok", "PSU \ufffd\ufffd ok"},
		{"NUL and DEL", "a\x00b\x7fc", "a b c"},
		{"line and paragraph separators", "a\u2028b\u2029c", "a b c"},
		{"nothing", "", ""},
	} {
		if got := outside.Line(c.text, 0); got != c.want {
			t.Errorf("%s: Line(%q) = %q, want %q", c.comment, c.text, got, c.want)
		}
	}
	if got := outside.Lines("a\x1b[1m\n b\n", 0); got != "a\nb" {
		t.Errorf("Lines = %q, want two", got)
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		comment, text string
		limit         int
		want          string
	}{
		{"short enough", "abcdef", 6, "abcdef"},
		{"too long", "abcdefg", 6, "abc…"},
		{"not in a character", "ääää", 6, "ä…"},
		{"a limit below the mark", "abcdef", 2, "…"},
	} {
		if got := outside.Cut(c.text, c.limit); got != c.want {
			t.Errorf("%s: Cut(%q, %d) = %q, want %q", c.comment, c.text, c.limit, got, c.want)
		}
	}
}

func TestCell(t *testing.T) {
	for text, want := range map[string]string{
		`=HYPERLINK("http://e")`: `'=HYPERLINK("http://e")`,
		"+1+cmd":                 "'+1+cmd", "@SUM(A1)": "'@SUM(A1)", "-2+3": "'-2+3", "\t=1": "'=1", "\u202e=1": "'=1", "＝1": "'＝1",
		"-1.5e-3": "-1.5e-3", "-": "'-", "a=b": "a=b", "": "", "-inf": "'-inf",
	} {
		if got := outside.Cell(text); got != want {
			t.Errorf("Cell(%q) = %q, want %q", text, got, want)
		}
	}
}

// Whatever comes in, what goes out is one bounded line of plain text, and is
// left alone from then on.
func TestLineIsAlwaysPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytes := rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte("\x1b[]P\a\\;0m\xc2\x9b\x9d\xe2\x80\xae \n")))
		text := string(rapid.SliceOfN(bytes, 0, 60).Draw(t, "text"))
		limit := rapid.IntRange(4, 40).Draw(t, "limit")
		got := outside.Line(text, limit)
		if !utf8.ValidString(got) || len(got) > limit || strings.HasPrefix(got, " ") || strings.Contains(got, "  ") {
			t.Fatalf("Line(%q, %d) = %q", text, limit, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
				t.Fatalf("Line(%q) = %q has %U", text, got, r)
			}
		}
		clean := outside.Clean(text)
		if again := outside.Clean(clean); again != clean {
			t.Fatalf("%q became %q and then %q", text, clean, again)
		}
		if cell := outside.Cell(text); cell != "" && strings.ContainsRune("=@\t\r", rune(cell[0])) {
			t.Fatalf("Cell(%q) = %q", text, cell)
		}
	})
}

func ExampleLine() {
	fmt.Println(outside.Line("\x1b[31mout of memory\x1b[0m\n  at layer 7", 0))
	fmt.Println(outside.Line("a very long message", 12))
	fmt.Println(outside.Cell(`=HYPERLINK("http://evil")`))
	// Output:
	// out of memory at layer 7
	// a very lo…
	// '=HYPERLINK("http://evil")
}
