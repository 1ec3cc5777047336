package secret_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"cfubench/internal/secret"
)

// verb is a verb of a format.
var verb = regexp.MustCompile(`%[-+# 0]*(?:\[\d+\])?[0-9.*]*[a-zA-Z]`)

// TestOwnTexts: no rule of the redactor hides a part of a sentence that the program says
// itself, whatever figures stand in it. A rule bites where a name of a secret stands
// before a colon, an equals sign or a value: such a sentence has to be put otherwise.
func TestOwnTexts(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	sentences := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != root):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, filepath.Join(root, "scripts")):
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil || strings.Count(text, " ") < 2 || strings.Contains(text, "\n\n") { // no sentence; a command's help, which no redactor sees
				return true
			}
			sentences++
			said := verb.ReplaceAllString(text, "7")
			if got := new(secret.Redactor).Text(said); got != said {
				t.Errorf("%v: %q would be shown as %q: put it otherwise", files.Position(literal.Pos()), said, got)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if sentences < 1000 {
		t.Errorf("looked at %d sentences, want those of the whole program", sentences)
	}
}
