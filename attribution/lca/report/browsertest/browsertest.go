// Package browsertest shows a page to a test in a real headless Chromium: what
// does not fit, what is cut off, what the console says, what is fetched.
//
// It is opinionated: a page that a tool writes must fit a phone, load nothing
// and log nothing, and these are Problems. What else a test asks of the page, it
// asks with a script of its own.
package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// View is how a page is looked at.
type View struct {
	Width    int // of the window, in CSS pixels
	Dark     bool
	NoScript bool // the page's own scripts do not run
	// Print shows the page by its rules for print, as wide as Width: A4 in
	// landscape between margins of 12 mm has Paper.
	Print bool
	// Script is the body of an asynchronous function of the page's document,
	// page, run before it is measured; what it returns is Seen.Answer.
	Script string
}

// Paper is the width of a landscape A4 page between margins of 12 mm.
const Paper = 1031

func (v View) String() string {
	s := fmt.Sprintf("%d px", v.Width)
	if v.Dark {
		s += ", dark"
	}
	if v.NoScript {
		s += ", without scripts"
	}
	if v.Print {
		s += ", printed"
	}
	return s
}

// Seen is a page as the browser showed it.
type Seen struct {
	Scroll, Client int      // width of the content and of the window
	Wide           []string // elements that stick out of the window, unless they scroll in a box
	Cut            []string // labels that their drawing cuts off
	Charts         int      // drawings
	Headings       []string // of the second level
	Smallest       float64  // height of the smallest label of a chart, in CSS pixels
	Requests       []string // what the page fetched
	Console        []string
	Answer         json.RawMessage // what View.Script returned
}

// probe is a page that shows another in a frame of a given width and writes
// what it measures there into its own document: the browser's minimal window
// is wider than a phone, a frame is not. Its parts are the frame's width, its
// sandbox, whether the rules for print hold, and the test's script.
const probe = `<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,"><body style="margin:0">
<iframe id="f" style="border:0;display:block;width:%dpx;height:900px" src="/page"%s></iframe><pre id="found"></pre>
<script>
const printed = %v;
const ask = async page => { %s };
document.getElementById('f').addEventListener('load', async () => {
  const frame = document.getElementById('f'), page = frame.contentDocument, root = page.documentElement;
  if (printed) {
    for (const sheet of page.styleSheets) for (const rule of sheet.cssRules) if (rule.media && rule.media.mediaText === 'print') rule.media.mediaText = 'all';
  }
  const answer = await ask(page);
  const inScroller = e => { for (let p = e.parentElement; p; p = p.parentElement) { if (getComputedStyle(p).overflowX === 'auto') return true } return false };
  const wide = [], cut = [];
  for (const e of page.body.querySelectorAll('*')) {
    const box = e.getBoundingClientRect();
    if (box.right > root.clientWidth + 1 && !inScroller(e) && !e.parentElement.closest('svg')) wide.push(e.tagName + ' ' + Math.round(box.right) + ' ' + (e.textContent || '').trim().slice(0, 40));
  }
  const charts = [...page.querySelectorAll('svg')].filter(svg => !svg.parentElement.closest('svg'));
  for (const svg of charts) {
    const frame = svg.getBoundingClientRect();
    for (const t of svg.querySelectorAll('text')) {
      const box = t.getBoundingClientRect();
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1) cut.push(svg.querySelector('title').textContent + ': ' + t.textContent);
    }
  }
  const labels = [...page.querySelectorAll('.chart text')].map(t => t.getBoundingClientRect().height).filter(h => h > 0);
  document.getElementById('found').textContent = JSON.stringify({
    scroll: root.scrollWidth, client: root.clientWidth, wide, cut,
    charts: charts.length, headings: [...page.querySelectorAll('h2')].map(h => h.textContent),
    smallest: labels.length ? Math.min(...labels) : 0, requests: frame.contentWindow.performance.getEntriesByType('resource').map(r => r.name).filter(n => !n.startsWith('data:')),
    answer,
  });
});
</script>`

// chromium finds the browser, or skips the test with the reason.
func chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium on PATH: scripts/test installs it where it may")
	return ""
}

// Look opens a page in a headless browser. Without one the test is skipped.
func Look(t testing.TB, page []byte, v View) Seen {
	t.Helper()
	sandbox := ""
	if v.NoScript {
		sandbox = ` sandbox="allow-same-origin"`
	}
	mux := http.NewServeMux()
	serve := func(path string, content []byte) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Write(content)
		})
	}
	serve("/page", page)
	serve("/", fmt.Appendf(nil, probe, v.Width, sandbox, v.Print, v.Script))
	server := httptest.NewServer(mux)
	defer server.Close()

	flags := []string{
		"--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-dev-shm-usage", "--user-data-dir=" + t.TempDir(), fmt.Sprintf("--window-size=%d,1000", max(v.Width, 600)),
		"--enable-logging=stderr", "--virtual-time-budget=10000", "--dump-dom",
	}
	if v.Dark {
		flags = append(flags, "--blink-settings=preferredColorScheme=0")
	}
	if os.Getuid() == 0 {
		flags = append(flags, "--no-sandbox")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, chromium(t), append(flags, server.URL)...)
	cmd.WaitDelay = 5 * time.Second
	var log strings.Builder
	cmd.Stderr = &log
	dom, err := cmd.Output()
	if err != nil {
		t.Fatalf("browser: %v\n%s", err, log.String())
	}
	match := regexp.MustCompile(`(?s)<pre id="found">(.+?)</pre>`).FindSubmatch(dom)
	if match == nil {
		t.Fatalf("the probe has found nothing; the browser printed\n%s\nand logged\n%s", dom, log.String())
	}
	var s Seen
	if err := json.Unmarshal([]byte(html.UnescapeString(string(match[1]))), &s); err != nil {
		t.Fatalf("the probe wrote %q: %v", match[1], err)
	}
	for line := range strings.SplitSeq(log.String(), "\n") {
		if v.NoScript && strings.Contains(line, "Blocked script execution") {
			continue // as was asked for
		}
		if strings.Contains(line, ":CONSOLE") {
			s.Console = append(s.Console, line)
		}
	}
	return s
}

// Problems says what is wrong with a page whatever it shows.
func (s Seen) Problems() []string {
	var list []string
	if s.Scroll > s.Client {
		list = append(list, fmt.Sprintf("the page is %d px wide in a window of %d px", s.Scroll, s.Client))
	}
	for _, e := range s.Wide {
		list = append(list, "sticks out to the right: "+e)
	}
	for _, e := range s.Cut {
		list = append(list, "cut off by its chart: "+e)
	}
	for _, line := range s.Console {
		list = append(list, "console: "+line)
	}
	for _, r := range s.Requests {
		list = append(list, "loads "+r)
	}
	return list
}
