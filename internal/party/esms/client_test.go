package esms

import (
	"context"
	"testing"

	"kyso/internal/party/partytest"
	"kyso/internal/problem"
)

const (
	testText  = "Ma OTP cua ban la 123456, hieu luc 2 phut"
	testPhone = "+84901234567"
)

func testClient(url string) *Client {
	return &Client{BaseURL: url + "/", APIKey: "esms-api-key", SecretKey: "esms-secret-key", Brandname: "DEMO", Sandbox: true,
		CallbackURL: "https://app.example.vn/sms/esms/callback", Clock: partytest.Clock}
}

func TestRequestBody(t *testing.T) {
	p := partytest.New(t, partytest.OK(`{"CodeResult":"100","CountRegenerate":0,"SMSID":"x"}`))
	s := testClient(p.URL)
	if err := s.Send(context.Background(), "REG20261120A0001-OTP-1", testPhone, testText); err != nil {
		t.Fatal(err)
	}
	want := `{"ApiKey":"esms-api-key","SecretKey":"esms-secret-key","Phone":"0901234567","Content":"Ma OTP cua ban la 123456, hieu luc 2 phut",` +
		`"Brandname":"DEMO","SmsType":"2","IsUnicode":"0","Sandbox":"1","campaignid":"otp",` +
		`"RequestId":"REG20261120A0001-OTP-1","CallbackUrl":"https://app.example.vn/sms/esms/callback"}`
	got := p.Last()
	if got.Method != "POST" || got.Path != "/MainService.svc/json/SendMultipleMessage_V4_post_json/" || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s with %q", got.Method, got.Path, got.Header.Get("Content-Type"))
	}
	if got.Body != want {
		t.Errorf("sent\n%s\nwant\n%s", got.Body, want)
	}
	s.Sandbox, s.CallbackURL = false, ""
	if err := s.Send(context.Background(), "R", "0901234567", "Mã"); err != nil {
		t.Fatal(err)
	}
	want = `{"ApiKey":"esms-api-key","SecretKey":"esms-secret-key","Phone":"0901234567","Content":"Mã","Brandname":"DEMO",` +
		`"SmsType":"2","IsUnicode":"1","Sandbox":"0","campaignid":"otp","RequestId":"R"}`
	if got := p.Last().Body; got != want {
		t.Errorf("sent\n%s\nwant\n%s", got, want)
	}
}

func TestCodes(t *testing.T) {
	for answer, want := range map[string]problem.Code{
		`"100"`: "", `100`: "", `"124"`: "",
		`"101"`: problem.ProviderCredentials, `"102"`: problem.ProviderCredentials, `"103"`: problem.ProviderCredentials,
		`"104"`: problem.ProviderCredentials, `"140"`: problem.ProviderCredentials,
		`"108"`: problem.ProviderRefused, `"118"`: problem.ProviderRefused, `"146"`: problem.ProviderRefused, `177`: problem.ProviderRefused,
		`"99"`: problem.ProviderUnavailable, `"500"`: problem.ProviderUnavailable, `""`: problem.ProviderUnavailable,
		`"0901234567"`: problem.ProviderUnavailable, `null`: problem.ProviderUnavailable, `{}`: problem.ProviderUnavailable,
	} {
		t.Run(answer, func(t *testing.T) {
			p := partytest.New(t, partytest.OK(`{"CodeResult":`+answer+`,"ErrorMessage":"0901234567: `+testText+`"}`))
			err := testClient(p.URL).Send(context.Background(), "R", testPhone, testText)
			partytest.CheckProblem(t, err, want, "0901234567", "901234567", "123456", "esms-")
		})
	}
}

func TestPhones(t *testing.T) {
	p := partytest.New(t, partytest.OK(`{"CodeResult":"100"}`))
	for _, phone := range []string{"", "901234567", "+1901234567", "+8490123456", "+840901234567", "+849012345678901", "+84 901234567", "09o1234567"} {
		err := testClient(p.URL).Send(context.Background(), "R", phone, testText)
		partytest.CheckProblem(t, err, problem.ProviderRefused, phone, "123456")
	}
	if len(p.Seen) != 0 {
		t.Errorf("%d texts were sent", len(p.Seen))
	}
}

func TestBadAnswers(t *testing.T) {
	partytest.BadAnswers(t, func(url string) error {
		return testClient(url).Send(context.Background(), "R", testPhone, testText)
	}, "901234567", "123456", "esms-")
}
