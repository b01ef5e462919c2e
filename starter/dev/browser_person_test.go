package main

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// logIn logs a browser in to the account of the walk: the page that it wanted comes afterwards.
func (k *citizenWalk) logIn() {
	k.t.Helper()
	k.fill("Số điện thoại", k.phone)
	before := len(k.w.Sandbox.Messages(k.phone))
	// Between two codes for one phone lies a minute.
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Second) {
		k.press("Gửi mã OTP")
		if k.has("Nếu số này có tài khoản", 5*time.Second) || time.Now().After(end) {
			break
		}
	}
	k.sees("Nếu số này có tài khoản")
	ctx, cancel := context.WithTimeout(k.t.Context(), patience)
	defer cancel()
	for len(k.w.Sandbox.Messages(k.phone)) == before {
		if err := pause(ctx); err != nil {
			k.t.Fatalf("no message for the phone: %v", err)
		}
	}
	inbox := k.w.Sandbox.Messages(k.phone)
	k.fill("Mã OTP", sixDigits.FindString(inbox[len(inbox)-1].Text))
	k.fill("Mật khẩu", "mật khẩu của người đi thử")
	k.accessible("login")
	k.submit("Đăng nhập")
}

// TestRegistrationGoesOnInAnotherBrowser walks the registration guide in one browser until the money was taken and to its end in
// another one that knows nothing of the first.
func TestRegistrationGoesOnInAnotherBrowser(t *testing.T) {
	t.Parallel()
	w, c := sharedWorld(t)
	k := &citizenWalk{browser: newBrowser(t, screens[0]), w: w, client: c, citizen: "001302005190"}
	k.vneid()
	k.account()
	k.pay()
	k.sees("Ký hợp đồng dịch vụ") // paid

	k.browser = newBrowser(t, screens[1])
	k.open(w.Addresses.API + "/register/" + k.id)
	k.sees("Trình duyệt này chưa mở được")
	k.accessible("another-browser")
	k.press("Đăng nhập")
	k.logIn()
	k.contract()
	k.review()
	k.activate()
	k.accept()
	k.signsInAnotherBrowser()
}

// signsInAnotherBrowser begins the signing guide in a browser that is lost once the draft is made, and walks it to its end in
// one that knows the citizen by the log-in alone: there it stands among the citizen's documents.
func (k *citizenWalk) signsInAnotherBrowser() {
	k.t.Helper()
	api, user := k.w.Addresses.API, "ICA."+k.citizen
	lost := newBrowser(k.t, screens[1])
	lost.ask(api, user, sampleFiles(k.t, "hợp đồng thuê nhà.pdf")...)
	lost.sees("Đặt khung chữ ký")
	address := value[string](lost, `location.href`)

	k.browser = newBrowser(k.t, screens[0])
	k.open(address)
	k.sees("Hồ sơ và văn bản của bạn vẫn còn")
	k.accessible("another-browser-signing")
	k.open(api + "/login")
	k.logIn()
	k.sees("Hồ sơ và văn bản của tôi")
	k.sees("hợp đồng thuê nhà.pdf")
	k.shows("me", api+"/me")
	k.shows("login", api+"/login")
	k.open(api + "/me")
	k.press("Đặt khung chữ ký")
	k.sees("Đặt khung chữ ký")
	k.run(chromedp.WaitVisible(`[data-testid=signature-box]`), chromedp.Click(`.actions .button.primary`))
	k.sees("Chỉ xác nhận khi điện thoại hiện đúng mã này")
	approveOnPhone(k.t, k.client, user)
	k.sees("Đã ký xong")
	k.sees("Hợp lệ")
	k.open(api + "/me")
	k.sees("Tải tệp đã ký")
}

// shows has a page looked at in both languages, on both screens.
func (k *citizenWalk) shows(name, address string) {
	k.t.Helper()
	for _, lang := range []string{"vi", "en"} {
		for _, s := range screens {
			k.screen = s
			k.run(chromedp.EmulateViewport(s.width, s.height))
			k.open(address + "?lang=" + lang)
			k.sees(map[string]string{"me vi": "Đăng xuất", "me en": "Log out", "login vi": "Quên mật khẩu?", "login en": "Forgotten the password?"}[name+" "+lang])
			if name == "me" {
				k.run(chromedp.Click(`details.card summary`), chromedp.Sleep(300*time.Millisecond))
			}
			k.accessible(name + "-" + lang)
		}
	}
	k.open(address + "?lang=vi")
}
