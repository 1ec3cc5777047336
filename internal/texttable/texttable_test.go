package texttable

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"cfubench/internal/prose"
)

func TestWrite(t *testing.T) {
	wide := strings.Repeat("w", 60)
	for _, tt := range []struct {
		name    string
		columns []Column
		rows    [][]string
		want    string
	}{
		{"words to the left, figures to the right, units below the names", []Column{{Name: "cell", Text: true}, {Name: "energy", Unit: "J/req"}},
			[][]string{{"a", "1.5"}, {"bbbbbb", "20"}}, "cell    energy\n         J/req\na          1.5\nbbbbbb      20\n"},
		{"a table that fits is one, whatever would break it", []Column{{Name: "cell", Text: true}, {Name: "x"}, {Name: "y", Break: true}},
			[][]string{{"a", "1", "2"}}, "cell  x  y\na     1  2\n"},
		{"one that does not is two, each with its first column", []Column{{Name: "cell", Text: true}, {Name: "x"}, {Name: "y"}},
			[][]string{{"a", wide, wide}}, "cell" + strings.Repeat(" ", 61) + "x\na     " + wide + "\n\ncell" + strings.Repeat(" ", 61) + "y\na     " + wide + "\n"},
		{"it breaks where a column says so", []Column{{Name: "cell", Text: true}, {Name: "x"}, {Name: "y", Break: true}, {Name: "z"}},
			[][]string{{"a", "1", wide, wide[:30]}}, "cell  x\na     1\n\ncell" + strings.Repeat(" ", 61) + "y" + strings.Repeat(" ", 31) + "z\na     " + wide + "  " + wide[:30] + "\n"},
		{"a row that ends before is not in the second", []Column{{Name: "cell", Text: true}, {Name: "why", Text: true}, {Name: "y", Text: true}},
			[][]string{{"a", wide}, {"b", wide, wide}}, "cell  why\na     " + wide + "\nb     " + wide + "\n\ncell  y\nb     " + wide + "\n"},
		{"keys stand in both", []Column{{Name: "cell", Text: true, Key: true}, {Name: "category", Text: true, Key: true}, {Name: "x"}, {Name: "y"}},
			[][]string{{"a", wide[:50], wide[:30], wide[:30]}}, "cell  category" + strings.Repeat(" ", 73) + "x\na     " + wide[:50] + "  " + wide[:30] + "\n\ncell  category" + strings.Repeat(" ", 73) + "y\na     " + wide[:50] + "  " + wide[:30] + "\n"},
		{"words that wrap go on below", []Column{{Name: "name", Text: true}, {Name: "title", Text: true, Wrap: true}, {Name: "x"}},
			[][]string{{"a", wide[:50] + " " + wide[:45], "1"}, {"b", "short", "2"}}, "name  title" + strings.Repeat(" ", 88) + "x\na     " + wide[:50] + strings.Repeat(" ", 43) + "1\n      " + wide[:45] + "\nb     short" + strings.Repeat(" ", 88) + "2\n"},
		{"a word that is too long for its column is broken", []Column{{Name: "name", Text: true}, {Name: "title", Text: true, Wrap: true}},
			[][]string{{"a", wide + wide}}, "name  title\na     " + wide + wide[:34] + "\n      " + wide[:26] + "\n"},
		{"columns without names have no head", []Column{{Text: true}, {Text: true}}, [][]string{{"trace", "sample"}}, "trace  sample\n"},
	} {
		var b strings.Builder
		if err := Write(&b, tt.columns, tt.rows); err != nil {
			t.Fatal(err)
		}
		if b.String() != tt.want {
			t.Errorf("%s:\ngot\n%s\nwant\n%s", tt.name, b.String(), tt.want)
		}
	}
}

// No line is wider than a page where each column and the key leave room for it, and
// every cell is printed.
func TestNoLineIsTooWide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-z]{1,25}`)
		columns := []Column{{Name: "cell", Text: true}}
		for range rapid.IntRange(1, 12).Draw(t, "columns") {
			columns = append(columns, Column{Name: word.Draw(t, "name"), Unit: word.Draw(t, "unit"), Break: rapid.Bool().Draw(t, "break"), Text: rapid.Bool().Draw(t, "text"), Wrap: rapid.Bool().Draw(t, "wrap")})
		}
		var rows [][]string
		for range rapid.IntRange(1, 5).Draw(t, "rows") {
			var row []string
			for range columns {
				row = append(row, word.Draw(t, "cell"))
			}
			rows = append(rows, row)
		}
		var b strings.Builder
		if err := Write(&b, columns, rows); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > prose.Width {
				t.Fatalf("a line of %d characters:\n%s", n, b.String())
			}
		}
		for _, row := range rows {
			for _, cell := range row { // a word each, and none too long for a column
				if !strings.Contains(b.String(), cell) {
					t.Fatalf("%q is not in\n%s", cell, b.String())
				}
			}
		}
	})
}
