package main

import (
	"context"
	"testing"
	"time"
)

// logIn logs a browser in to the account of the walk: the page that it wanted comes afterwards.
func (k *citizenWalk) logIn() {
	k.t.Helper()
	k.fill("Số điện thoại", k.phone)
	before := len(k.w.Sandbox.Messages(k.phone))
	k.press("Gửi mã OTP")
	k.sees("Nếu số này có tài khoản")
	ctx, cancel := context.WithTimeout(k.t.Context(), 30*time.Second)
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
}
