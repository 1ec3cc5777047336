package typeschema

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// source reads comments and constants of a module's packages, each once. Of what it
// cannot find it says nothing: a schema without descriptions is one all the same.
type source struct {
	module, root string
	files        map[string]folder // by import path
}

// folder is the parsed source of one package, without its tests.
type folder []*ast.File

func (s source) pkg(importPath string) folder {
	if files, known := s.files[importPath]; known {
		return files
	}
	var files folder
	if inside, ok := strings.CutPrefix(importPath, s.module); ok {
		dir := filepath.Join(s.root, filepath.FromSlash(inside))
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
				if f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.ParseComments); err == nil {
					files = append(files, f)
				}
			}
		}
	}
	s.files[importPath] = files
	return files
}

// spec is the declaration of a type and its comment.
func (s source) spec(t reflect.Type) (spec *ast.TypeSpec, comment string) {
	for _, f := range s.pkg(t.PkgPath()) {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, decl := range g.Specs {
				if ts := decl.(*ast.TypeSpec); ts.Name.Name == t.Name() {
					if ts.Doc == nil {
						return ts, oneLine(g.Doc)
					}
					return ts, oneLine(ts.Doc)
				}
			}
		}
	}
	return nil, ""
}

// about is the comment of a type, with its fields by their JSON names.
func (s source) about(t reflect.Type) string {
	_, comment := s.spec(t)
	return inJSON(t, comment)
}

// fields are the comments of a struct's fields by their Go names. A field without a
// comment has the one above it that names it.
func (s source) fields(t reflect.Type) map[string]string {
	spec, _ := s.spec(t)
	out := map[string]string{}
	if spec == nil {
		return out
	}
	st, ok := spec.Type.(*ast.StructType)
	if !ok {
		return out
	}
	var above []string
	for _, f := range st.Fields.List {
		own := strings.TrimSpace(oneLine(f.Doc) + " " + oneLine(f.Comment))
		if doc := oneLine(f.Doc); doc != "" {
			above = append(above, doc)
		}
		for _, name := range f.Names {
			text := own
			if text == "" {
				word := regexp.MustCompile(`\b` + name.Name + `\b`)
				for _, a := range above {
					if word.MatchString(a) {
						text = a
					}
				}
			}
			out[name.Name] = inJSON(t, text)
		}
	}
	return out
}

// inJSON is a comment with the struct's fields by their JSON names, and nil as null:
// a reader of the file knows no others.
func inJSON(t reflect.Type, comment string) string {
	comment = regexp.MustCompile(`\bnil\b`).ReplaceAllString(comment, "null")
	if t.Kind() != reflect.Struct {
		return comment
	}
	for f := range t.Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if key != "" && key != "-" && len(f.Name) > 1 {
			comment = regexp.MustCompile(`\b`+f.Name+`\b`).ReplaceAllString(comment, "`"+key+"`")
		}
	}
	return comment
}

// values are the constants of a string type, in the order of their declaration.
func (s source) values(t reflect.Type) []string {
	if t.PkgPath() == "" {
		return nil
	}
	var out []string
	for _, f := range s.pkg(t.PkgPath()) {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, decl := range g.Specs {
				v := decl.(*ast.ValueSpec)
				if name, ok := v.Type.(*ast.Ident); !ok || name.Name != t.Name() {
					continue
				}
				for _, e := range v.Values {
					if lit, ok := e.(*ast.BasicLit); ok {
						if text, err := strconv.Unquote(lit.Value); err == nil && text != "" {
							out = append(out, text)
						}
					}
				}
			}
		}
	}
	return out
}

// oneLine is the text of a comment without its line breaks.
func oneLine(c *ast.CommentGroup) string {
	return strings.Join(strings.Fields(c.Text()), " ")
}
