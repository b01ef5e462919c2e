package main

import (
	"context"
	"encoding/json"
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

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
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
		chromedp.Flag("disable-sync", true), chromedp.Flag("lang", "vi"), chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(time.Minute))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, screen: s}
	chromedp.ListenTarget(ctx, b.listen)
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
	err := chromedp.Run(b.ctx, network.Enable(), chromedp.EmulateViewport(b.screen.width, b.screen.height),
		network.SetExtraHTTPHeaders(network.Headers{"Accept-Language": "vi"}))
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
		fault = e.ExceptionDetails.Error()
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError {
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

// run does the steps, at most half a minute each, and shows the page when one does not succeed.
func (b *browser) run(actions ...chromedp.Action) {
	b.t.Helper()
	for _, a := range actions {
		ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
		err := chromedp.Run(ctx, a)
		cancel()
		if err != nil {
			var text string
			_ = chromedp.Run(b.ctx, chromedp.Evaluate(`location.href + "\n" + document.body.innerText`, &text))
			b.shot("failed")
			b.t.Fatalf("%v; the page is:\n%s", err, text)
		}
	}
}

func (b *browser) open(address string) { b.t.Helper(); b.run(chromedp.Navigate(address)) }

// sees waits until the page shows the words.
func (b *browser) sees(words string) {
	b.t.Helper()
	quoted, _ := json.Marshal(words) //nolint:errchkjson // a string
	b.run(chromedp.Poll(fmt.Sprintf(`document.body && document.body.innerText.includes(%s)`, quoted), nil, chromedp.WithPollingTimeout(25*time.Second)))
}

// press presses the first visible button or link that says the words.
func (b *browser) press(words string) {
	b.t.Helper()
	b.run(chromedp.Click(`//*[self::button or self::a][not(@disabled)][contains(normalize-space(.), "`+words+`") or contains(@aria-label, "`+words+`")]`, chromedp.BySearch, chromedp.NodeVisible))
}

// fill types into the field with the label, in place of what stands there.
func (b *browser) fill(label, value string) {
	b.t.Helper()
	field := `//input[@id=//label[contains(., "` + label + `")]/@for] | //label[contains(., "` + label + `")]//input`
	b.run(chromedp.Focus(field, chromedp.BySearch), chromedp.Evaluate(`document.activeElement.select()`, nil), chromedp.SendKeys(field, value, chromedp.BySearch))
}

// shot keeps a picture of the whole page in KYSO_SHOTS, in light and in dark.
func (b *browser) shot(name string) {
	folder := os.Getenv("KYSO_SHOTS")
	if folder == "" {
		return
	}
	for _, scheme := range []string{"dark", "light"} {
		var png []byte
		err := chromedp.Run(b.ctx, emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
			chromedp.Sleep(200*time.Millisecond), chromedp.ActionFunc(func(ctx context.Context) (err error) {
				png, err = page.CaptureScreenshot().WithCaptureBeyondViewport(true).Do(ctx)
				return err
			}))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s-%s-%s.png", name, b.screen.name, scheme)), png, 0o600)
		}
		if err != nil {
			b.t.Logf("no picture: %v", err)
		}
	}
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
	var wide bool
	b.run(chromedp.Evaluate(script+"; undefined", nil), chromedp.Evaluate(`document.documentElement.scrollWidth > window.innerWidth`, &wide))
	if wide {
		b.t.Errorf("%s on %s: the page is wider than the screen", name, b.screen.name)
	}
	for _, scheme := range []string{"dark", "light"} {
		b.axe(name, scheme)
	}
	b.shot(name)
}

func (b *browser) axe(name, scheme string) {
	b.t.Helper()
	var found []struct {
		ID     string `json:"id"`
		Impact string `json:"impact"`
		Help   string `json:"help"`
		Nodes  []struct {
			HTML string `json:"html"`
		} `json:"nodes"`
	}
	b.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
		chromedp.Evaluate(`axe.run().then(r => r.violations)`, &found, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	for _, v := range found {
		if slices.Contains([]string{"serious", "critical"}, v.Impact) {
			b.t.Errorf("%s on %s, %s: %s (%s) at %.300s", name, b.screen.name, scheme, v.Help, v.ID, v.Nodes[0].HTML)
		}
	}
}
