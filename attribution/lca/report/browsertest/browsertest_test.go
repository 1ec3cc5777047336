package browsertest_test

import (
	"strings"
	"testing"

	"cfubench/attribution/lca/report/browsertest"
)

const faulty = `<!DOCTYPE html><body><h2>one</h2><div style="width:900px">too wide</div>
<svg width="100" height="50" viewBox="0 0 100 50"><title>small</title><text x="90" y="20">cut off at the edge</text></svg>
<script>console.error('a fault'); document.title = 'script'; undefinedFunction()</script><img src="/missing.png"></body>`

// TestLookFindsWhatIsWrong: a test that uses it can fail.
func TestLookFindsWhatIsWrong(t *testing.T) {
	s := browsertest.Look(t, []byte(faulty), browsertest.View{Width: 390, Script: `return page.title`})
	found := strings.Join(s.Problems(), "\n")
	for _, want := range []string{"px wide in a window of 390", "sticks out to the right: DIV", "cut off by its chart: small", "a fault", "undefinedFunction", "loads "} {
		if !strings.Contains(found, want) {
			t.Errorf("got no problem %q; found\n%s", want, found)
		}
	}
	if s.Charts != 1 || len(s.Headings) != 1 || s.Headings[0] != "one" || string(s.Answer) != `"script"` {
		t.Errorf("got %d charts, headings %q and answer %s, want 1, one and the title that the page's script set", s.Charts, s.Headings, s.Answer)
	}
}

// TestLookAtThePrint: the rules for print hold, and only if that is asked for.
func TestLookAtThePrint(t *testing.T) {
	page := []byte(`<!DOCTYPE html><style>@media print { div { width: 2000px } }</style><body><div>wide on paper</div></body>`)
	for _, v := range []browsertest.View{{Width: browsertest.Paper}, {Width: browsertest.Paper, Print: true}} {
		if wide := len(browsertest.Look(t, page, v).Wide) > 0; wide != v.Print {
			t.Errorf("%s: the block sticks out: %v, want %v", v, wide, v.Print)
		}
	}
}

// TestLookWithoutScripts: the page's own do not run, the test's does.
func TestLookWithoutScripts(t *testing.T) {
	s := browsertest.Look(t, []byte(faulty), browsertest.View{Width: 390, NoScript: true, Script: `return 'title ' + page.title`})
	if string(s.Answer) != `"title "` {
		t.Errorf("got answer %s, want an empty title: the page's script must not run", s.Answer)
	}
	if strings.Contains(strings.Join(s.Console, "\n"), "a fault") {
		t.Errorf("got console %q, want nothing of the page's script", s.Console)
	}
}
