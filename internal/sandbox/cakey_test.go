package sandbox_test

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kyso/internal/sandbox"
)

func TestCASurvivesKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, sandbox.Options{Dir: dir})
	keyID, cert := first.enrol(anh, "R-1")
	first.activateOnce(keyID, cert)
	must(t, first.SetPIN(anh, "280594"))
	data, err := os.ReadFile(filepath.Join(dir, "sandbox.json"))
	must(t, err)
	if bytes.Contains(data, []byte("280594")) {
		t.Error("the PIN is in the state")
	}
	second, err := sandbox.New(sandbox.Options{Dir: dir})
	must(t, err)
	must(t, second.SetBaseURL(first.url))
	server := httptest.NewServer(second.Parties())
	t.Cleanup(server.Close)
	b := &bench{second, t, server.URL}
	if again, other := b.enrol(anh, "R-1"); again != keyID || !other.Equal(cert) {
		t.Error("another key or certificate after the restart")
	}
	if a := b.ca("keys/"+keyID+"/activate", fields{}); a.State != "active" {
		t.Errorf("activated %+v", a)
	}
	if !b.leaf(anh).Equal(cert) {
		t.Error("the provider lists another certificate")
	}
	b.sign("ICA."+anh, "T-0", "x") // of no profile at this path; must not matter
	b.sign(anh, "T-1", "a")
	if n, err := b.Approve(anh); n != 1 || err != nil {
		t.Errorf("approved %d, %v", n, err)
	}
}

func TestPhoneSetsPIN(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	phone, control := open(t, b.Phone()), open(t, b.Control())
	keyID, cert := b.enrol(anh, "R-1")
	if status, _ := phone.do("GET", "/keys/"+keyID, ""); status != 404 {
		t.Errorf("a page for a PIN before the activation: %d", status)
	}
	b.activateOnce(keyID, cert)
	for _, user := range []string{anh, "ICA." + anh} {
		_, page := phone.do("GET", "/?user="+user, "")
		mustContain(t, page, "Đặt mã PIN", "/keys/"+keyID, `data-ids="`+keyID+`"`)
	}
	_, page := phone.do("GET", "/", "")
	mustContain(t, page, "đặt mã PIN", "/?user="+anh)
	_, list := phone.do("GET", "/api/requests?user="+anh, "")
	mustContain(t, list, keyID, `"keys"`)
	_, page = phone.do("GET", "/keys/"+keyID, "")
	mustContain(t, page, `name="pin"`, `type="password"`, "6 đến 8 chữ số")

	form := func(pin, again string) (int, string) {
		return phone.do("POST", "/keys/"+keyID+"/pin", "pin="+pin+"&again="+again, "Content-Type", "application/x-www-form-urlencoded")
	}
	for _, bad := range []string{"12345", "123456789", "123456", "654321", "890123", "000000", "77777777", "12a456", ""} {
		status, page := form(bad, bad)
		if status != 400 {
			t.Errorf("PIN %q: %d", bad, status)
		}
		mustContain(t, page, `role="alert"`, `name="pin"`)
		if bad != "" && strings.Contains(page, `"`+bad+`"`) {
			t.Error("the page shows the PIN")
		}
		if status, _ := phone.do("POST", "/api/keys/"+keyID+"/pin", `{"pin":"`+bad+`"}`); status != 400 {
			t.Errorf("PIN %q by JSON: %d", bad, status)
		}
	}
	if status, page := form("280594", "280595"); status != 400 || !strings.Contains(page, "không giống nhau") {
		t.Errorf("two PINs: %d", status)
	}
	status, page := form("280594", "280594")
	mustContain(t, page, "Đã đặt mã PIN")
	if status != 200 || !b.CheckPIN(keyID, "280594") {
		t.Errorf("set: %d", status)
	}
	_, page = form("112233", "112233") // the other tab, too late
	mustContain(t, page, "Đã đặt mã PIN")
	if status, _ := phone.do("POST", "/api/keys/"+keyID+"/pin", `{"pin":"112233"}`); status != 409 {
		t.Errorf("second PIN by JSON: %d", status)
	}
	if status, _ := control.do("POST", "/users/"+anh+"/pin?pin=112233", ""); status != 409 {
		t.Errorf("second PIN by control: %d", status)
	}
	if status, answer := control.do("GET", "/users/"+anh, ""); status != 200 || !strings.Contains(answer, `"pin-set"`) {
		t.Errorf("control: %s", answer)
	}
	keyID, cert = b.enrol(minh, "R-2")
	b.activateOnce(keyID, cert)
	if status, answer := control.do("POST", "/users/"+minh+"/pin?pin=112233", ""); status != 200 || !strings.Contains(answer, "pin-set") {
		t.Errorf("PIN by control: %d %s", status, answer)
	}
}
