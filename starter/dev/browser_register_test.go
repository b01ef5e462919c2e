package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// citizenWalk is a citizen of the sandbox who follows the guide of a registration in a browser.
type citizenWalk struct {
	*browser
	w       *World
	client  *client
	citizen string
	phone   string
	id      string
	codeAt  time.Time // when the last code was asked for
}

// TestRegistrationGuideInTheBrowser follows the guide from VNeID to the active certificate: the sandbox's VNeID, VNPay
// and phone pages are pressed like kyso's own. On the way a code is wrong, a payment is cancelled and the officer asks
// for a correction.
func TestRegistrationGuideInTheBrowser(t *testing.T) {
	t.Parallel()
	w, c := sharedWorld(t)
	for i, s := range screens {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			k := &citizenWalk{browser: newBrowser(t, s), w: w, client: c, citizen: fmt.Sprintf("0013020051%02d", i)}
			k.vneid()
			k.account()
			k.pay()
			k.contract()
			k.review()
			k.activate()
			k.accept()
			k.registered()
		})
	}
}

// submit presses the button of a form of a sandbox page.
func (b *browser) submit(words string) {
	b.t.Helper()
	b.run(chromedp.Click(`//button[contains(., "` + words + `")]`))
}

// vneid makes the request: log in, service, issuer, two consents that nobody ticked before, and over to kyso.
func (k *citizenWalk) vneid() {
	k.t.Helper()
	k.open(k.w.Addresses.VNeID)
	k.sees("Mã truy cập")
	k.accessible("vneid-login")
	k.fill("Số định danh cá nhân", k.citizen)
	k.fill("Mã truy cập", "271828")
	k.submit("Đăng nhập")
	k.sees("Xin chào")
	for _, link := range []string{"Dịch vụ khác", "Chứng thư chữ ký số", "Đăng ký chứng thư chữ ký số"} {
		k.press(link)
	}
	k.sees("Tổ chức cấp chứng thư số")
	k.run(chromedp.Click(`input[name=issuer]`))
	k.fill("Mã truy cập", "271828")
	k.submit("Xem yêu cầu")
	k.sees("Nơi thường trú")
	k.accessible("vneid-request")
	k.press("Tiếp tục")
	for i, consent := range []struct{ words, button string }{
		{"đồng ý với điều khoản", "Tiếp tục"}, {"xử lý dữ liệu cá nhân nêu trên", "Xác nhận"},
	} {
		k.sees(consent.words)
		if value[bool](k.browser, `document.querySelector('input[name=accept]').checked`) {
			k.t.Error("a consent is ticked before anybody did")
		}
		k.accessible(fmt.Sprintf("vneid-consent-%d", i+1))
		k.run(chromedp.Click(`input[name=accept]`))
		k.submit(consent.button)
	}
	k.sees("đã sẵn sàng")
	k.submit("Điều hướng ngay")
	k.sees("Tài khoản của bạn")
	k.phone = k.w.Sandbox.PhoneOf(k.citizen)
	at := value[string](k.browser, `location.href`)
	if strings.Contains(at, "token") {
		k.t.Errorf("the hand-off token stays in the address: %s", at)
	}
	k.id = at[strings.LastIndex(at, "/")+1:]
}

// code asks for a code on the page and returns what the phone received.
func (k *citizenWalk) code() string {
	k.t.Helper()
	before := len(k.w.Sandbox.Messages(k.phone))
	k.press("Gửi mã OTP")
	k.sees("Mã gồm 6 chữ số đã được gửi")
	k.codeAt = time.Now()
	ctx, cancel := context.WithTimeout(k.t.Context(), patience)
	defer cancel()
	for {
		if inbox := k.w.Sandbox.Messages(k.phone); len(inbox) > before {
			return sixDigits.FindString(inbox[len(inbox)-1].Text)
		}
		if err := pause(ctx); err != nil {
			k.t.Fatalf("no message for the phone: %v", err)
		}
	}
}

// account opens the account; the first code handed in is a wrong one.
func (k *citizenWalk) account() {
	k.t.Helper()
	k.accessible("account")
	k.fill("Số điện thoại", k.phone)
	k.fill("Thư điện tử", "nguoi.dan@thu-nghiem.example")
	k.fill("Mật khẩu", "mật khẩu của người đi thử")
	code := k.code()
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	k.fill("Mã OTP", wrong)
	k.submit("Xác nhận")
	k.sees("Mã không đúng")
	k.accessible("wrong-code")
	k.fill("Mã OTP", code)
	k.submit("Xác nhận")
	k.sees("Chọn gói dịch vụ")
	k.accessible("packages")
	k.press("Chọn gói PS1")
}

// pay cancels at VNPay, comes back, and pays with a second order.
func (k *citizenWalk) pay() {
	k.t.Helper()
	k.sees("Thanh toán trực tuyến")
	k.accessible("payment")
	k.press("Thanh toán trực tuyến")
	k.sees("Mã đơn hàng")
	k.accessible("vnpay")
	k.submit("Hủy")
	k.sees("Lần thanh toán vừa rồi không thành công")
	k.accessible("payment-cancelled")
	k.press("Thanh toán lại trực tuyến")
	k.sees("Mã đơn hàng")
	k.run(chromedp.Click(`button[value=pay]`))
}

// contract reads the contract on the page and agrees by a code.
func (k *citizenWalk) contract() {
	k.t.Helper()
	k.sees("Ký hợp đồng dịch vụ")
	k.sees("Tôi đã đọc và đồng ý")
	k.run(chromedp.WaitVisible(`.paper canvas, canvas`), chromedp.Sleep(500*time.Millisecond))
	k.accessible("contract")
	k.run(chromedp.Click(`label.check input`))
	code := k.code()
	k.fill("Mã OTP", code)
	k.submit("Ký hợp đồng")
}

// review has the officer ask for a better address, corrects it, and has the officer approve.
func (k *citizenWalk) review() {
	k.t.Helper()
	k.sees("Hồ sơ đang được thẩm định")
	k.accessible("review")
	o := k.officer()
	o.askForAddress()
	k.sees("Cần bổ sung thông tin")
	k.sees("Thiếu số nhà.")
	k.accessible("correction")
	k.fill("Số nhà, đường", "Số 9 ngõ 34 phố Đặng Thùy Trâm")
	time.Sleep(time.Until(k.codeAt.Add(61 * time.Second))) // before that there is no second code for a contract
	k.submit("Gửi bổ sung")
	k.contract() // which says the new address
	k.sees("Hồ sơ đang được thẩm định")
	o.approve()
}

// officerWalk is an officer at a browser.
type officerWalk struct {
	*browser
	dossier string // address of the page
}

// officer logs in with a key of an officer's own and opens the dossier from the queue.
func (k *citizenWalk) officer() *officerWalk {
	k.t.Helper()
	var made struct {
		Secret string `json:"secret"`
	}
	err := k.client.post(k.t.Context(), k.client.api+"/v1/keys", map[string]any{"owner": "officer-" + k.screen.name, "scopes": []string{"officer"}, "days": 1}, &made)
	if err != nil {
		k.t.Fatal(err)
	}
	o := &officerWalk{browser: newBrowser(k.t, k.screen), dossier: k.w.Addresses.API + "/officer/" + k.id}
	o.open(k.w.Addresses.API + "/officer")
	o.sees("Đăng nhập cán bộ thẩm định")
	o.accessible("officer-login")
	o.fill("Khóa cán bộ", "kyso_wrong")
	o.submit("Đăng nhập")
	o.sees("Khóa không đúng")
	o.fill("Khóa cán bộ", made.Secret)
	o.submit("Đăng nhập")
	o.sees("Hồ sơ chờ thẩm định")
	o.run(chromedp.WaitVisible(`a[href="/officer/` + k.id + `"]`))
	o.accessible("officer-queue")
	o.run(chromedp.Click(`a[href="/officer/` + k.id + `"]`))
	return o
}

// take claims the dossier and sees the person in full, which nobody else does.
func (o *officerWalk) take() {
	o.t.Helper()
	o.sees("Người đăng ký, theo VNeID")
	o.press("Nhận hồ sơ")
	o.sees("Danh mục kiểm tra")
	o.run(chromedp.WaitVisible(`.paper canvas`), chromedp.Sleep(500*time.Millisecond))
}

func (o *officerWalk) askForAddress() {
	o.t.Helper()
	o.take()
	o.accessible("officer-dossier")
	o.run(chromedp.Click(`//label[contains(., "Yêu cầu bổ sung")]/input`), chromedp.Click(`//label[contains(., "Số nhà, đường")]/input`),
		chromedp.SetValue(`select`, "address-unclear"), chromedp.Evaluate[chromedp.Void](`document.querySelector('select').dispatchEvent(new Event('change', {bubbles: true}))`),
		chromedp.SendKeys(`//label[contains(., "Lời nhắn cho công dân")]/textarea`, "Thiếu số nhà."))
	o.accessible("officer-ask")
	o.press("Yêu cầu bổ sung")
	o.sees("Hồ sơ không còn chờ thẩm định")
}

// approve is not possible before every check is ticked.
func (o *officerWalk) approve() {
	o.t.Helper()
	o.open(o.dossier)
	o.take()
	o.sees("Đã bổ sung, trước và sau")
	o.sees("Số 9 ngõ 34 phố Đặng Thùy Trâm")
	if !value[bool](o.browser, `[...document.querySelectorAll('button')].find(b => b.textContent === 'Phê duyệt').disabled`) {
		o.t.Error("an approval is offered before anything was checked")
	}
	o.run(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll('input[name=check]').forEach(c => c.click())`))
	o.press("Phê duyệt")
	o.sees("Hồ sơ không còn chờ thẩm định")
	o.accessible("officer-approved")
}

// activate sets the PIN on the phone's own page and activates by a code.
func (k *citizenWalk) activate() {
	k.t.Helper()
	k.sees("Đặt mã PIN trên điện thoại")
	k.accessible("activation")
	phone := newBrowser(k.t, screens[0])
	phone.open(k.w.Addresses.Phone + "/?user=" + url.QueryEscape(k.citizen))
	phone.press("Đặt mã PIN")
	phone.sees("Mã PIN mới")
	phone.accessible("phone-pin")
	phone.fill("Mã PIN mới", "270519")
	phone.fill("Nhập lại mã PIN", "270519")
	phone.submit("Đặt mã PIN")
	phone.sees("Đã đặt mã PIN")
	k.sees("Mã PIN đã được đặt")
	code := k.code()
	k.accessible("activation-code")
	k.fill("Mã OTP", code)
	k.submit("Kích hoạt ngay")
}

// accept compares the codes and approves the acceptance record on the phone.
func (k *citizenWalk) accept() {
	k.t.Helper()
	k.sees("Ký biên bản nghiệm thu")
	k.sees("Chỉ xác nhận khi điện thoại hiện đúng mã này")
	code := value[string](k.browser, `document.querySelector('[data-testid=short-code]').textContent`)
	k.accessible("acceptance")
	phone := newBrowser(k.t, screens[0])
	phone.open(k.w.Addresses.Phone + "/?user=" + url.QueryEscape(k.citizen))
	phone.sees(code)
	phone.press("Chi tiết")
	phone.sees("So sánh mã này")
	phone.accessible("phone-request")
	phone.submit("Xác nhận")
	phone.sees("Đã xác nhận ký")
	k.sees("Chứng thư số của bạn đã hoạt động")
	k.sees("Biên bản nghiệm thu")
	k.accessible("active")
}

// registered looks in VNeID, where the certificate has to be listed as active.
func (k *citizenWalk) registered() {
	k.t.Helper()
	k.run(chromedp.Sleep(time.Second))
	k.open(k.w.Addresses.VNeID + "registered")
	k.sees("Đang hoạt động")
	k.accessible("vneid-registered")
}
