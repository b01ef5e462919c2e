package vneid

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"kyso/internal/party/partytest"
	"kyso/internal/problem"
	"kyso/internal/registration"
)

const secret = "vneid-secret-of-the-test"

func testClient(url string) *Client {
	return &Client{BaseURL: url + "/", Secret: secret, Clock: partytest.Clock}
}

func macOf(text string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

func testReport() registration.Report {
	return registration.Report{
		RequestID: "VNEID/20261126 1", Status: registration.StatusActive, Serial: "540101",
		NotBefore: partytest.Now.In(time.FixedZone("GMT+7", 7*60*60)), NotAfter: partytest.Now.AddDate(1, 0, 0),
	}
}

func TestReportBody(t *testing.T) {
	p := partytest.New(t, partytest.OK(`{"accepted":true,"news":{}}`))
	v := testClient(p.URL)
	if err := v.Report(context.Background(), testReport()); err != nil {
		t.Fatal(err)
	}
	got := p.Last()
	want := `{"status":"ACTIVE","serial":"540101","valid_from":"2026-11-20T11:05:00Z","valid_to":"2027-11-20T11:05:00Z","event_id":"3625c94561711014ba360d03d25d3165"}`
	if got.Method != "POST" || got.Path != "/partner/v1/requests/VNEID%2F20261126%201/status" || got.Body != want {
		t.Errorf("%s %s\n%s\nwant\n%s", got.Method, got.Path, got.Body, want)
	}
	stamp := strconv.FormatInt(partytest.Now.Unix(), 10)
	if got.Header.Get("X-Timestamp") != stamp || got.Header.Get("X-Signature") != macOf(stamp+"."+got.Body) {
		t.Errorf("signed with %v", got.Header)
	}
	words := map[registration.Status]string{registration.StatusActive: "ACTIVE", registration.StatusRefused: "REJECTED", registration.StatusIneligible: "REJECTED",
		registration.StatusWithdrawn: "CANCELLED", registration.StatusExpired: "CANCELLED", registration.StatusCancelled: "CANCELLED"}
	for status, word := range words {
		if err := v.Report(context.Background(), registration.Report{RequestID: "R", Status: status}); err != nil {
			t.Fatal(err)
		}
		if got, want := p.Last().Body, `{"status":"`+word+`","event_id":"`; !strings.HasPrefix(got, want) || len(got) != len(want)+34 {
			t.Errorf("%s: sent %s", status, got)
		}
	}
}

func TestBadAnswers(t *testing.T) {
	partytest.BadAnswers(t, func(url string) error { return testClient(url).Report(context.Background(), testReport()) }, secret)
	p := partytest.New(t, partytest.OK(`{"accepted":false}`))
	partytest.CheckProblem(t, testClient(p.URL).Report(context.Background(), testReport()), problem.ProviderUnavailable)
}

const requestBody = `{"request_id":"VNEID-20261126-000001","issuer":"VNPT-CA","person":{"id_number":"001302004567",` +
	`"full_name":"Trần Thị Ngọc Ánh","birth_date":"2002-05-17","sex":"female","nationality":"VN","province":"Thành phố Hà Nội",` +
	`"commune":"Phường Cầu Giấy","address":"Số 18","id_issued_on":"2021-06-01","id_issued_by":"Cục Cảnh sát QLHC về TTXH",` +
	`"id_expires_on":"2027-05-17","phone":"0901234567"},"consents":[{"purpose":"terms","text_version":"terms/1","text_sha256":"aa",` +
	`"shown_at":"2026-11-20T11:00:00Z","accepted_at":"2026-11-20T11:01:00Z","channel":"vneid"}],` +
	`"handoff_token":"tok-0123456789abcdef","expires_at":"2026-11-27T18:05:00+07:00"}`

func signedAt(at time.Time, body string) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return http.Header{"X-Timestamp": {stamp}, "X-Signature": {macOf(stamp + "." + body)}}
}

func TestOpen(t *testing.T) {
	got, err := testClient("").Open(signedAt(partytest.Now.Add(-300*time.Second), requestBody), []byte(requestBody))
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(requestBody))
	want := registration.Request{
		RequestID: "VNEID-20261126-000001", Issuer: "VNPT-CA",
		Person: registration.Person{IDNumber: "001302004567", FullName: "Trần Thị Ngọc Ánh", BirthDate: "2002-05-17", Sex: "female",
			Nationality: "VN", Province: "Thành phố Hà Nội", Commune: "Phường Cầu Giấy", Address: "Số 18", IDIssuedOn: "2021-06-01",
			IDIssuedBy: "Cục Cảnh sát QLHC về TTXH", IDExpiresOn: "2027-05-17", Phone: "0901234567"},
		Consents: []registration.Consent{{Purpose: "terms", TextVersion: "terms/1", TextSHA256: "aa", Channel: "vneid",
			ShownAt: time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC), AcceptedAt: time.Date(2026, 11, 20, 11, 1, 0, 0, time.UTC)}},
		HandoffToken: "tok-0123456789abcdef", ExpiresAt: time.Date(2026, 11, 27, 11, 5, 0, 0, time.UTC),
		ReceivedAt: partytest.Now, Digest: hex.EncodeToString(digest[:]),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestOpenSignatures(t *testing.T) {
	good := signedAt(partytest.Now, requestBody)
	change := func(name, value string) http.Header {
		h := good.Clone()
		h.Set(name, value)
		return h
	}
	for name, tt := range map[string]struct {
		header http.Header
		body   string
	}{
		"nothing":         {http.Header{}, requestBody},
		"no signature":    {change("X-Signature", ""), requestBody},
		"upper case":      {change("X-Signature", strings.ToUpper(good.Get("X-Signature"))), requestBody},
		"another body":    {good, strings.Replace(requestBody, "Ánh", "Anh", 1)},
		"another space":   {good, requestBody + " "},
		"another time":    {change("X-Timestamp", strconv.FormatInt(partytest.Now.Unix()+1, 10)), requestBody},
		"no time":         {change("X-Timestamp", "now"), requestBody},
		"too late":        {signedAt(partytest.Now.Add(-301*time.Second), requestBody), requestBody},
		"too early":       {signedAt(partytest.Now.Add(301*time.Second), requestBody), requestBody},
		"ages ago":        {http.Header{"X-Timestamp": {"-9223372036854775808"}, "X-Signature": {macOf("-9223372036854775808." + requestBody)}}, requestBody},
		"ages to come":    {http.Header{"X-Timestamp": {"9223372036854775807"}, "X-Signature": {macOf("9223372036854775807." + requestBody)}}, requestBody},
		"longer than int": {http.Header{"X-Timestamp": {"99999999999999999999"}, "X-Signature": {macOf("99999999999999999999." + requestBody)}}, requestBody},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := testClient("").Open(tt.header, []byte(tt.body))
			partytest.CheckProblem(t, err, problem.SignatureInvalid, secret, good.Get("X-Signature"))
		})
	}
	unset := &Client{Clock: partytest.Clock}
	mac := hmac.New(sha256.New, nil)
	mac.Write([]byte(good.Get("X-Timestamp") + "." + requestBody))
	if _, err := unset.Open(change("X-Signature", hex.EncodeToString(mac.Sum(nil))), []byte(requestBody)); problem.CodeOf(err) != problem.SignatureInvalid {
		t.Errorf("without a secret: %v", err)
	}
}

func TestOpenForms(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		want problem.Code
	}{
		"no JSON":          {"<html>", problem.Invalid},
		"nothing":          {"", problem.Invalid},
		"a list":           {"[]", problem.Invalid},
		"null":             {"null", problem.Invalid},
		"two objects":      {requestBody + "{}", problem.Invalid},
		"unknown field":    {strings.Replace(requestBody, `"issuer"`, `"Ngọc Ánh":1,"issuer"`, 1), problem.Invalid},
		"number for name":  {strings.Replace(requestBody, `"001302004567"`, `1302004567`, 1), problem.Invalid},
		"wrong time":       {strings.Replace(requestBody, `2026-11-27T18:05:00+07:00`, `001302004567`, 1), problem.Invalid},
		"not UTF-8":        {strings.Replace(requestBody, "Ánh", "\xff", 1), problem.Invalid},
		"no id":            {strings.Replace(requestBody, "VNEID-20261126-000001", "", 1), problem.Invalid},
		"no issuer":        {strings.Replace(requestBody, "VNPT-CA", "", 1), problem.Invalid},
		"no token":         {strings.Replace(requestBody, "tok-0123456789abcdef", "", 1), problem.Invalid},
		"long token":       {strings.Replace(requestBody, "tok-", strings.Repeat("t", 600), 1), problem.Invalid},
		"no expiry":        {strings.Replace(requestBody, `,"expires_at":"2026-11-27T18:05:00+07:00"`, "", 1), problem.Invalid},
		"issuer twice":     {strings.Replace(requestBody, `"issuer"`, `"issuer":"OTHER-CA","issuer"`, 1), problem.Invalid},
		"Issuer, too":      {strings.Replace(requestBody, `"issuer"`, `"Issuer":"OTHER-CA","issuer"`, 1), problem.Invalid},
		"Issuer alone":     {strings.Replace(requestBody, `"issuer"`, `"Issuer"`, 1), problem.Invalid},
		"escaped twice":    {strings.Replace(requestBody, `"issuer"`, `"\u0069ssuer":"OTHER-CA","issuer"`, 1), problem.Invalid},
		"Person's name":    {strings.Replace(requestBody, `"full_name"`, `"FULL_NAME"`, 1), problem.Invalid},
		"purpose twice":    {strings.Replace(requestBody, `"purpose"`, `"purpose":"other","purpose"`, 1), problem.Invalid},
		"a list for text":  {strings.Replace(requestBody, `"VNPT-CA"`, `[["VNPT-CA"]]`, 1), problem.Invalid},
		"newline in id":    {strings.Replace(requestBody, "VNEID-20261126-000001", `VNEID\nadmin`, 1), problem.Invalid},
		"newline in token": {strings.Replace(requestBody, "tok-0123456789abcdef", `tok-0123456789\r\nabcdef`, 1), problem.Invalid},
		"newline in text":  {strings.Replace(requestBody, "terms/1", `terms\n1`, 1), problem.Invalid},
		"for ever":         {strings.Replace(requestBody, `2026-11-27T18:05:00+07:00`, `2036-11-27T18:05:00+07:00`, 1), problem.Invalid},
		"old consent":      {strings.Replace(requestBody, `2026-11-20T`, `2016-11-20T`, 2), problem.Invalid},
		"too large":        {requestBody + strings.Repeat(" ", maxBody), problem.TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := testClient("").Open(signedAt(partytest.Now, tt.body), []byte(tt.body))
			partytest.CheckProblem(t, err, tt.want, "1302004567", "Ánh", "tok-", secret)
		})
	}
}

const vneidTokenBody = `{"request_id":"VNEID-20261126-000001","handoff_token":"tok-0123456789abcdef","expires_at":"EXPIRES"}`

func TestOpenToken(t *testing.T) {
	body := strings.Replace(vneidTokenBody, "EXPIRES", partytest.Now.Add(10*time.Minute).Format(time.RFC3339), 1)
	got, err := testClient("").OpenToken(signedAt(partytest.Now, body), []byte(body))
	want := registration.Handoff{RequestID: "VNEID-20261126-000001", Token: "tok-0123456789abcdef", ExpiresAt: partytest.Now.Add(10 * time.Minute).Truncate(time.Second).UTC(),
		At: partytest.Now.UTC()}
	if err != nil || got != want {
		t.Errorf("%v, got\n%+v\nwant\n%+v", err, got, want)
	}
	for name, tt := range map[string]struct {
		header http.Header
		body   string
		want   problem.Code
	}{
		"another body":  {signedAt(partytest.Now, body), body + " ", problem.SignatureInvalid},
		"no JSON":       {signedAt(partytest.Now, "x"), "x", problem.Invalid},
		"short token":   {nil, strings.Replace(body, "tok-0123456789abcdef", "tok", 1), problem.Invalid},
		"no request":    {nil, strings.Replace(body, "VNEID-20261126-000001", "", 1), problem.Invalid},
		"over already":  {nil, strings.Replace(vneidTokenBody, "EXPIRES", partytest.Now.Add(-time.Minute).Format(time.RFC3339), 1), problem.Invalid},
		"for ever":      {nil, strings.Replace(vneidTokenBody, "EXPIRES", partytest.Now.AddDate(0, 0, 2).Format(time.RFC3339), 1), problem.Invalid},
		"two spellings": {nil, strings.Replace(body, `"request_id"`, `"Request_ID":"VNEID-2","request_id"`, 1), problem.Invalid},
		"given twice":   {nil, strings.Replace(body, `"request_id"`, `"request_id":"VNEID-2","request_id"`, 1), problem.Invalid},
		"newline":       {nil, strings.Replace(body, "tok-0123456789abcdef", `tok-0123456789\nabcdef`, 1), problem.Invalid},
		"unknown field": {nil, strings.Replace(body, `"request_id"`, `"phone":"0901234567","request_id"`, 1), problem.Invalid},
		"too large":     {nil, body + strings.Repeat(" ", maxBody), problem.TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			header := tt.header
			if header == nil {
				header = signedAt(partytest.Now, tt.body)
			}
			_, err := testClient("").OpenToken(header, []byte(tt.body))
			partytest.CheckProblem(t, err, tt.want, "tok-", secret)
		})
	}
}
