package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// sampleFiles writes the sample PDF under the names and returns the paths.
func sampleFiles(t *testing.T, names ...string) []string {
	t.Helper()
	pdf, err := samplePDF()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	var paths []string
	for _, name := range names {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, pdf, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func (b *browser) choose(paths ...string) {
	b.t.Helper()
	b.run(chromedp.SetUploadFiles(`input[type=file]`, paths))
}

// ask goes from the empty page to the box on the page of the document.
func (b *browser) ask(api, user string, paths ...string) {
	b.t.Helper()
	b.open(api + "/sign")
	b.sees("Kéo thả các tệp PDF vào đây")
	b.choose(paths...)
	b.sees(" trang")
	b.fill("Mã người dùng", user)
	b.press("Gửi yêu cầu")
}

func (b *browser) position() string {
	b.t.Helper()
	return value[string](b, `document.querySelector('[data-testid=spoken]').textContent`)
}

// TestSigningGuideInTheBrowser follows the guide of a signing page from its first to its last step, the phone included.
func TestSigningGuideInTheBrowser(t *testing.T) {
	t.Parallel()
	w, c := sharedWorld(t)
	for i, s := range screens {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			b := newBrowser(t, s)
			user := fmt.Sprintf("ICA.0790950301%02d", i)
			b.open(w.Addresses.API + "/")
			b.sees("Ký số từ xa")
			b.accessible("home")
			b.ask(w.Addresses.API, user, sampleFiles(t, "hợp đồng.pdf")...)
			b.sees("Đặt khung chữ ký")
			b.sees("Còn hiệu lực")
			b.run(chromedp.WaitVisible(`[data-testid=signature-box]`), chromedp.Sleep(time.Second))
			if !value[bool](b, `(() => { const v = document.querySelector('.viewer').getBoundingClientRect(), e = document.querySelector('[data-testid=signature-box]').getBoundingClientRect();
				return e.bottom <= v.bottom && e.top >= v.top })()`) {
				t.Errorf("the view of the page does not show the box: %s", value[string](b, `(() => { const v = document.querySelector('.viewer'); return [v.scrollTop, v.scrollHeight, v.clientHeight].join(' ') })()`))
			}
			b.accessible("place")
			before := b.position()
			b.drag(-60, -80)
			if after := b.position(); after == before {
				t.Errorf("dragged, and the box is still at %s", after)
			}
			b.run(chromedp.Click(`.actions .button.primary`))
			b.sees("Chỉ xác nhận khi điện thoại hiện đúng mã này")
			code := value[string](b, `document.querySelector('[data-testid=short-code]').textContent`)
			b.accessible("approval")
			b.run(chromedp.Reload()) // the countdown goes on
			b.sees(code)
			b.countsDownOffline()
			other := b.otherDevice() // shows the same countdown
			other.sees(code)
			other.shot("another-device")
			phone := newBrowser(t, screens[0])
			phone.open(w.Addresses.Phone + "/?user=" + user)
			phone.sees(code)
			phone.shot("the-phone")
			waiting, err := c.waiting(t.Context(), user)
			if err != nil || len(waiting) != 1 {
				t.Fatalf("%v, %v", waiting, err)
			}
			if err := c.approve(t.Context(), waiting[0].ID); err != nil {
				t.Fatal(err)
			}
			b.sees("Đã ký xong")
			b.sees("Hợp lệ")
			b.sees("về sau chỉ thêm dữ liệu kiểm tra")
			b.accessible("signed")
		})
	}
}

// countsDownOffline cuts the browser from the network and looks at the clock of the page meanwhile: a second on the page
// is a second, also while requests fail and the last answer is drawn again.
func (b *browser) countsDownOffline() {
	b.t.Helper()
	// Requests fail, and the page is told, as in a lift.
	type conditions struct {
		Offline  bool    `json:"offline"`
		Latency  float64 `json:"latency"`
		Download float64 `json:"downloadThroughput"`
		Upload   float64 `json:"uploadThroughput"`
	}
	cut := func(off bool) {
		b.t.Helper()
		_, err := chromedp.Call(b.ctx, cdp.Command[conditions, cdp.Empty]{Method: "Network.emulateNetworkConditions"}, conditions{off, 0, -1, -1})
		b.must(err)
	}
	_, err := chromedp.Call(b.ctx, network.Enable, network.EnableParams{})
	b.must(err)
	// Both times are the page's, taken in one go: a busy machine does not look like a wrong clock.
	const look = `(() => { const [m, s] = document.querySelector('.clock span').textContent.split(':'); return [performance.now() / 1000, 60 * m + 1 * s] })()`
	cut(true)
	first := value[[]float64](b, look)
	for range 12 {
		b.run(chromedp.Sleep(time.Second))
		now := value[[]float64](b, look)
		if late := now[1] - (first[1] - (now[0] - first[0])); late > 2.5 || late < -2.5 {
			b.t.Errorf("cut off for %.1f s, the page shows %.0f s left; at first it showed %.0f", now[0]-first[0], now[1], first[1])
		}
	}
	cut(false)
}

// otherDevice makes a link on the page and opens it in a browser of its own. It works there once.
func (b *browser) otherDevice() *browser {
	b.t.Helper()
	b.run(chromedp.Click(`//summary[contains(., "Tiếp tục trên thiết bị khác")]`))
	b.press("Tạo đường dẫn")
	b.sees("Dùng được đến")
	b.accessible("link")
	link := value[string](b, `document.querySelector('[data-testid=link]').textContent`)
	other := newBrowser(b.t, screens[0])
	other.open(link)
	third := newBrowser(b.t, screens[0])
	other.run(chromedp.Poll[chromedp.Void](`location.pathname !== '/resume'`, chromedp.WithPollingTimeout(patience)))
	third.open(link)
	third.sees("Đường dẫn không dùng được")
	return other
}

// drag moves the signature box by so many pixels with the mouse.
func (b *browser) drag(dx, dy float64) {
	b.t.Helper()
	at := value[struct{ X, Y float64 }](b, `(() => { const e = document.querySelector('[data-testid=signature-box]'); e.scrollIntoView({block: 'center'});
		const r = e.getBoundingClientRect(); return {X: r.x + r.width / 2, Y: r.y + r.height / 2} })()`)
	b.run(chromedp.MouseEvent(chromedp.MousePressed, at.X, at.Y, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	for i := 1.0; i <= 5; i++ {
		b.run(chromedp.MouseEvent(chromedp.MouseMoved, at.X+dx*i/5, at.Y+dy*i/5, chromedp.ButtonLeft))
	}
	b.run(chromedp.MouseEvent(chromedp.MouseReleased, at.X+dx, at.Y+dy, chromedp.ButtonLeft, chromedp.ClickCount(1)))
}

// TestSigningIntoAFieldInTheBrowser: the file brings a field for the signature and hides a page; the page says both.
func TestSigningIntoAFieldInTheBrowser(t *testing.T) {
	t.Parallel()
	w, c := sharedWorld(t)
	b := newBrowser(t, screens[0])
	const user = "ICA.079095030130"
	do(t, c.knobs(t.Context(), user, map[string]any{"decision": "approve", "decision_after_s": 1}))
	file := filepath.Join(t.TempDir(), "biểu mẫu.pdf")
	do(t, os.WriteFile(file, formPDF("Đại diện bên A"), 0o600))
	b.ask(w.Addresses.API, user, file)
	b.sees("Đặt khung chữ ký")
	b.sees("Tệp chứa trang không được hiển thị")
	b.press("Ô “Đại diện bên A” (trang 1)")
	b.sees("Chữ ký được đặt vào ô “Đại diện bên A”")
	b.accessible("place-in-field")
	b.run(chromedp.Click(`.actions .button.primary`))
	b.sees("Đã ký xong")
	b.sees("Hợp lệ")
	b.accessible("signed-in-field")
}

// TestPlacingWithoutDragging moves the box by a click, by buttons, by keys and by numbers (WCAG 2.2, 2.5.7 and 2.1.1).
func TestPlacingWithoutDragging(t *testing.T) {
	t.Parallel()
	w, _ := sharedWorld(t)
	b := newBrowser(t, screens[1])
	b.ask(w.Addresses.API, "ICA.079095030110", sampleFiles(t, "mot.pdf", "hai.pdf")...)
	b.sees("Đặt khung chữ ký")
	b.run(chromedp.WaitVisible(`[data-testid=signature-box]`))
	moved := func(how string, do func()) {
		t.Helper()
		before := b.position()
		do()
		b.run(chromedp.Sleep(100 * time.Millisecond))
		if after := b.position(); after == before {
			t.Errorf("%s: still at %s", how, after)
		} else {
			t.Logf("%s: %s", how, after)
		}
	}
	moved("click", func() {
		b.run(chromedp.Evaluate[chromedp.Void](`(() => { const s = document.querySelector('.viewer .sheet'), r = s.getBoundingClientRect();
			s.dispatchEvent(new MouseEvent('click', {bubbles: true, clientX: r.x + r.width / 3, clientY: r.y + r.height / 3})) })()`))
	})
	for _, button := range []string{"Lên", "Xuống", "Sang trái", "Sang phải", "Lớn hơn", "Nhỏ hơn"} {
		moved(button, func() { b.press(button) })
	}
	for _, key := range []string{kb.ArrowUp, kb.ArrowLeft} {
		moved("key", func() { b.run(chromedp.Focus(`[data-testid=signature-box]`), chromedp.KeyEvent(key)) })
	}
	moved("number", func() { b.fill("Cách trái (mm)", "31"+kb.Tab) })
	if at := b.position(); !strings.Contains(at, "cách mép trái 31 mm") {
		t.Errorf("31 mm typed: %s", at)
	}
	b.press("Hủy yêu cầu")
	b.sees("Đã hủy yêu cầu")
	b.accessible("cancelled")
}

// TestSigningThatDoesNotEndWell declines, lets time pass, asks again with one press, and hands over what is no PDF.
func TestSigningThatDoesNotEndWell(t *testing.T) {
	t.Parallel()
	w, c := sharedWorld(t)
	b := newBrowser(t, screens[0])
	const user = "ICA.079095030120"
	if err := c.knobs(t.Context(), user, map[string]any{"decision": "decline", "decision_after_s": 1}); err != nil {
		t.Fatal(err)
	}
	picture := filepath.Join(t.TempDir(), "anh-chup.jpg")
	if err := os.WriteFile(picture, []byte("\xff\xd8\xff\xe0"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.open(w.Addresses.API + "/sign")
	b.sees("Kéo thả")
	b.choose(picture)
	b.sees("là ảnh")
	b.accessible("picture")
	b.ask(w.Addresses.API, user, sampleFiles(t, "don.pdf")...)
	b.sees("Đặt khung chữ ký")
	b.run(chromedp.WaitVisible(`[data-testid=signature-box]`), chromedp.Click(`.actions .button.primary`))
	b.sees("Bạn đã từ chối trên điện thoại")
	b.accessible("declined")
	if err := c.knobs(t.Context(), user, map[string]any{"decision": "approve", "decision_after_s": 1}); err != nil {
		t.Fatal(err)
	}
	b.press("Gửi lại")
	b.sees("Đã ký xong")

	do(t, c.knobs(t.Context(), user, map[string]any{"decision": "never", "window_s": 3}))
	b.ask(w.Addresses.API, user, sampleFiles(t, "don.pdf")...)
	b.sees("Đặt khung chữ ký")
	b.run(chromedp.WaitVisible(`[data-testid=signature-box]`), chromedp.Click(`.actions .button.primary`))
	b.sees("Đã hết thời gian xác nhận")
	b.accessible("expired")
	do(t, c.knobs(t.Context(), user, map[string]any{"decision": "approve", "decision_after_s": 1}))
	b.press("Gửi lại")
	b.sees("Đã ký xong")
}

// TestVerifyingInTheBrowser drops a good file, the same with one letter changed, and one without a signature.
func TestVerifyingInTheBrowser(t *testing.T) {
	t.Parallel()
	w, c := sharedWorld(t)
	const user = "ICA.079095030130"
	if err := c.knobs(t.Context(), user, map[string]any{"decision": "approve", "decision_after_s": 1}); err != nil {
		t.Fatal(err)
	}
	id := startSigning(t, c, user)
	awaitStatus(t, c, id, "signed")
	good, err := c.signed(t.Context(), "/v1/signings/"+id+"/documents/0/content")
	if err != nil {
		t.Fatal(err)
	}
	bad := append([]byte{}, good...)
	bad[bytes.Index(good, []byte("/ByteRange"))/2] ^= 1 // in front of the signature, in what it signed
	folder := t.TempDir()
	for name, pdf := range map[string][]byte{"good.pdf": good, "bad.pdf": bad} {
		if err := os.WriteFile(filepath.Join(folder, name), pdf, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range screens {
		b := newBrowser(t, s)
		b.open(w.Addresses.API + "/verify")
		b.sees("Kéo thả tệp PDF vào đây")
		b.choose(filepath.Join(folder, "good.pdf"))
		b.sees("Tài liệu không bị thay đổi sau khi ký")
		b.sees("TOTAL_PASSED")
		b.accessible("verified")
		b.choose(filepath.Join(folder, "bad.pdf"))
		b.sees("Nội dung đã ký bị thay đổi")
		b.accessible("tampered")
		b.choose(sampleFiles(t, "chua-ky.pdf")...)
		b.sees("Tài liệu không có chữ ký số")
	}
}
