package provider

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

	"kyso/internal/problem"
	"kyso/internal/registration"
)

const vneidSecret = "vneid-secret-of-the-test"

func testVNeID(url string) *VNeID {
	return &VNeID{BaseURL: url + "/", Secret: vneidSecret, Clock: registrationClock}
}

func vneidMAC(text string) string {
	mac := hmac.New(sha256.New, []byte(vneidSecret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

func testReport() registration.Report {
	return registration.Report{
		RequestID: "VNEID/20261126 1", Status: "ACTIVE", Serial: "540101",
		NotBefore: registrationNow.In(vnpayZone), NotAfter: registrationNow.AddDate(1, 0, 0),
	}
}

func TestVNeIDReportBody(t *testing.T) {
	p := newParty(t, ok(`{"accepted":true,"news":{}}`))
	v := testVNeID(p.url)
	if err := v.Report(context.Background(), testReport()); err != nil {
		t.Fatal(err)
	}
	got := p.last()
	want := `{"status":"ACTIVE","serial":"540101","valid_from":"2026-11-20T11:05:00Z","valid_to":"2027-11-20T11:05:00Z","event_id":"3625c94561711014ba360d03d25d3165"}`
	if got.method != "POST" || got.path != "/partner/v1/requests/VNEID%2F20261126%201/status" || got.body != want {
		t.Errorf("%s %s\n%s\nwant\n%s", got.method, got.path, got.body, want)
	}
	stamp := strconv.FormatInt(registrationNow.Unix(), 10)
	if got.header.Get("X-Timestamp") != stamp || got.header.Get("X-Signature") != vneidMAC(stamp+"."+got.body) {
		t.Errorf("signed with %v", got.header)
	}
	if err := v.Report(context.Background(), registration.Report{RequestID: "R", Status: "RECEIVED"}); err != nil {
		t.Fatal(err)
	}
	if got, want := p.last().body, `{"status":"RECEIVED","event_id":"`; !strings.HasPrefix(got, want) || len(got) != len(want)+34 {
		t.Errorf("sent %s", got)
	}
}

func TestVNeIDBadAnswers(t *testing.T) {
	testBadAnswers(t, func(url string) error { return testVNeID(url).Report(context.Background(), testReport()) }, vneidSecret)
	p := newParty(t, ok(`{"accepted":false}`))
	checkProblem(t, testVNeID(p.url).Report(context.Background(), testReport()), problem.ProviderUnavailable)
}

const vneidBody = `{"request_id":"VNEID-20261126-000001","issuer":"VNPT-CA","person":{"id_number":"001302004567",` +
	`"full_name":"Trần Thị Ngọc Ánh","birth_date":"2002-05-17","sex":"female","nationality":"VN","province":"Thành phố Hà Nội",` +
	`"commune":"Phường Cầu Giấy","address":"Số 18","id_issued_on":"2021-06-01","id_issued_by":"Cục Cảnh sát QLHC về TTXH",` +
	`"id_expires_on":"2027-05-17","phone":"0901234567"},"consents":[{"purpose":"terms","text_version":"terms/1","text_sha256":"aa",` +
	`"shown_at":"2026-11-20T11:00:00Z","accepted_at":"2026-11-20T11:01:00Z","channel":"vneid"}],` +
	`"handoff_token":"tok-0123456789abcdef","expires_at":"2026-11-27T18:05:00+07:00"}`

func vneidSigned(at time.Time, body string) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return http.Header{"X-Timestamp": {stamp}, "X-Signature": {vneidMAC(stamp + "." + body)}}
}

func TestVNeIDOpen(t *testing.T) {
	got, err := testVNeID("").Open(vneidSigned(registrationNow.Add(-300*time.Second), vneidBody), []byte(vneidBody))
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(vneidBody))
	want := registration.Request{
		RequestID: "VNEID-20261126-000001", Issuer: "VNPT-CA",
		Person: registration.Person{IDNumber: "001302004567", FullName: "Trần Thị Ngọc Ánh", BirthDate: "2002-05-17", Sex: "female",
			Nationality: "VN", Province: "Thành phố Hà Nội", Commune: "Phường Cầu Giấy", Address: "Số 18", IDIssuedOn: "2021-06-01",
			IDIssuedBy: "Cục Cảnh sát QLHC về TTXH", IDExpiresOn: "2027-05-17", Phone: "0901234567"},
		Consents: []registration.Consent{{Purpose: "terms", TextVersion: "terms/1", TextSHA256: "aa", Channel: "vneid",
			ShownAt: time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC), AcceptedAt: time.Date(2026, 11, 20, 11, 1, 0, 0, time.UTC)}},
		HandoffToken: "tok-0123456789abcdef", ExpiresAt: time.Date(2026, 11, 27, 11, 5, 0, 0, time.UTC),
		ReceivedAt: registrationNow, Digest: hex.EncodeToString(digest[:]),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestVNeIDOpenSignatures(t *testing.T) {
	good := vneidSigned(registrationNow, vneidBody)
	change := func(name, value string) http.Header {
		h := good.Clone()
		h.Set(name, value)
		return h
	}
	for name, tt := range map[string]struct {
		header http.Header
		body   string
	}{
		"nothing":         {http.Header{}, vneidBody},
		"no signature":    {change("X-Signature", ""), vneidBody},
		"upper case":      {change("X-Signature", strings.ToUpper(good.Get("X-Signature"))), vneidBody},
		"another body":    {good, strings.Replace(vneidBody, "Ánh", "Anh", 1)},
		"another space":   {good, vneidBody + " "},
		"another time":    {change("X-Timestamp", strconv.FormatInt(registrationNow.Unix()+1, 10)), vneidBody},
		"no time":         {change("X-Timestamp", "now"), vneidBody},
		"too late":        {vneidSigned(registrationNow.Add(-301*time.Second), vneidBody), vneidBody},
		"too early":       {vneidSigned(registrationNow.Add(301*time.Second), vneidBody), vneidBody},
		"ages ago":        {http.Header{"X-Timestamp": {"-9223372036854775808"}, "X-Signature": {vneidMAC("-9223372036854775808." + vneidBody)}}, vneidBody},
		"ages to come":    {http.Header{"X-Timestamp": {"9223372036854775807"}, "X-Signature": {vneidMAC("9223372036854775807." + vneidBody)}}, vneidBody},
		"longer than int": {http.Header{"X-Timestamp": {"99999999999999999999"}, "X-Signature": {vneidMAC("99999999999999999999." + vneidBody)}}, vneidBody},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := testVNeID("").Open(tt.header, []byte(tt.body))
			checkProblem(t, err, problem.SignatureInvalid, vneidSecret, good.Get("X-Signature"))
		})
	}
	unset := &VNeID{Clock: registrationClock}
	mac := hmac.New(sha256.New, nil)
	mac.Write([]byte(good.Get("X-Timestamp") + "." + vneidBody))
	if _, err := unset.Open(change("X-Signature", hex.EncodeToString(mac.Sum(nil))), []byte(vneidBody)); problem.CodeOf(err) != problem.SignatureInvalid {
		t.Errorf("without a secret: %v", err)
	}
}

func TestVNeIDOpenForms(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		want problem.Code
	}{
		"no JSON":          {"<html>", problem.Invalid},
		"nothing":          {"", problem.Invalid},
		"a list":           {"[]", problem.Invalid},
		"null":             {"null", problem.Invalid},
		"two objects":      {vneidBody + "{}", problem.Invalid},
		"unknown field":    {strings.Replace(vneidBody, `"issuer"`, `"Ngọc Ánh":1,"issuer"`, 1), problem.Invalid},
		"number for name":  {strings.Replace(vneidBody, `"001302004567"`, `1302004567`, 1), problem.Invalid},
		"wrong time":       {strings.Replace(vneidBody, `2026-11-27T18:05:00+07:00`, `001302004567`, 1), problem.Invalid},
		"not UTF-8":        {strings.Replace(vneidBody, "Ánh", "\xff", 1), problem.Invalid},
		"no id":            {strings.Replace(vneidBody, "VNEID-20261126-000001", "", 1), problem.Invalid},
		"no issuer":        {strings.Replace(vneidBody, "VNPT-CA", "", 1), problem.Invalid},
		"no token":         {strings.Replace(vneidBody, "tok-0123456789abcdef", "", 1), problem.Invalid},
		"long token":       {strings.Replace(vneidBody, "tok-", strings.Repeat("t", 600), 1), problem.Invalid},
		"no expiry":        {strings.Replace(vneidBody, `,"expires_at":"2026-11-27T18:05:00+07:00"`, "", 1), problem.Invalid},
		"issuer twice":     {strings.Replace(vneidBody, `"issuer"`, `"issuer":"OTHER-CA","issuer"`, 1), problem.Invalid},
		"Issuer, too":      {strings.Replace(vneidBody, `"issuer"`, `"Issuer":"OTHER-CA","issuer"`, 1), problem.Invalid},
		"Issuer alone":     {strings.Replace(vneidBody, `"issuer"`, `"Issuer"`, 1), problem.Invalid},
		"escaped twice":    {strings.Replace(vneidBody, `"issuer"`, `"\u0069ssuer":"OTHER-CA","issuer"`, 1), problem.Invalid},
		"Person's name":    {strings.Replace(vneidBody, `"full_name"`, `"FULL_NAME"`, 1), problem.Invalid},
		"purpose twice":    {strings.Replace(vneidBody, `"purpose"`, `"purpose":"other","purpose"`, 1), problem.Invalid},
		"a list for text":  {strings.Replace(vneidBody, `"VNPT-CA"`, `[["VNPT-CA"]]`, 1), problem.Invalid},
		"newline in id":    {strings.Replace(vneidBody, "VNEID-20261126-000001", `VNEID\nadmin`, 1), problem.Invalid},
		"newline in token": {strings.Replace(vneidBody, "tok-0123456789abcdef", `tok-0123456789\r\nabcdef`, 1), problem.Invalid},
		"newline in text":  {strings.Replace(vneidBody, "terms/1", `terms\n1`, 1), problem.Invalid},
		"for ever":         {strings.Replace(vneidBody, `2026-11-27T18:05:00+07:00`, `2036-11-27T18:05:00+07:00`, 1), problem.Invalid},
		"old consent":      {strings.Replace(vneidBody, `2026-11-20T`, `2016-11-20T`, 2), problem.Invalid},
		"too large":        {vneidBody + strings.Repeat(" ", maxVNeIDBody), problem.TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := testVNeID("").Open(vneidSigned(registrationNow, tt.body), []byte(tt.body))
			checkProblem(t, err, tt.want, "1302004567", "Ánh", "tok-", vneidSecret)
		})
	}
}

const vneidTokenBody = `{"request_id":"VNEID-20261126-000001","handoff_token":"tok-0123456789abcdef","expires_at":"EXPIRES"}`

func TestVNeIDOpenToken(t *testing.T) {
	body := strings.Replace(vneidTokenBody, "EXPIRES", registrationNow.Add(10*time.Minute).Format(time.RFC3339), 1)
	got, err := testVNeID("").OpenToken(vneidSigned(registrationNow, body), []byte(body))
	want := registration.Handoff{RequestID: "VNEID-20261126-000001", Token: "tok-0123456789abcdef", ExpiresAt: registrationNow.Add(10 * time.Minute).Truncate(time.Second).UTC(),
		At: registrationNow.UTC()}
	if err != nil || got != want {
		t.Errorf("%v, got\n%+v\nwant\n%+v", err, got, want)
	}
	for name, tt := range map[string]struct {
		header http.Header
		body   string
		want   problem.Code
	}{
		"another body":  {vneidSigned(registrationNow, body), body + " ", problem.SignatureInvalid},
		"no JSON":       {vneidSigned(registrationNow, "x"), "x", problem.Invalid},
		"short token":   {nil, strings.Replace(body, "tok-0123456789abcdef", "tok", 1), problem.Invalid},
		"no request":    {nil, strings.Replace(body, "VNEID-20261126-000001", "", 1), problem.Invalid},
		"over already":  {nil, strings.Replace(vneidTokenBody, "EXPIRES", registrationNow.Add(-time.Minute).Format(time.RFC3339), 1), problem.Invalid},
		"for ever":      {nil, strings.Replace(vneidTokenBody, "EXPIRES", registrationNow.AddDate(0, 0, 2).Format(time.RFC3339), 1), problem.Invalid},
		"two spellings": {nil, strings.Replace(body, `"request_id"`, `"Request_ID":"VNEID-2","request_id"`, 1), problem.Invalid},
		"given twice":   {nil, strings.Replace(body, `"request_id"`, `"request_id":"VNEID-2","request_id"`, 1), problem.Invalid},
		"newline":       {nil, strings.Replace(body, "tok-0123456789abcdef", `tok-0123456789\nabcdef`, 1), problem.Invalid},
		"unknown field": {nil, strings.Replace(body, `"request_id"`, `"phone":"0901234567","request_id"`, 1), problem.Invalid},
		"too large":     {nil, body + strings.Repeat(" ", maxVNeIDBody), problem.TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			header := tt.header
			if header == nil {
				header = vneidSigned(registrationNow, tt.body)
			}
			_, err := testVNeID("").OpenToken(header, []byte(tt.body))
			checkProblem(t, err, tt.want, "tok-", vneidSecret)
		})
	}
}
