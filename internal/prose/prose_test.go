package prose

import (
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestWrap(t *testing.T) {
	long := strings.Repeat("word ", 22) // 110 characters with the last space
	for _, tt := range []struct{ name, text, want string }{
		{"a line that fits stays as it is, spaces and all", "a   b\n", "a   b\n"},
		{"the end of a text needs no new line", "a", "a"},
		{"a long line goes on indented", long + "end\n", strings.Repeat("word ", 19) + "word\n  word word end\n"},
		{"it keeps its own indentation", "  - " + long + "end\n", "  - " + strings.Repeat("word ", 18) + "word\n    word word word end\n"},
		{"a percent sign stands with its number", long[:90] + "123456789 % less\n", long[:89] + "\n  123456789 % less\n"},
		{"a long word is whole", "see " + strings.Repeat("x", 120) + " there\n", "see\n  " + strings.Repeat("x", 120) + "\n  there\n"},
		{"each line is one of its own", "a\n" + long + "\nb\n", "a\n" + strings.Repeat("word ", 19) + "word\n  word word\nb\n"},
	} {
		if got := Wrap(tt.text); got != tt.want {
			t.Errorf("%s:\ngot\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// A page is wrapped, anything else has what was written.
func TestPrint(t *testing.T) {
	long := strings.Repeat("word ", 22) + "end\n"
	var page, file strings.Builder
	for _, w := range []io.Writer{Page{&page}, &file} {
		if err := Write(w, func(w io.Writer) error { return Print(w, long) }); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := page.String(), Wrap(long); got != want {
		t.Errorf("a page has %q, want %q", got, want)
	}
	if got := file.String(); got != long {
		t.Errorf("a file has %q, want %q", got, long)
	}
}

// No line is too long whose words are not, and no word is lost or moved.
func TestWrapKeepsWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.StringMatching(` {0,6}([a-zµ]{1,40} {1,2}){0,12}[a-z]{1,30}\n`)).Draw(t, "lines"), "")
		got := Wrap(text)
		for line := range strings.Lines(got) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > Width {
				t.Fatalf("a line of %d characters:\n%s", n, got)
			}
		}
		if a, b := strings.Fields(text), strings.Fields(got); strings.Join(a, " ") != strings.Join(b, " ") {
			t.Fatalf("words changed:\n%q\n%q", a, b)
		}
		if again := Wrap(got); again != got {
			t.Fatalf("wrapped again it is another:\n%s\n%s", got, again)
		}
	})
}
