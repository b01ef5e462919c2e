package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestOperatorRepairsInTheBrowser follows a parked signing on the incident board: found by its cause, assigned, noted, and
// repaired after a dry run, with the outcome that the API verified.
func TestOperatorRepairsInTheBrowser(t *testing.T) {
	t.Parallel()
	w, c := sharedWorld(t)
	for i, s := range screens {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			user := fmt.Sprintf("ICA.07909504400%d", i)
			id := parkedSigning(t, w, c, user)
			o := &operatorWalk{browser: newBrowser(t, s), w: w, client: c, user: user}
			o.logIn()
			o.open(w.Addresses.API + "/ops/" + o.incidentOf(id))
			o.takesAndNotes()
			o.repairs()
			if ended := awaitFinal(t, c, id); ended.Status != "cancelled" {
				t.Errorf("the signing ended %s", ended.Status)
			}
		})
	}
}

// operatorWalk is an operator at a browser.
type operatorWalk struct {
	*browser
	w      *World
	client *client
	user   string // of the signer, whom the board does not show
}

// logIn uses a key of an operator's own, looks at the board and opens the group of the signing.
func (o *operatorWalk) logIn() {
	o.t.Helper()
	var made struct {
		Secret string `json:"secret"`
	}
	do(o.t, o.client.post(o.t.Context(), o.client.api+"/v1/keys", map[string]any{"owner": "operator-" + o.screen.name, "scopes": []string{"operator"}, "days": 1}, &made))
	o.open(o.w.Addresses.API + "/ops")
	o.sees("Đăng nhập vận hành")
	o.accessible("ops-login")
	o.fill("Khóa vận hành", "kyso_wrong")
	o.submit("Đăng nhập")
	o.sees("Khóa không đúng")
	o.fill("Khóa vận hành", made.Secret)
	o.submit("Đăng nhập")
	o.sees("signature-invalid")
	o.accessible("ops-board")
	o.run(chromedp.Click(`//tr[contains(., "signature-invalid")]//button`))
	o.sees("Tìm trong Temporal")
	o.accessible("ops-group")
}

// incidentOf is the id of the incident that a signing waits in.
func (o *operatorWalk) incidentOf(signing string) string {
	o.t.Helper()
	var list struct {
		Items []struct {
			ID        string `json:"id"`
			ProcessID string `json:"process_id"`
		} `json:"items"`
	}
	do(o.t, o.client.do(o.t.Context(), "GET", o.client.api+"/v1/incidents?process=signing", "", nil, &list))
	for _, i := range list.Items {
		if i.ProcessID == signing {
			return i.ID
		}
	}
	o.t.Fatalf("no incident of %s", signing)
	return ""
}

func (o *operatorWalk) takesAndNotes() {
	o.t.Helper()
	o.sees("Diễn biến")
	if strings.Contains(value[string](o.browser, `document.body.innerText`), strings.TrimPrefix(o.user, "ICA.")) {
		o.t.Error("the board shows the signer's number")
	}
	o.press("Nhận xử lý")
	o.sees("operator-" + o.screen.name)
	o.sees("Trả lại")
	o.run(chromedp.SendKeys(`textarea`, "đã gọi nhà cung cấp, phiếu 4711"))
	o.press("Lưu ghi chú")
	o.sees("phiếu 4711")
	o.accessible("ops-incident")
}

func (o *operatorWalk) repairs() {
	o.t.Helper()
	o.run(chromedp.SetValue(`select`, "cancel"), chromedp.Evaluate[chromedp.Void](`document.querySelector('select').dispatchEvent(new Event('change', {bubbles: true}))`))
	o.fill("Lý do", "the provider mixes up its keys")
	o.press("Chạy thử")
	o.sees("Chưa có gì thay đổi")
	o.accessible("ops-dry-run")
	o.press("Thực hiện")
	o.sees("1/1 đã có kết quả")
	o.sees("Đã hủy")
	o.accessible("ops-outcome")
}
