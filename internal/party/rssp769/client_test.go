package rssp769

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"kyso/internal/party/partytest"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

const (
	testSPID     = "a1b2-638000000000000000.apps.smartcaapi.com"
	testPassword = "s3cret-of-the-portal"
)

// exchange is a request as it came in.
type exchange struct {
	path string
	body string
}

// scripted answers requests with the given answers, one after the other, the last one for ever.
type scripted struct {
	*Client
	seen []exchange
}

func script(t *testing.T, profile Profile, answers ...partytest.Answer) *scripted {
	t.Helper()
	s := &scripted{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s with %q: %v", r.Method, r.URL.Path, r.Header.Get("Content-Type"), err)
		}
		s.seen = append(s.seen, exchange{r.URL.EscapedPath(), string(body)})
		a := answers[min(len(s.seen), len(answers))-1]
		maps.Copy(w.Header(), a.Header)
		w.WriteHeader(a.Status)
		io.WriteString(w, a.Body)
	}))
	t.Cleanup(server.Close)
	s.Client = &Client{
		Name: "Test CA", BaseURL: server.URL + "/", SPID: testSPID, SPPassword: testPassword, Profile: profile,
		HTTP: server.Client(), Clock: func() time.Time { return time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC) },
	}
	return s
}

func digestOf(b byte) (d [32]byte) {
	for i := range d {
		d[i] = b
	}
	return d
}

func sampleRequest() signing.ApprovalRequest {
	return signing.ApprovalRequest{
		ID: "SP-2026-000001", UserID: partytest.Subscriber, Serial: "540101010f2e6c0a9d7b3c21aa55ee01",
		Description: "Ký hợp đồng", Documents: []signing.DigestToSign{{DocumentID: "HD-12-2026", Digest: digestOf(0xd6)}},
	}
}

const (
	waiting   = `{"status_code":200,"message":"sig_wait_for_user_confirm","data":{"transaction_id":"SP-2026-000001","signatures":null}}`
	accepted  = `{"status_code":200,"message":"sig_wait_for_user_confirm","data":{"transaction_id":"SP-2026-000001","tran_code":"f0c1d1c8"}}`
	notFound  = `{"status_code":404,"message":"TRANSACTION_NOT_FOUND","data":null}`
	duplicate = `{"status_code":400,"message":"duplicate transaction_id","data":null}`
	finished  = `{"status_code":200,"message":"SUCCESS","data":{"transaction_id":"SP-2026-000001","signatures":[{"doc_id":"HD-12-2026","signature_value":"AQ ID\r\n","timestamp_signature":null}]}}`
)

func TestSignRequestBodies(t *testing.T) {
	login := `"sp_id":"` + testSPID + `","sp_password":"` + testPassword + `"`
	for _, tt := range []struct {
		name    string
		profile Profile
		path    string
		want    string
	}{
		{"VNPT", VNPT(), "/v1/signatures/sign",
			`{` + login + `,"user_id":"079095012345","transaction_id":"SP-2026-000001","transaction_desc":"Ký hợp đồng",` +
				`"serial_number":"540101010f2e6c0a9d7b3c21aa55ee01","time_stamp":"20261120110000Z","sign_files":[{` +
				`"data_to_be_signed":"d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6",` +
				`"doc_id":"HD-12-2026","file_type":"pdf","sign_type":"hash"}]}`},
		{"IntrustCA", IntrustCA(), "/gateway/ca/sign_file",
			`{` + login + `,"user_id":"ICA.079095012345","transaction_id":"SP-2026-000001","transaction_desc":"Ký hợp đồng",` +
				`"serial_number":"540101010f2e6c0a9d7b3c21aa55ee01","time_stamp":"20261120110000Z","sign_files":[{` +
				`"data_to_be_signed":"1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tY=",` +
				`"doc_id":"HD-12-2026","file_type":"pdf","sign_type":"hash"}]}`},
		{"NEAC", NEAC("FPT-CA"), "/sign_v2/sign",
			`{` + login + `,"user_id":"079095012345","transaction_id":"SP-2026-000001","transaction_desc":"Ký hợp đồng",` +
				`"serial_number":"540101010f2e6c0a9d7b3c21aa55ee01","ca_name":"FPT-CA","time_stamp":"20261120110000Z","sign_files":[{` +
				`"data_to_be_signed":"1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tY=",` +
				`"doc_id":"HD-12-2026","file_type":"pdf","sign_type":"hash"}]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := script(t, tt.profile, partytest.OK(accepted))
			got, err := s.Request(context.Background(), sampleRequest())
			if err != nil {
				t.Fatal(err)
			}
			if want := asAccepted("SP-2026-000001", "f0c1d1c8"); !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if want := (exchange{tt.path, tt.want}); s.seen[0] != want {
				t.Errorf("sent\n%s\nwant\n%s", s.seen[0], want)
			}
		})
	}
}

func TestCertificatesRequestBody(t *testing.T) {
	s := script(t, IntrustCA(), partytest.OK(`{"status_code":0,"message":"Success","user_certificates":[],"transaction_id":"x"}`))
	list, err := s.Certificates(context.Background(), "SP-2026-000001-CERT", " ICA.079095012345", "54")
	if err != nil || len(list) != 0 {
		t.Fatalf("got %v, %v", list, err)
	}
	want := exchange{"/gateway/ca/get_cert", `{"sp_id":"` + testSPID + `","sp_password":"` + testPassword +
		`","user_id":"ICA.079095012345","serial_number":"54","transaction_id":"SP-2026-000001-CERT"}`}
	if s.seen[0] != want {
		t.Errorf("sent\n%s\nwant\n%s", s.seen[0], want)
	}
}

// TestDecisions goes through the decision table row by row, and through pairs of rows that both match.
func TestDecisions(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer partytest.Answer
		want   signing.Outcome
		code   problem.Code
	}{
		{"signatures", partytest.OK(finished), signing.OutcomeApproved, ""},
		{"signatures beside a message that says wait", partytest.OK(strings.Replace(finished, "SUCCESS", "wait", 1)), signing.OutcomeApproved, ""},
		{"signatures beside a message that says reject", partytest.OK(strings.Replace(finished, "SUCCESS", "rejected", 1)), signing.OutcomeApproved, ""},
		{"success in other case", partytest.OK(strings.Replace(finished, "SUCCESS", "Success", 1)), signing.OutcomeApproved, ""},
		{"success without signatures", partytest.OK(`{"status_code":200,"message":"SUCCESS","data":{"signatures":[]}}`), "", ""},
		{"waits", partytest.OK(waiting), "", ""},
		{"waits, and mentions a time-out", partytest.OK(`{"status_code":200,"message":"waiting, timeout in 10s"}`), "", ""},
		{"waits with empty values", partytest.OK(strings.Replace(strings.Replace(finished, "SUCCESS", "sig_wait", 1), `AQ ID\r\n`, " ", 1)), "", ""},
		{"reject", partytest.OK(`{"status_code":200,"message":"USER_REJECTED"}`), signing.OutcomeDeclined, ""},
		{"deny", partytest.OK(`{"status_code":200,"message":"sig_deny"}`), signing.OutcomeDeclined, ""},
		{"cancel", partytest.Answer{Status: 400, Body: `{"status_code":400,"message":"Cancelled by user"}`}, signing.OutcomeDeclined, ""},
		{"cancel comes before expire", partytest.OK(`{"status_code":200,"message":"cancelled, expired"}`), signing.OutcomeDeclined, ""},
		{"từ chối, composed", partytest.OK(`{"status_code":200,"message":"Người dùng Từ Chối"}`), signing.OutcomeDeclined, ""},
		{"từ chối, decomposed", partytest.OK(`{"status_code":200,"message":"Tu\u031b\u0300 cho\u0302\u0301i"}`), signing.OutcomeDeclined, ""},
		{"hủy", partytest.OK(`{"status_code":200,"message":"ĐÃ HỦY"}`), signing.OutcomeDeclined, ""},
		{"chuyển is not hủy", partytest.OK(`{"status_code":200,"message":"Đang chuyển tiếp"}`), "", ""},
		{"expire", partytest.OK(`{"status_code":200,"message":"sig_expired"}`), signing.OutcomeExpired, ""},
		{"expire with HTTP 400", partytest.Answer{Status: 400, Body: `{"status_code":400,"message":"Transaction expired"}`}, signing.OutcomeExpired, ""},
		{"timeout", partytest.OK(`{"status_code":200,"message":"User Timeout"}`), signing.OutcomeExpired, ""},
		{"hết hạn", partytest.OK(`{"status_code":200,"message":"Giao dịch hết hạn"}`), signing.OutcomeExpired, ""},
		{"HTTP 500", partytest.Answer{Status: 500, Body: `{"status_code":500,"message":"SERVAR_INTERNAL_ERROR"}`}, "", problem.ProviderUnavailable},
		{"500 in the body alone", partytest.OK(`{"status_code":500,"message":"SERVAR_INTERNAL_ERROR"}`), "", problem.ProviderUnavailable},
		{"a proxy's time-out is not the user's", partytest.Answer{Status: 504, Body: `{"message":"upstream timeout"}`}, "", problem.ProviderUnavailable},
		{"a proxy's page", partytest.Answer{Status: 502, Body: `<html>timeout</html>`}, "", problem.ProviderUnavailable},
		{"garbage with HTTP 200", partytest.OK(`<html>SUCCESS</html>`), "", problem.ProviderUnavailable},
		{"nothing with HTTP 200", partytest.OK(""), "", problem.ProviderUnavailable},
		{"429", partytest.Answer{Status: 429}, "", problem.ProviderUnavailable},
		{"redirect", partytest.Answer{Status: 302, Header: http.Header{"Location": {"/elsewhere"}}}, "", problem.ProviderUnavailable},
		{"our account", partytest.Answer{Status: 401, Body: `{"status_code":401,"message":"SP_CREDENTIAL_INVALID"}`}, "", problem.ProviderCredentials},
		{"our address", partytest.Answer{Status: 403, Body: `<html>Forbidden</html>`}, "", problem.ProviderCredentials},
		{"unknown transaction", partytest.Answer{Status: 404, Body: notFound}, "", problem.ProviderRefused},
		{"unknown transaction without a body", partytest.Answer{Status: 404}, "", problem.ProviderRefused},
		{"unknown transaction in the body alone", partytest.OK(notFound), "", problem.ProviderRefused},
		{"unknown transaction in words alone", partytest.OK(`{"status_code":200,"message":"Không tìm thấy giao dịch"}`), "", problem.ProviderRefused},
		{"anything else", partytest.OK(`{"status_code":200,"message":"sig_processing"}`), "", ""},
		{"a value that is not base64", partytest.OK(strings.Replace(finished, `AQ ID\r\n`, "?", 1)), "", problem.ProviderUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := script(t, VNPT(), tt.answer)
			poll, err := s.Poll(context.Background(), signing.ApprovalRef{OurID: "SP-2026-000001", Reference: "SP-2026-000001"})
			if problem.CodeOf(err) != tt.code || poll.Outcome != tt.want {
				t.Errorf("got %q, %v; want %q, code %q", poll.Outcome, err, tt.want, tt.code)
			}
			if tt.want == signing.OutcomeApproved && !bytes.Equal(valueOf(poll, "HD-12-2026"), []byte{1, 2, 3}) {
				t.Errorf("answers %v", poll.Answers)
			}
			if len(s.seen) != 1 || s.seen[0] != (exchange{"/v1/signatures/sign/SP-2026-000001/status", "{}"}) {
				t.Errorf("asked %v", s.seen)
			}
		})
	}
}

// A provider that says it is done and sends no value has answered; the caller finds the value missing.
func TestPollSuccessWithEmptyValue(t *testing.T) {
	s := script(t, VNPT(), partytest.OK(strings.Replace(finished, `AQ ID\r\n`, "", 1)))
	poll, err := s.Poll(context.Background(), signing.ApprovalRef{OurID: "a"})
	if err != nil || poll.Outcome != signing.OutcomeApproved || len(valueOf(poll, "HD-12-2026")) != 0 {
		t.Errorf("got %+v, %v", poll, err)
	}
}

// asAccepted is what a provider without a window of its own accepted by its ids for the request.
func asAccepted(ids ...string) signing.Accepted {
	text := `{"transaction":"` + ids[0] + `"}`
	if len(ids) == 2 {
		text = `{"transaction":"` + ids[0] + `","code":"` + ids[1] + `"}`
	}
	return signing.Accepted{Reference: text, Names: ids, Window: 300 * time.Second}
}

func TestReferences(t *testing.T) {
	for text, want := range map[string]reference{
		"": {}, "theirs": {Transaction: "theirs"}, "theirs\ncode": {Transaction: "theirs", Code: "code"}, "77": {Transaction: "77"},
		`{"transaction":"theirs","code":"c"}`: {Transaction: "theirs", Code: "c"},
	} {
		if got := readReference(text); got != want {
			t.Errorf("%q: got %+v", text, got)
		}
		if got := readReference(want.text()); got != want {
			t.Errorf("%+v: got %+v", want, got)
		}
	}
}

func TestPollFallsBackOnTranCodeOnce(t *testing.T) {
	s := script(t, IntrustCA(), partytest.Answer{Status: 404, Body: notFound}, partytest.OK(finished))
	ref := signing.ApprovalRef{OurID: "ours", Reference: "theirs/1\ncode"}
	poll, err := s.Poll(context.Background(), ref)
	if err != nil || poll.Outcome != signing.OutcomeApproved {
		t.Fatalf("got %+v, %v", poll, err)
	}
	if s.seen[0].path != "/gateway/ca/sign_file/theirs%2F1/status" || s.seen[1].path != "/gateway/ca/sign_file/code/status" {
		t.Errorf("asked %v", s.seen)
	}
	if !strings.Contains(s.seen[1].body, testSPID) {
		t.Errorf("the status call of this profile needs a login; sent %s", s.seen[1].body)
	}
	s = script(t, VNPT(), partytest.Answer{Status: 404, Body: notFound})
	if _, err := s.Poll(context.Background(), ref); problem.CodeOf(err) != problem.ProviderRefused || len(s.seen) != 2 {
		t.Errorf("got %v after %d calls", err, len(s.seen))
	}
}

func TestStatusByBody(t *testing.T) {
	profile := VNPT()
	profile.StatusPath = "/status"
	s := script(t, profile, partytest.OK(waiting))
	if _, err := s.Poll(context.Background(), signing.ApprovalRef{OurID: "ours"}); err != nil {
		t.Fatal(err)
	}
	if s.seen[0] != (exchange{"/status", `{"transaction_id":"ours"}`}) {
		t.Errorf("asked %v", s.seen)
	}
}

func TestRequestAfterALostAnswer(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers []partytest.Answer
		calls   int
		want    signing.Accepted
		code    problem.Code
	}{
		{"known by our id", []partytest.Answer{partytest.OK(waiting)}, 1, asAccepted("SP-2026-000001"), ""},
		{"decided already", []partytest.Answer{partytest.OK(finished)}, 1, asAccepted("SP-2026-000001"), ""},
		{"not known: the same id once more", []partytest.Answer{{Status: 404, Body: notFound}, partytest.OK(accepted)}, 2,
			asAccepted("SP-2026-000001", "f0c1d1c8"), ""},
		{"no status to be had: nothing is sent", []partytest.Answer{{Status: 500}}, 1, signing.Accepted{}, problem.ProviderUnavailable},
		{"no word whether it is known: nothing is sent", []partytest.Answer{partytest.OK(`{"status_code":200,"message":"hm"}`)}, 1,
			signing.Accepted{}, problem.ProviderUnavailable},
		{"a gateway's 404 is no word either", []partytest.Answer{{Status: 404, Body: "<html>"}}, 1, signing.Accepted{}, problem.ProviderUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := script(t, VNPT(), tt.answers...)
			req := sampleRequest()
			req.Retry = true
			got, err := s.Request(context.Background(), req)
			if !reflect.DeepEqual(got, tt.want) || problem.CodeOf(err) != tt.code || len(s.seen) != tt.calls {
				t.Errorf("got %+v, %v after %d calls; want %+v, %q after %d", got, err, len(s.seen), tt.want, tt.code, tt.calls)
			}
			for _, e := range s.seen[1:] {
				if !strings.Contains(e.body, `"transaction_id":"SP-2026-000001"`) {
					t.Errorf("sent another id: %s", e.body)
				}
			}
		})
	}
}

func TestRequestDuplicate(t *testing.T) {
	named := strings.Replace(duplicate, `null`, `{"transaction_id":"theirs","tran_code":77}`, 1)
	for _, tt := range []struct {
		name    string
		answers []partytest.Answer
		want    signing.Accepted
		code    problem.Code
	}{
		{"then the status", []partytest.Answer{{Status: 400, Body: duplicate}, partytest.OK(waiting)},
			asAccepted("SP-2026-000001"), ""},
		{"HTTP 409", []partytest.Answer{{Status: 409, Body: `{}`}, partytest.OK(waiting)},
			asAccepted("SP-2026-000001"), ""},
		{"that names the transaction", []partytest.Answer{{Status: 400, Body: named}},
			asAccepted("theirs", "77"), ""},
		{"without a status", []partytest.Answer{{Status: 400, Body: duplicate}, {Status: 404, Body: notFound}},
			signing.Accepted{}, problem.ProviderUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := script(t, VNPT(), tt.answers...)
			got, err := s.Request(context.Background(), sampleRequest())
			if !reflect.DeepEqual(got, tt.want) || problem.CodeOf(err) != tt.code {
				t.Errorf("got %+v, %v; want %+v, %q", got, err, tt.want, tt.code)
			}
		})
	}
}

func TestRequestErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer partytest.Answer
		want   problem.Code
	}{
		{"400", partytest.Answer{Status: 400, Body: `{"status_code":400,"message":"BAD_REQUEST"}`}, problem.ProviderRefused},
		{"400 in the body alone", partytest.OK(`{"status_code":400,"message":"BAD_REQUEST"}`), problem.ProviderRefused},
		{"400 as a string", partytest.OK(`{"status_code":"400","message":"BAD_REQUEST"}`), problem.ProviderRefused},
		{"400 in the body of a 500", partytest.Answer{Status: 500, Body: `{"status_code":400,"message":"BAD_REQUEST"}`}, problem.ProviderRefused},
		{"200 in the body of a 500", partytest.Answer{Status: 500, Body: accepted}, problem.ProviderUnavailable},
		{"our account", partytest.Answer{Status: 401, Body: `{"status_code":401,"message":"SP_CREDENTIAL_INVALID"}`}, problem.ProviderCredentials},
		{"our account, no JSON", partytest.Answer{Status: 401, Body: "no"}, problem.ProviderCredentials},
		{"the user", partytest.Answer{Status: 401, Body: `{"status_code":401,"message":"USER_INVALID"}`}, problem.SignerUnknown},
		{"the certificate", partytest.Answer{Status: 403, Body: `{"status_code":403,"message":"CREDENTIAL_STATUS_INVALID"}`}, problem.CertificateInactive},
		{"another 403 with words", partytest.Answer{Status: 403, Body: `{"status_code":403,"message":"QUOTA"}`}, problem.ProviderRefused},
		{"the other address", partytest.Answer{Status: 403, Body: "blocked"}, problem.ProviderCredentials},
		{"500", partytest.Answer{Status: 500, Body: `{"status_code":500,"message":"SERVAR_INTERNAL_ERROR"}`}, problem.ProviderUnavailable},
		{"429", partytest.Answer{Status: 429}, problem.ProviderUnavailable},
		{"a code that nobody documented", partytest.OK(`{"status_code":1003,"message":"?"}`), problem.ProviderUnavailable},
		{"no transaction", partytest.OK(`{"status_code":200,"message":"SUCCESS","data":null}`), problem.ProviderUnavailable},
		{"data of another kind", partytest.OK(`{"status_code":200,"message":"SUCCESS","data":"done"}`), problem.ProviderUnavailable},
		{"not JSON", partytest.OK("OK"), problem.ProviderUnavailable},
		{"a JSON array", partytest.OK("[]"), problem.ProviderUnavailable},
		{"nothing", partytest.OK(""), problem.ProviderUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := script(t, VNPT(), tt.answer)
			_, err := s.Request(context.Background(), sampleRequest())
			if problem.CodeOf(err) != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	t.Run("login failed at IntrustCA", func(t *testing.T) {
		s := script(t, IntrustCA(), partytest.OK(`{"status_code":6,"message":"login failed"}`))
		if _, err := s.Request(context.Background(), sampleRequest()); problem.CodeOf(err) != problem.ProviderCredentials {
			t.Errorf("got %v", err)
		}
	})
	t.Run("too many documents", func(t *testing.T) {
		profile := VNPT()
		profile.MaxDocuments = 1
		s := script(t, profile, partytest.OK(accepted))
		req := sampleRequest()
		req.Documents = append(req.Documents, req.Documents[0])
		if _, err := s.Request(context.Background(), req); problem.CodeOf(err) != problem.TooLarge || len(s.seen) != 0 {
			t.Errorf("got %v after %d calls", err, len(s.seen))
		}
	})
}

func TestWindowOfTheAnswer(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"299": 299 * time.Second, `"120"`: 120 * time.Second, "0": 300 * time.Second, "-5": 300 * time.Second,
		"null": 300 * time.Second, "99999999": 300 * time.Second,
	} {
		s := script(t, VNPT(), partytest.OK(`{"status_code":200,"data":{"transaction_id":9,"expired_in":`+value+`}}`))
		got, err := s.Request(context.Background(), sampleRequest())
		if err != nil || got.Window != want || readReference(got.Reference).Transaction != "9" {
			t.Errorf("expired_in %s: got %+v, %v; want %s", value, got, err, want)
		}
	}
}

func TestCertificatesNone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer partytest.Answer
		want   problem.Code
	}{
		{"an empty list", partytest.OK(`{"status_code":200,"message":"Success","data":{"user_certificates":[]}}`), ""},
		{"no data", partytest.OK(`{"status_code":200,"message":"Success","data":null}`), ""},
		{"404", partytest.Answer{Status: 404, Body: `{"status_code":404,"message":"USER_NOT_FOUND"}`}, ""},
		{"400 with words", partytest.Answer{Status: 400, Body: `{"status_code":400,"message":"Không tìm thấy chứng thư số"}`}, ""},
		{"401 about the user", partytest.Answer{Status: 401, Body: `{"status_code":401,"message":"user invalid"}`}, problem.SignerUnknown},
		{"401 about the certificates", partytest.Answer{Status: 401, Body: `{"status_code":401,"message":"SP_CREDENTIAL_INVALID: no certificate"}`}, ""},
		{"401 about us", partytest.Answer{Status: 401, Body: `{"status_code":401,"message":"SP_CREDENTIAL_INVALID"}`}, problem.ProviderCredentials},
		{"400 without words", partytest.Answer{Status: 400, Body: `{"status_code":400,"message":"BAD_REQUEST"}`}, problem.ProviderRefused},
		{"a 404 page", partytest.Answer{Status: 404, Body: "<html>"}, problem.ProviderUnavailable},
		{"an empty object", partytest.OK(`{}`), problem.ProviderUnavailable},
		{"only junk", partytest.OK(`{"status_code":200,"data":{"user_certificates":[{"cert_data":"AAAA"}]}}`), problem.ProviderUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := script(t, VNPT(), tt.answer)
			list, err := s.Certificates(context.Background(), "r", partytest.Subscriber, "")
			if problem.CodeOf(err) != tt.want || len(list) != 0 {
				t.Errorf("got %v, %v; want code %q", list, err, tt.want)
			}
		})
	}
}

// TestNothingLeaks looks for our password, the user and digits of messages in errors and polled words.
func TestNothingLeaks(t *testing.T) {
	words := `user ` + partytest.Subscriber + ` of ` + testSPID + ` with ` + testPassword + ` 0912345678` + strings.Repeat(" x", 500)
	for _, status := range []int{200, 400, 401, 403, 500} {
		body, err := json.Marshal(map[string]any{"status_code": status, "message": words})
		if err != nil {
			t.Fatal(err)
		}
		s := script(t, VNPT(), partytest.Answer{Status: status, Body: string(body)})
		poll, pollErr := s.Poll(context.Background(), signing.ApprovalRef{OurID: "ours"})
		_, requestErr := s.Request(context.Background(), sampleRequest())
		text := poll.Message + errorText(pollErr) + errorText(requestErr)
		for _, secret := range []string{partytest.Subscriber, testPassword, testSPID, "0912345678"} {
			if strings.Contains(text, secret) {
				t.Errorf("status %d: %q in %q", status, secret, text)
			}
		}
		if len(poll.Message) > 200 {
			t.Errorf("a message of %d bytes", len(poll.Message))
		}
	}
	s := script(t, VNPT(), partytest.OK(accepted))
	s.BaseURL = "http://" + testPassword + "@127.0.0.1:1/" // nobody listens there
	_, err := s.Request(context.Background(), sampleRequest())
	if problem.CodeOf(err) != problem.ProviderUnavailable || strings.Contains(err.Error(), testPassword) {
		t.Errorf("got %v", err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestUserIDs(t *testing.T) {
	for _, tt := range []struct {
		profile Profile
		id      string
		want    string
	}{
		{VNPT(), "079095012345", "079095012345"},
		{VNPT(), "ICA.079095012345", "079095012345"},
		{IntrustCA(), "079095012345", "ICA.079095012345"},
		{IntrustCA(), "ICA.079095012345", "ICA.079095012345"},
		{NEAC(""), "ICA.079095012345", "ICA.079095012345"},
	} {
		p := Client{Profile: tt.profile}
		if got := p.wireUser(tt.id); got != tt.want {
			t.Errorf("%q became %q, want %q", tt.id, got, tt.want)
		}
	}
}

func TestCallerStops(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	p := &Client{Name: "Test CA", BaseURL: server.URL, Profile: VNPT(), Timeout: 20 * time.Millisecond}
	_, err := p.Poll(context.Background(), signing.ApprovalRef{OurID: "a"})
	if problem.CodeOf(err) != problem.ProviderUnavailable || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("slow provider: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Poll(ctx, signing.ApprovalRef{OurID: "a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestRetryAfterReachesTheError(t *testing.T) {
	s := script(t, VNPT(), partytest.Answer{Status: 429, Header: http.Header{"Retry-After": {"17"}}})
	_, err := s.Request(context.Background(), sampleRequest())
	if problem.RetryAfterOf(err) != 17*time.Second {
		t.Errorf("got %v with %s", err, problem.RetryAfterOf(err))
	}
}
