package report_test

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// probe is a page that shows another in a frame of a given width and writes
// what it measures there into the document: the browser's minimal window is
// wider than a phone, a frame is not.
const probe = `<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,"><body style="margin:0">
<iframe id="f" style="border:0;display:block;width:%dpx;height:900px" src="/page"></iframe><pre id="found"></pre>
<script>
document.getElementById('f').addEventListener('load', () => {
  const frame = document.getElementById('f'), page = frame.contentDocument, root = page.documentElement;
  const inScroller = e => { for (let p = e.parentElement; p; p = p.parentElement) { if (getComputedStyle(p).overflowX === 'auto') return true } return false };
  const wide = [], cut = [];
  for (const e of page.body.querySelectorAll('*')) {
    const box = e.getBoundingClientRect();
    if (box.right > root.clientWidth + 1 && !inScroller(e)) wide.push(e.tagName + ' ' + Math.round(box.right) + ' ' + (e.textContent || '').trim().slice(0, 40));
  }
  for (const svg of page.querySelectorAll('svg')) {
    const frame = svg.getBoundingClientRect();
    for (const t of svg.querySelectorAll('text')) {
      const box = t.getBoundingClientRect();
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1) cut.push(svg.querySelector('title').textContent + ': ' + t.textContent);
    }
  }
  const outer = [...page.querySelectorAll('.chart text')].map(t => t.getBoundingClientRect().height).filter(h => h > 0);
  document.getElementById('found').textContent = JSON.stringify({
    scroll: root.scrollWidth, client: root.clientWidth, wide, cut,
    charts: page.querySelectorAll('svg').length, headings: [...page.querySelectorAll('h2')].map(h => h.textContent),
    smallest: Math.min(...outer), requests: frame.contentWindow.performance.getEntriesByType('resource').map(r => r.name).filter(n => !n.startsWith('data:')),
  });
});
</script>`

// seen is what the probe found.
type seen struct {
	Scroll, Client int
	Wide, Cut      []string
	Charts         int
	Headings       []string
	Smallest       float64
	Requests       []string
	console        []string
}

// browser finds Chromium, or skips with the reason.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium on PATH: scripts/test installs it where it may")
	return ""
}

// look opens page in a frame of the given width in a headless browser.
func look(t *testing.T, page []byte, width int, flags ...string) seen {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, probe, width)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	arguments := append([]string{
		"--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-dev-shm-usage", "--user-data-dir=" + t.TempDir(), fmt.Sprintf("--window-size=%d,1000", max(width, 600)),
		"--enable-logging=stderr", "--virtual-time-budget=10000", "--dump-dom",
	}, flags...)
	if os.Getuid() == 0 {
		arguments = append(arguments, "--no-sandbox")
	}
	cmd := exec.CommandContext(ctx, browser(t), append(arguments, server.URL)...)
	cmd.WaitDelay = 5 * time.Second
	var log strings.Builder
	cmd.Stderr = &log
	dom, err := cmd.Output()
	if err != nil {
		t.Fatalf("browser: %v\n%s", err, log.String())
	}
	match := regexp.MustCompile(`(?s)<pre id="found">(.*?)</pre>`).FindSubmatch(dom)
	if match == nil {
		t.Fatalf("the browser did not show the probe; it printed\n%s", dom)
	}
	var s seen
	if err := json.Unmarshal([]byte(html.UnescapeString(string(match[1]))), &s); err != nil {
		t.Fatalf("the probe wrote %q: %v", match[1], err)
	}
	for line := range strings.SplitSeq(log.String(), "\n") {
		if strings.Contains(line, ":CONSOLE") {
			s.console = append(s.console, line)
		}
	}
	return s
}

// problems says what is wrong with a page as it was seen.
func (s seen) problems() []string {
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
	for _, line := range s.console {
		list = append(list, "console: "+line)
	}
	for _, r := range s.Requests {
		list = append(list, "loads "+r)
	}
	return list
}

func TestReportInABrowser(t *testing.T) {
	for _, c := range []struct {
		page  string
		width int
		flags []string
	}{
		{"sweep", 1280, nil},
		{"sweep", 390, nil},
		{"sweep", 1280, []string{"--blink-settings=preferredColorScheme=0"}}, // dark
		{"modelled", 390, nil},
		{"rates", 1280, nil},
		{"rates", 390, nil},
		{"invalid", 390, nil},
	} {
		t.Run(fmt.Sprintf("%s at %d px %s", c.page, c.width, strings.Join(c.flags, " ")), func(t *testing.T) {
			browser(t)
			page, err := os.ReadFile(filepath.Join("testdata", c.page+".html"))
			if err != nil {
				t.Fatal(err)
			}
			s := look(t, page, c.width, c.flags...)
			for _, p := range s.problems() {
				t.Error(p)
			}
			if want := strings.Count(string(page), "<svg"); s.Charts != want {
				t.Errorf("the browser shows %d charts, the page has %d", s.Charts, want)
			}
			if len(s.Headings) < 3 {
				t.Errorf("headings = %q, want at least table, validity and configuration", s.Headings)
			}
			if s.Charts > 0 && s.Smallest < 8 {
				t.Errorf("the smallest text of a chart is %.1f px high, want 8", s.Smallest)
			}
		})
	}
}

func TestTheBrowserTestCanFail(t *testing.T) {
	browser(t)
	page := `<!DOCTYPE html><body><h2>one</h2><div style="width:900px">too wide</div>
<svg width="100" height="50" viewBox="0 0 100 50"><title>small</title><text x="90" y="20">cut off at the edge</text></svg>
<script>console.error('a fault'); undefinedFunction()</script><img src="/missing.png"></body>`
	s := look(t, []byte(page), 390)
	found := strings.Join(s.problems(), "\n")
	for _, want := range []string{"px wide in a window", "sticks out to the right: DIV", "cut off by its chart: small", "a fault", "undefinedFunction", "loads "} {
		if !strings.Contains(found, want) {
			t.Errorf("the probe did not find %q; it found\n%s", want, found)
		}
	}
}
