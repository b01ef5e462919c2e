package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// The screens that the pages are walked on.
var screens = []screen{{"phone", 390, 844}, {"desk", 1280, 800}}

type screen struct {
	name          string
	width, height int64
}

// browser is a tab of a headless Chromium. It fails the test when a page asks another host for anything, when a script
// fails, and when the content security policy stops something.
type browser struct {
	t      *testing.T
	ctx    context.Context
	screen screen
	mu     sync.Mutex
	faults []string
}

// newBrowser starts Chromium with a profile of its own. Without Chromium, or without a build of the pages, the test is
// skipped; in CI nothing may be left out.
func newBrowser(t *testing.T, s screen) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	_, built := os.Stat("../../internal/web/dist/manifest.json")
	if err != nil || built != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the pages cannot be tested: %v, %v", err, built)
		}
		t.Skip("needs Debian's chromium and make web")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("lang", "vi"), chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(patience))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, screen: s}
	b.start()
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, f := range b.faults {
			t.Errorf("the browser says: %s", f)
		}
	})
	return b
}

// start must not have a time limit of its own: Chromium would end with it.
func (b *browser) start() {
	b.t.Helper()
	err := chromedp.Do(b.ctx, chromedp.EmulateViewport(b.screen.width, b.screen.height), func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		_, err = cdp.Call(ctx, t, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": "vi"}})
		return none, err
	})
	if err == nil {
		err = chromedp.Listen(b.ctx, b.listen)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) listen(event any) {
	fault := ""
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && strings.HasPrefix(u.Scheme, "http") && u.Hostname() != "127.0.0.1" {
			fault = "a request to " + u.Host
		}
	case *runtime.EventExceptionThrown:
		fault = e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			fault += " " + x.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			var words []string
			for _, arg := range e.Args {
				words = append(words, string(arg.Value)+arg.Description)
			}
			fault = strings.Join(words, " ")
		}
	}
	if fault != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.faults = append(b.faults, fault)
	}
}

// run does the steps and shows the page when one does not succeed.
func (b *browser) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	for _, a := range actions {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		err := chromedp.Do(ctx, a)
		cancel()
		b.must(err)
	}
}

// must shows the page when something did not succeed.
func (b *browser) must(err error) {
	b.t.Helper()
	if err != nil {
		text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
		b.shot("failed")
		b.t.Fatalf("%v; the page is:\n%s", err, text)
	}
}

// value runs a script in the page and returns what it gives, promises resolved.
func value[T any](b *browser, script string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	b.must(err)
	return out
}

func (b *browser) open(address string) { b.t.Helper(); b.run(chromedp.Navigate(address)) }

// sees waits until the page shows the words. The page may be left for another one meanwhile, which ends a script.
func (b *browser) sees(words string) {
	b.t.Helper()
	quoted, _ := json.Marshal(words)
	script := fmt.Sprintf(`!!document.body && document.body.innerText.includes(%s)`, quoted)
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		seen, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script))
		cancel()
		if err == nil && seen {
			return
		}
		if time.Now().After(end) {
			b.must(fmt.Errorf("%q is not to be seen: %w", words, errors.Join(err, context.DeadlineExceeded)))
		}
	}
}

// has reports whether the page shows the words within a while.
func (b *browser) has(words string, within time.Duration) bool {
	quoted, _ := json.Marshal(words)
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		seen, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](fmt.Sprintf(`!!document.body && document.body.innerText.includes(%s)`, quoted)))
		if err == nil && seen {
			return true
		}
	}
	return false
}

// press presses the first visible button or link that says the words.
func (b *browser) press(words string) {
	b.t.Helper()
	target := `//*[self::button or self::a][not(@disabled)][contains(normalize-space(.), "` + words + `") or contains(@aria-label, "` + words + `")]`
	b.run(chromedp.WaitVisible(target))
	b.still(target)
	b.run(chromedp.Click(target))
}

// still waits until an element stays where it is: a page that is still being laid out moves it away from under the mouse.
func (b *browser) still(target string) {
	b.t.Helper()
	quoted, _ := json.Marshal(target)
	value[bool](b, fmt.Sprintf(`new Promise(done => {
		const at = () => { const e = document.evaluate(%s, document, null, XPathResult.FIRST_ORDERED_NODE_TYPE, null).singleNodeValue
			if (!e) return ''
			const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height].join() }
		let before = at(), same = 0
		const look = () => { const now = at(); same = now === before ? same + 1 : 0; before = now
			same < 3 ? setTimeout(look, 40) : done(true) }
		setTimeout(look, 40) })`, quoted))
}

// fill types into the field with the label, in place of what stands there.
func (b *browser) fill(label, value string) {
	b.t.Helper()
	field := `//input[@id=//label[contains(., "` + label + `")]/@for] | //label[contains(., "` + label + `")]//input`
	b.run(chromedp.Focus(field), chromedp.Evaluate[chromedp.Void](`document.activeElement.select()`), chromedp.SendKeys(field, value))
}

// shot keeps pictures in KYSO_SHOTS: what the screen shows, and the whole page in light and in dark.
func (b *browser) shot(name string) {
	folder := os.Getenv("KYSO_SHOTS")
	if folder == "" {
		return
	}
	keep := func(what string, take chromedp.Action[[]byte]) {
		png, err := chromedp.Run(b.ctx, take)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s-%s-%s.png", name, b.screen.name, what)), png, 0o600)
		}
		if err != nil {
			b.t.Logf("no picture: %v", err)
		}
	}
	keep("screen", chromedp.CaptureScreenshot())
	for _, scheme := range []string{"dark", "light"} {
		b.scheme(scheme)
		keep(scheme, chromedp.FullScreenshot(100))
	}
}

// scheme has the page shown in light or dark.
func (b *browser) scheme(scheme string) {
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	if err != nil {
		b.t.Error(err)
	}
	time.Sleep(200 * time.Millisecond) // the page paints
}

var axeScript = sync.OnceValues(func() (string, error) {
	script, err := os.ReadFile("../../internal/web/ui/node_modules/axe-core/axe.min.js")
	return string(script), err
})

// accessible has axe-core look at the page as it is, in light and in dark, and fails on what it calls serious or
// critical. It also looks whether the page is wider than the screen.
func (b *browser) accessible(name string) {
	b.t.Helper()
	script, err := axeScript()
	if err != nil {
		b.t.Fatal(err)
	}
	b.run(chromedp.Evaluate[chromedp.Void](script + "; undefined"))
	b.fits(name, b.screen.width)
	if b.screen.name == "phone" { // the smallest phones are narrower
		b.run(chromedp.EmulateViewport(360, b.screen.height))
		b.fits(name, 360)
		b.run(chromedp.EmulateViewport(b.screen.width, b.screen.height))
	}
	for _, scheme := range []string{"dark", "light"} {
		b.axe(name, scheme)
	}
	b.shot(name)
}

// fits looks whether the page is wider than the screen.
func (b *browser) fits(name string, width int64) {
	b.t.Helper()
	if wide := value[int64](b, `document.documentElement.scrollWidth`); wide > width {
		b.t.Errorf("%s on %s: the page is %d wide on a screen of %d", name, b.screen.name, wide, width)
	}
}

func (b *browser) axe(name, scheme string) {
	b.t.Helper()
	type violation struct {
		ID     string `json:"id"`
		Impact string `json:"impact"`
		Help   string `json:"help"`
		Nodes  []struct {
			HTML string `json:"html"`
		} `json:"nodes"`
	}
	b.scheme(scheme)
	for _, v := range value[[]violation](b, `axe.run().then(r => r.violations)`) {
		if slices.Contains([]string{"serious", "critical"}, v.Impact) {
			b.t.Errorf("%s on %s, %s: %s (%s) at %.300s", name, b.screen.name, scheme, v.Help, v.ID, v.Nodes[0].HTML)
		}
	}
}
