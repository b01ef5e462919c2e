package sandbox_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"kyso/internal/sandbox"
	"kyso/internal/sandbox/kernel"
)

func TestControl(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{WebhookURL: "http://127.0.0.1:9/hook"})
	control := open(t, b.Control())
	expect := func(want int, method, path, body string, words ...string) string {
		t.Helper()
		status, answer := control.do(method, path, body)
		if status != want {
			t.Errorf("%s %s %s: %d %s", method, path, body, status, answer)
		}
		mustContain(t, answer, words...)
		return answer
	}
	expect(200, "GET", "/", "", "NOT FOR PRODUCTION", `"PUT|PATCH /settings"`, `"POST /users/{id}/approve|decline|ignore"`)

	// Settings: PATCH leaves what it does not name, PUT does not, and neither takes what it does not know.
	expect(200, "PATCH", "/settings", `{"ocsp":"down"}`, "127.0.0.1:9", `"down"`)
	expect(400, "PATCH", "/settings", `{"oscp":"down"}`)
	expect(400, "PUT", "/settings", `{"fault_rate":7}`)
	expect(400, "PATCH", "/settings", `{"ocsp":"up","crl":"down"}`)
	if s := b.Settings(); s.OCSP != "down" || s.CRL != "" || s.WebhookURL == "" {
		t.Errorf("settings %+v", s)
	}
	expect(200, "PUT", "/settings", `{"webhook":"lost","webhook_url":""}`)
	if s := b.Settings(); s.OCSP != "" || s.WebhookURL != "" || s.Webhook != "lost" {
		t.Errorf("settings %+v", s)
	}

	// What the world was started with comes back; nothing else is left of what was set.
	expect(200, "PATCH", "/settings", `{"crl":"stale","fault_rate":0.5,"kyso_url":"http://elsewhere.example"}`)
	before := start(t, sandbox.Options{WebhookURL: "http://127.0.0.1:9/hook"}).Settings()
	expect(200, "PUT", "/settings", `{}`)
	if s := b.Settings(); !reflect.DeepEqual(s, before) || s.WebhookURL == "" {
		t.Errorf("settings %+v, at the start %+v", s, before)
	}

	// Users and their knobs.
	expect(200, "GET", "/users/ICA.079095012345", "", "NGUYỄN VĂN MINH", `"status": "VALID"`)
	expect(404, "GET", "/users/nobody", "")
	expect(404, "PUT", "/users/nobody/knobs", `{}`)
	expect(200, "PUT", "/users/"+minh+"/knobs", `{"certificates":["valid","revoked+p256"],"faults":[{"on":"sign","do":"lost","times":2}]}`, "REVOKED", "p256")
	expect(200, "PATCH", "/users/"+minh+"/knobs", `{"window_s":60}`, "REVOKED", `"lost"`, `"window_s": 60`)
	for _, bad := range []string{`{"certificates":["vaild"]}`, `{"certificates":["none","valid"]}`, `{"decision":"maybe"}`,
		`{"faults":[{"do":"explode"}]}`, `{"status_by":"x"}`, `{"webhook":"x"}`, `{"window_s":-1}`, `{"unknown":1}`, `[]`, ``} {
		expect(400, "PUT", "/users/"+minh+"/knobs", bad)
	}
	expect(200, "DELETE", "/users/"+minh+"/knobs", "")
	if n := len(b.certificates(minh).Data.Certificates); n != 1 {
		t.Errorf("%d certificates after the knobs were reset", n)
	}

	// Certificates.
	serial := fmt.Sprintf("%x", b.leaf(minh).SerialNumber)
	expect(200, "POST", "/certificates/"+serial+"/suspend", "")
	expect(200, "GET", "/users/"+minh, "", "SUSPENDED")
	expect(200, "POST", "/certificates/"+strings.ToUpper(serial)+"/restore", "")
	expect(400, "POST", "/certificates/"+serial+"/revoke", `{"reason":6}`)
	expect(404, "POST", "/certificates/"+serial+"/burn", "")
	expect(404, "POST", "/certificates/5401/revoke", "")
	expect(200, "POST", "/certificates/"+serial+"/revoke", `{"reason":1}`)
	expect(200, "GET", "/users/"+minh, "", "REVOKED")

	// The phone by control, the ledger, the log.
	b.sign(icaFree, "T-1", "a")
	expect(200, "GET", "/users/"+icaFree, "", `"short_code"`)
	expect(200, "POST", "/users/"+icaFree+"/decline", "", `"requests": 1`)
	expect(404, "POST", "/users/"+icaFree+"/dance", "")
	answer := expect(200, "GET", "/ledger?kind=push&key=T-1", "")
	var ledger struct{ Effects []sandbox.Effect }
	must(t, json.Unmarshal([]byte(answer), &ledger))
	if len(ledger.Effects) != 1 || ledger.Effects[0].User != icaFree || ledger.Effects[0].Documents != 1 {
		t.Errorf("ledger %s", answer)
	}
	expect(200, "GET", fmt.Sprintf("/ledger?after=%d", len(b.Ledger())), "", `"effects": []`)
	expect(400, "GET", "/ledger?after=x", "")
	expect(200, "GET", "/requests", "", signPath)
	expect(200, "POST", "/settle", "", `"now"`)
	expect(200, "GET", "/trust.pem", "", "BEGIN CERTIFICATE")
}

// TestPeople: ids of every form have an owner, always the same, and names use the whole alphabet.
func TestPeople(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	uid := func(user string) string {
		for _, n := range b.leaf(user).Subject.Names {
			if n.Type.String() == "0.9.2342.19200300.100.1.1" {
				return n.Value.(string)
			}
		}
		return ""
	}
	for user, want := range map[string]string{"001302000007": "CCCD:001302000007", "123456789": "CMND:123456789",
		"B1234567": "HC:B1234567", "0312345678-001": "MST:0312345678-001"} {
		if got := uid(user); got != want {
			t.Errorf("%s has UID %q", user, got)
		}
	}
	if name := b.leaf("001302000007").Subject.CommonName; !utf8.ValidString(name) || name != strings.ToUpper(name) || len(strings.Fields(name)) != 3 {
		t.Errorf("name %q", name)
	}
	if p := b.leaf("001302000007").Subject.Province; p[0] != "HÀ NỘI" {
		t.Errorf("province %q", p)
	}
	if org := b.leaf("0312345678-001").Subject; len(org.Organization) != 1 || org.Organization[0] != org.CommonName {
		t.Errorf("organisation %s", org)
	}
}

// TestEverySwitchHasOneParty holds the flat shape of knobs and settings against the parties: each field is read by one of
// them, and keeps what is set.
func TestEverySwitchHasOneParty(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	owner := map[bool]map[string]string{true: {}, false: {}} // of knobs, of settings
	for _, party := range b.Kernel.Parties() {
		for knobs, switches := range map[bool]*kernel.Switches{true: party.Knobs, false: party.Settings} {
			if switches == nil {
				continue
			}
			for _, name := range switches.Fields() {
				if other := owner[knobs][name]; other != "" {
					t.Errorf("%s is read by %s and by %s", name, other, party.Name)
				}
				owner[knobs][name] = party.Name
			}
		}
	}
	for knobs, whole := range map[bool]reflect.Type{true: reflect.TypeFor[sandbox.Knobs](), false: reflect.TypeFor[sandbox.Settings]()} {
		names := []string{}
		for _, f := range reflect.VisibleFields(whole) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			names = append(names, name)
			if owner[knobs][name] == "" {
				t.Errorf("%s: %s is read by no party", whole, name)
			}
		}
		for name, party := range owner[knobs] {
			if !slices.Contains(names, name) {
				t.Errorf("%s has no field for %s of %s", whole, name, party)
			}
		}
	}
	k := sandbox.Knobs{Certificates: []string{"valid"}, CertificatesOf: minh, NoCertificateAs401: true, CRLFInCert: true, SignAnyway: true,
		Decision: "approve", DecisionAfterSeconds: 1.5, WindowSeconds: 2, HideWindow: true, DifferentResponseID: true, StatusBy: "tran_code",
		DuplicateAs400: true, UppercaseHexRejected: true, CMSAnswer: true, RawRS: true, ValueForm: "hex", NameBy: "hash", SwapBatch: true,
		WrongKey: true, EmptyValue: true, IssueAfterSeconds: 3, IssueFails: "refused", IssueBent: "ca", KeyLocked: true, Webhook: "late",
		Faults: []sandbox.Fault{{Do: "500", Times: 1}}}
	must(t, b.SetKnobs(minh, k))
	if got := b.Knobs(minh); !reflect.DeepEqual(got, k) {
		t.Errorf("knobs are %+v, set was %+v", got, k)
	}
	s := sandbox.Settings{FaultRate: 0.5, Faults: k.Faults, BodyStatusOnly: true, DeclinedText: "a", ExpiredText: "b", WebhookURL: "c",
		Webhook: "late", WebhookDelaySeconds: 1, OCSP: "down", CRL: "stale", AIA: "down", TSA: "reject", CA: "down", VNeID: "down",
		KysoURL: "d", HandoffURL: "e", IPNURL: "f", IPN: "lost", IPNDelaySeconds: 2}
	must(t, b.SetSettings(s))
	if got := b.Settings(); !reflect.DeepEqual(got, s) {
		t.Errorf("settings are %+v, set was %+v", got, s)
	}
	for _, v := range []reflect.Value{reflect.ValueOf(k), reflect.ValueOf(s)} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s.%s is not tried here", v.Type(), v.Type().Field(i).Name)
			}
		}
	}
}
