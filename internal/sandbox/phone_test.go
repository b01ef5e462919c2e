package sandbox_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"kyso/internal/sandbox"
)

// browser is a client of a handler; it follows redirects.
type browser struct {
	t   *testing.T
	url string
}

func open(t *testing.T, h http.Handler) browser {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return browser{t, server.URL}
}

func (b browser) do(method, path, body string, header ...string) (int, string) {
	b.t.Helper()
	req, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	must(b.t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	must(b.t, err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	must(b.t, err)
	if res.Header.Get("X-Sandbox") != "NOT FOR PRODUCTION" {
		b.t.Errorf("%s %s carries no warning", method, path)
	}
	return res.StatusCode, string(data)
}

func mustContain(t *testing.T, page string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(page, w) {
			t.Errorf("the page has no %q:\n%s", w, page)
		}
	}
}

func TestPhonePages(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	phone := open(t, b.Phone())
	_, page := phone.do("GET", "/", "")
	mustContain(t, page, `lang="vi"`, "Chưa có yêu cầu nào", `name="viewport"`)

	id := b.sign(minh, "T-1", "HD-12", "PL-<b>").Data.TranCode
	digest := fmt.Sprintf("%x", digestOf("HD-12"))
	code := strings.ToUpper(digest[:4] + "-" + digest[4:8])
	_, page = phone.do("GET", "/", "")
	mustContain(t, page, "NGUYỄN VĂN MINH", "/?user="+minh, "1 yêu cầu")
	_, page = phone.do("GET", "/?user="+minh, "")
	mustContain(t, page, code, "Hợp đồng thử", "2 tài liệu", "Chi tiết", "/requests/"+id, `data-ids="`+id+`"`)
	_, page = phone.do("GET", "/requests/"+id, "")
	mustContain(t, page, code, "HD-12", "PL-&lt;b&gt;", digest, digest[:4]+" "+digest[4:8], "T-1", "Xác nhận", "Từ chối", "data-seconds-left=")
	if strings.Contains(page, "http://") || strings.Contains(page, "https://") || strings.Contains(page, "style=") {
		t.Error("the page loads or runs something that its policy forbids")
	}

	_, page = phone.do("POST", "/requests/"+id+"/approve", "")
	mustContain(t, page, "Đã xác nhận ký", `role="status"`)
	if strings.Contains(page, "<form") {
		t.Error("a decided request can be decided again")
	}
	_, page = phone.do("POST", "/requests/"+id+"/decline", "") // the other device, too late
	mustContain(t, page, "Đã xác nhận ký")
	if a := b.status("T-1"); a.Message != "SUCCESS" {
		t.Errorf("status %s", a.raw)
	}

	id = b.sign(minh, "T-2", "x").Data.TranCode
	_, page = phone.do("POST", "/requests/"+id+"/decline", "")
	mustContain(t, page, "Đã từ chối")
	id = b.sign(minh, "T-3", "x").Data.TranCode
	_, page = phone.do("POST", "/requests/"+id+"/ignore", "")
	mustContain(t, page, "Không có yêu cầu nào đang chờ")
	if a := b.status("T-3"); a.Message != "sig_wait_for_user_confirm" {
		t.Errorf("an ignored request is %s", a.Message)
	}
	for path, want := range map[string]int{"/?user=12": 404, "/requests/none": 404, "/phone.css": 200, "/phone.js": 200, "/phone.html": 404} {
		if status, _ := phone.do("GET", path, ""); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
}

func TestPhoneRefusesOtherSites(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	id := b.sign(minh, "T-1", "a").Data.TranCode
	for _, h := range []http.Handler{b.Phone(), b.Control()} {
		site := open(t, h)
		for _, path := range []string{"/requests/" + id + "/approve", "/api/requests/" + id + "/approve", "/users/" + minh + "/approve"} {
			if status, _ := site.do("POST", path, "", "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
				t.Errorf("%s from another site: %d", path, status)
			}
			if status, _ := site.do("POST", path, "", "Origin", "https://evil.example"); status != http.StatusForbidden {
				t.Errorf("%s from another origin: %d", path, status)
			}
		}
	}
	if n := b.CountEffects(sandbox.EffectDecision, ""); n != 0 {
		t.Error("another site decided")
	}
}

func TestPhoneAPI(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{Clock: newClock().now})
	phone := open(t, b.Phone())
	b.sign(minh, "T-1", "a", "b")
	b.sign(icaFree, "T-2", "c")
	b.knobs("001202000009", sandbox.Knobs{Decision: "never"})
	b.sign("001202000009", "T-3", "d")

	list := func(user string) []sandbox.PhoneRequest {
		status, body := phone.do("GET", "/api/requests?user="+url.QueryEscape(user), "")
		var out struct{ Requests []sandbox.PhoneRequest }
		if err := json.Unmarshal([]byte(body), &out); err != nil || status != 200 {
			t.Fatalf("%d %s %v", status, body, err)
		}
		return out.Requests
	}
	if all := list(""); len(all) != 2 {
		t.Fatalf("%d requests wait, want 2: the dark phone shows none", len(all))
	}
	mine := list(minh)
	if len(mine) != 1 || len(mine[0].Documents) != 2 || mine[0].TransactionID != "T-1" || mine[0].SecondsLeft != 300 ||
		mine[0].ExpiresAt.Sub(mine[0].CreatedAt) != 300*time.Second {
		t.Fatalf("requests %+v", mine)
	}
	act := func(id, act string) int {
		status, _ := phone.do("POST", "/api/requests/"+id+"/"+act, "")
		return status
	}
	id := mine[0].ID
	if got := []int{act(id, "explode"), act("none", "approve"), act(id, "approve"), act(id, "decline"), act(id, "ignore")}; fmt.Sprint(got) != "[404 404 200 409 409]" {
		t.Errorf("acts answered %v", got)
	}
}

// TestOnPush: the hook sees the request as the phone does, and may answer it before the portal has its answer.
func TestOnPush(t *testing.T) {
	t.Parallel()
	var b *bench
	seen := ""
	b = start(t, sandbox.Options{OnPush: func(r sandbox.PhoneRequest) {
		seen = r.ShortCode
		if err := b.Decide(r.ID, sandbox.Approved); err != nil {
			t.Error(err)
		}
	}})
	a := b.sign(minh, "T-1", "a")
	if seen == "" || a.Message != "sig_wait_for_user_confirm" || b.status("T-1").Message != "SUCCESS" {
		t.Errorf("seen %q, answered %s, then %s", seen, a.raw, b.status("T-1").raw)
	}
}
