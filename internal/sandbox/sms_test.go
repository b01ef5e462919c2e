package sandbox_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"kyso/internal/sandbox"
)

const smsPath = "/esms/MainService.svc/json/SendMultipleMessage_V4_post_json/"

// sms sends the message of the fact sheet with some fields changed and returns the code.
func (b *bench) sms(changes map[string]string) string {
	b.t.Helper()
	body := map[string]string{"ApiKey": sandbox.DefaultSMSAPIKey, "SecretKey": sandbox.DefaultSMSSecretKey, "Phone": "0901234567",
		"Content": "Ma OTP cua ban la 123456, hieu luc 2 phut", "Brandname": "DEMO", "SmsType": "2", "IsUnicode": "0", "Sandbox": "1",
		"campaignid": "otp", "RequestId": "REG20261120A0001-OTP-1", "CallbackUrl": "https://app.example.vn/sms/esms/callback"}
	maps.Copy(body, changes)
	data, err := json.Marshal(body)
	must(b.t, err)
	res, raw, err := b.raw(smsPath, string(data))
	must(b.t, err)
	var a struct{ CodeResult, SMSID, ErrorMessage string }
	if err := json.Unmarshal(raw, &a); err != nil || res.StatusCode != 200 || (a.CodeResult == "100") != (a.SMSID != "") ||
		(a.CodeResult == "100") != (a.ErrorMessage == "") {
		b.t.Fatalf("%d %s %v", res.StatusCode, raw, err)
	}
	return a.CodeResult
}

func TestSMS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := start(t, sandbox.Options{Dir: dir})
	for _, c := range []struct {
		field, value, want string
	}{
		{"ApiKey", "x", "101"}, {"SecretKey", "", "101"}, {"Brandname", "", "104"}, {"Brandname", "NOBODY", "104"},
		{"Phone", "19001234", "108"}, {"Phone", "+84901234567", "108"}, {"Phone", "0121234567", "108"}, {"SmsType", "9", "118"}, {"Content", "", "99"},
	} {
		if got := b.sms(map[string]string{c.field: c.value}); got != c.want {
			t.Errorf("%s %q: %s, want %s", c.field, c.value, got, c.want)
		}
	}
	if n := b.CountEffects(sandbox.EffectSMS, ""); n != 0 {
		t.Errorf("%d messages after refusals", n)
	}
	if got := b.sms(nil); got != "100" {
		t.Errorf("accepted with %s", got)
	}
	if got := b.sms(map[string]string{"Content": "khac"}); got != "124" {
		t.Errorf("the same RequestId: %s", got)
	}
	if got := b.sms(map[string]string{"Phone": "84901234567", "RequestId": "R-2", "Brandname": "KYSO", "Content": "<b>hai</b>"}); got != "100" {
		t.Errorf("a number with 84: %s", got)
	}
	if _, raw, err := b.raw(smsPath, "{"); err != nil || !strings.Contains(string(raw), `"99"`) {
		t.Errorf("no JSON: %s %v", raw, err)
	}

	again, err := sandbox.New(sandbox.Options{Dir: dir})
	must(t, err)
	t.Cleanup(func() { must(t, again.Close()) })
	for _, phone := range []string{"0901234567", "84901234567", "+84 901 234 567", ""} {
		list := again.Messages(phone)
		if len(list) != 2 || list[0].Phone != "84901234567" || list[0].RequestID != "REG20261120A0001-OTP-1" || !strings.Contains(list[0].Text, "123456") {
			t.Errorf("inbox of %q: %+v", phone, list)
		}
	}
	if n := len(again.Messages("0912345678")) + len(again.Messages("x")); n != 0 {
		t.Errorf("%d messages of others", n)
	}
	if n := again.CountEffects(sandbox.EffectSMS, "REG20261120A0001-OTP-1"); n != 1 {
		t.Errorf("%d effects", n)
	}

	phone := open(t, again.Phone())
	_, page := phone.do("GET", "/", "")
	mustContain(t, page, `href="/sms"`)
	_, page = phone.do("GET", "/sms", "")
	mustContain(t, page, "/sms?phone=84901234567", "2 tin nhắn")
	_, page = phone.do("GET", "/sms?phone=0901234567", "")
	mustContain(t, page, "Ma OTP cua ban la 123456", "&lt;b&gt;hai", "KYSO")
	_, page = phone.do("GET", "/api/sms?phone=0901234567", "")
	mustContain(t, page, `"request_id": "R-2"`)
	_, page = open(t, again.Control()).do("GET", "/sms?phone=0901234567", "")
	mustContain(t, page, `"request_id": "R-2"`)
	if got := again.PhoneOf(anh); len(got) != 10 {
		t.Errorf("%s has the phone %q", anh, got)
	}
}

func TestSMSFaults(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	must(t, b.SetSettings(sandbox.Settings{Faults: []sandbox.Fault{{On: "sms", Do: "500", Times: 1}, {On: "sms", Do: "lost", Times: 1}}}))
	body := `{"ApiKey":"` + sandbox.DefaultSMSAPIKey + `","SecretKey":"` + sandbox.DefaultSMSSecretKey +
		`","Phone":"0901234567","Content":"x","Brandname":"KYSO","SmsType":"2","RequestId":"R-1"}`
	if res, _, err := b.raw(smsPath, body); err != nil || res.StatusCode != 500 || len(b.Messages("")) != 0 {
		t.Errorf("500: %v %v", res, err)
	}
	if _, _, err := b.raw(smsPath, body); err == nil || len(b.Messages("")) != 1 {
		t.Errorf("lost: %v", err)
	}
	if _, raw, err := b.raw(smsPath, body); err != nil || !strings.Contains(string(raw), `"124"`) || len(b.Messages("")) != 1 {
		t.Errorf("again: %s %v", raw, err)
	}
}
