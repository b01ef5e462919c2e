package rssp769

import (
	"strings"
	"testing"

	"kyso/internal/party/partytest"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

const token = "a-token-of-the-test"

func TestOpenReadsWhichRequest(t *testing.T) {
	c := &Client{WebhookToken: token}
	for body, want := range map[string]string{
		`{"sp_id":"x","status_code":200,"message":"SUCCESS","transaction_id":"kyso-1","signed_files":[{"doc_id":"a","signature_value":"AAAA"}]}`: "kyso-1",
		`{"data":{"transaction_id":"kyso-1","tran_code":"77"}}`:                                                                                  "kyso-1", `{"tran_code":"77"}`: "77", `{"data":{"tran_code":"77"}}`: "77",
		`{"message":"test"}`: "", `{"transaction_id":""}`: "",
	} {
		got, err := c.Open(signing.Call{Token: token, Body: []byte(body)})
		if err != nil || got.Request != want {
			t.Errorf("%s: got %+v, %v", body, got, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for body, want := range map[string]problem.Code{
		`no JSON`: problem.Invalid, `{"transaction_id":"a\u0000b"}`: problem.Invalid, `{"transaction_id":"` + strings.Repeat("x", 513) + `"}`: problem.Invalid,
		`{"transaction_id":7}`: problem.Invalid,
	} {
		_, err := (&Client{WebhookToken: token}).Open(signing.Call{Token: token, Body: []byte(body)})
		partytest.CheckProblem(t, err, want)
	}
	for want, given := range map[string]string{token: "another", token + "2": "", "": ""} {
		_, err := (&Client{WebhookToken: want}).Open(signing.Call{Token: given, Body: []byte(`{}`)})
		partytest.CheckProblem(t, err, problem.NotFound)
	}
}

func TestCheckUser(t *testing.T) {
	c := &Client{Profile: IntrustCA()}
	for _, good := range []string{"079095012345", "079095012", "0100109106", "0100109106-001", "C1234567", "ICA.079095012345", " 079095012345 "} {
		if kept, err := c.CheckUser(good); err != nil || kept != strings.TrimSpace(good) {
			t.Errorf("%q: %q, %v", good, kept, err)
		}
	}
	for _, bad := range []string{"", "79095012345", "ICA.", "ICA.1", "XYZ.079095012345", "a b"} {
		if _, err := c.CheckUser(bad); problem.FieldOf(err) != "user" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if UserOf("intrustca", "079095012345") != "ICA.079095012345" || UserOf("vnpt", "079095012345") != "079095012345" {
		t.Error("a citizen is called otherwise")
	}
}
