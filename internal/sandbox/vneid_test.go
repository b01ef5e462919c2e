package sandbox_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/sandbox"
)

// kyso is the other side of VNeID: it answers with the given codes, then 202, and keeps what came.
type kyso struct {
	*httptest.Server
	mu      sync.Mutex
	answers []int // 0 cuts the connection
	bodies  [][]byte
	visits  []string // of the hand-off page
}

func startKyso(t *testing.T, now func() time.Time, answers ...int) *kyso {
	k := &kyso{answers: answers}
	k.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		defer k.mu.Unlock()
		tokens := r.URL.Path == "/v1/vneid/tokens"
		if r.URL.Path != "/v1/vneid/requests" && !tokens {
			k.visits = append(k.visits, r.URL.String())
			return
		}
		body, _ := io.ReadAll(r.Body)
		at, err := strconv.ParseInt(r.Header.Get("X-Timestamp"), 10, 64)
		if err != nil || now().Sub(time.Unix(at, 0)).Abs() > time.Second || r.Header.Get("X-Signature") != signVNeID(r.Header.Get("X-Timestamp"), body) {
			t.Errorf("headers %v", r.Header)
		}
		k.bodies = append(k.bodies, body)
		status := 202
		if tokens {
			status = 200
		}
		if len(k.answers) > 0 {
			status, k.answers = k.answers[0], k.answers[1:]
		}
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		rw.WriteHeader(status)
	}))
	t.Cleanup(k.Close)
	return k
}

func signVNeID(timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte("sandbox-only-vneid-secret"))
	mac.Write([]byte(timestamp + "." + string(body)))
	return hex.EncodeToString(mac.Sum(nil))
}

type vneidRequest struct {
	RequestID string `json:"request_id"`
	Issuer    string `json:"issuer"`
	Person    sandbox.Citizen
	Consents  []struct {
		Purpose, Channel string
		TextVersion      string    `json:"text_version"`
		TextSHA256       string    `json:"text_sha256"`
		ShownAt          time.Time `json:"shown_at"`
		AcceptedAt       time.Time `json:"accepted_at"`
	}
	HandoffToken string    `json:"handoff_token"`
	ExpiresAt    time.Time `json:"expires_at"`
}

func readRequest(t *testing.T, body []byte) vneidRequest {
	t.Helper()
	var r vneidRequest
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	must(t, d.Decode(&r))
	return r
}

func TestCitizen(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	phones := map[string]bool{}
	mobile := regexp.MustCompile(`^09\d{8}$`)
	for i := range 200 {
		id := fmt.Sprintf("001%d%02d%06d", i%4, i%20+80*(1-i%4/2), i*7)
		c, err := b.Citizen(id)
		must(t, err)
		birth, err := time.Parse(time.DateOnly, c.BirthDate)
		must(t, err)
		issued, err := time.Parse(time.DateOnly, c.IDIssuedOn)
		must(t, err)
		if year := 1900 + 100*(i%4/2) + i%20 + 80*(1-i%4/2); birth.Year() != year || (c.Sex == "female") != (i%2 == 1) || issued.Before(birth) ||
			issued.After(time.Now()) || !mobile.MatchString(c.Phone) || c.Province != "Thành phố Hà Nội" {
			t.Errorf("%s is %+v", id, c)
		}
		if c.IDExpiresOn != "" {
			if end, err := time.Parse(time.DateOnly, c.IDExpiresOn); err != nil || !end.After(time.Now().AddDate(0, 0, -1)) {
				t.Errorf("%s has a card until %s", id, c.IDExpiresOn)
			}
		}
		phones[c.Phone] = true
	}
	if len(phones) != 200 {
		t.Errorf("200 people have %d phones", len(phones))
	}
	c, err := b.Citizen(minh)
	must(t, err)
	if c.FullName != "Nguyễn Văn Minh" || c.Province != "Thành phố Hồ Chí Minh" || !strings.HasPrefix(c.BirthDate, "1995-") {
		t.Errorf("Minh is %+v", c)
	}
	for _, nobody := range []string{"", "12", "001499000001", "00130200456x"} {
		if _, err := b.Citizen(nobody); err == nil {
			t.Errorf("%q is somebody", nobody)
		}
	}
}

func TestSubmitRequest(t *testing.T) {
	t.Parallel()
	clock := newClock()
	b := start(t, sandbox.Options{Clock: clock.now})
	k := startKyso(t, clock.now, 500, 0, 503)
	must(t, b.SetSettings(sandbox.Settings{KysoURL: k.URL, HandoffURL: k.URL + "/handoff"}))
	id, token, err := b.SubmitRequest(anh)
	must(t, err)
	if len(k.bodies) < 4 {
		t.Fatalf("%d posts", len(k.bodies))
	}
	for _, body := range k.bodies {
		if !bytes.Equal(body, k.bodies[0]) {
			t.Error("a repeated request has another body")
		}
	}
	r := readRequest(t, k.bodies[0])
	if r.RequestID != id || r.HandoffToken != token || len(token) < 22 || r.Issuer != "VNPT-CA" || r.Person.IDNumber != anh ||
		!strings.HasPrefix(id, "VNEID-"+clock.now().UTC().Format("20060102")) || !r.ExpiresAt.After(clock.now()) {
		t.Errorf("request %s", k.bodies[0])
	}
	for i, purpose := range []string{"terms", "personal-data"} {
		c := r.Consents[i]
		if c.Purpose != purpose || c.TextVersion != purpose+"/1" || len(c.TextSHA256) != 64 || c.Channel != "vneid" || c.AcceptedAt.Before(c.ShownAt) || c.AcceptedAt.After(clock.now()) {
			t.Errorf("consent %+v", c)
		}
	}

	// A no is final, and is kept for people to see.
	k.answers = []int{422}
	posts := len(k.bodies)
	if id, token, err := b.SubmitRequest(anh); err == nil || id == "" || token == "" || len(k.bodies) != posts+1 {
		t.Errorf("a refused request: %q %v after %d posts", id, err, len(k.bodies)-posts)
	}
	list := b.RegisteredCertificates(anh)
	if len(list) != 2 || list[0].SentAt.IsZero() || list[0].Failure != "" || !list[1].SentAt.IsZero() || !strings.Contains(list[1].Failure, "422") {
		t.Errorf("list %+v", list)
	}
	if _, _, err := b.SubmitRequest("12"); err == nil {
		t.Error("nobody asked for a certificate")
	}
	control := open(t, b.Control())
	status, answer := control.do("POST", "/vneid/"+minh+"/request", "")
	mustContain(t, answer, "VNEID-", k.URL+"/handoff?token=")
	if status != 200 || strings.Contains(answer, minh) {
		t.Errorf("control answered %d %s", status, answer)
	}
	_, answer = control.do("GET", "/vneid/"+minh, "")
	mustContain(t, answer, "Nguyễn Văn Minh", "VNEID-")
	k.answers = []int{401}
	if status, _ = control.do("POST", "/vneid/"+minh+"/request", ""); status != 502 {
		t.Errorf("control answered %d", status)
	}
}

// reporter posts a status as kyso does.
func (b *bench) report(base, id, body string, at time.Time, header ...string) int {
	b.t.Helper()
	req, err := http.NewRequest("POST", base+"/vneid/partner/v1/requests/"+id+"/status", strings.NewReader(body))
	must(b.t, err)
	timestamp := strconv.FormatInt(at.Unix(), 10)
	req.Header.Set("X-Timestamp", timestamp)
	req.Header.Set("X-Signature", signVNeID(timestamp, []byte(body)))
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if res.StatusCode == 200 && (err != nil || !json.Valid(raw) || !bytes.Contains(raw, []byte(`"accepted"`))) {
		return -1
	}
	return res.StatusCode
}

func TestReport(t *testing.T) {
	t.Parallel()
	clock := newClock()
	dir := t.TempDir()
	b := start(t, sandbox.Options{Clock: clock.now, Dir: dir})
	id, _, body, header, err := b.RequestCertificate(anh)
	must(t, err)
	if header.Get("X-Signature") != signVNeID(header.Get("X-Timestamp"), body) || readRequest(t, body).RequestID != id {
		t.Error("the request is not signed")
	}
	vneid := httptest.NewServer(b.VNeID())
	t.Cleanup(vneid.Close)
	active := `{"status":"ACTIVE","serial":"5401","valid_from":"2026-01-01T00:00:00Z","valid_to":"2027-01-01T00:00:00Z","event_id":"E-2"}`
	for i, c := range []struct {
		base, id, body string
		at             time.Duration
		want           int
	}{
		{b.url, id, `{"status":"IN_PROGRESS","event_id":"E-1"}`, 0, 200},
		{vneid.URL, id, active, -299 * time.Second, 200},
		{vneid.URL, id, active, 0, 200},
		{b.url, id, `{"status":"IN_PROGRESS","event_id":"E-1"}`, 0, 200}, // late, and known
		{vneid.URL, id, active, -302 * time.Second, 401},
		{vneid.URL, id, active, 302 * time.Second, 401},
		{vneid.URL, "VNEID-none", active, 0, 404},
		{vneid.URL, id, `{"status":"DONE","event_id":"E-3"}`, 0, 400},
		{vneid.URL, id, `{"status":"ACTIVE"}`, 0, 400},
		{vneid.URL, id, `x`, 0, 400},
	} {
		if got := b.report(c.base, c.id, c.body, clock.now().Add(c.at)); got != c.want {
			t.Errorf("%d: %s answered %d, want %d", i, c.body, got, c.want)
		}
	}
	if got := b.report(vneid.URL, id, active, clock.now(), "X-Signature", strings.Repeat("0", 64)); got != 401 {
		t.Errorf("a wrong signature: %d", got)
	}
	for i, do := range []string{"lost", "500", "500-after", "junk", "truncated", "429"} {
		must(t, b.SetSettings(sandbox.Settings{Faults: []sandbox.Fault{{On: "vneid-report", Do: do, Times: 1}}}))
		event := fmt.Sprintf(`{"status":"ACTIVE","serial":"5401","valid_to":"2027-01-01T00:00:00Z","event_id":"F-%d"}`, i)
		if got := b.report(b.url, id, event, clock.now()); got == 200 {
			t.Errorf("no fault %s", do)
		}
		if got := b.report(b.url, id, event, clock.now()); got != 200 {
			t.Errorf("after %s: %d", do, got)
		}
	}
	if n := b.CountEffects(sandbox.EffectReport, id); n != 8 {
		t.Errorf("%d reports, want 8", n)
	}
	again, err := sandbox.New(sandbox.Options{Clock: clock.now, Dir: dir})
	must(t, err)
	list := again.RegisteredCertificates(anh)
	if len(list) != 1 || list[0].Status != "ACTIVE" || list[0].Serial != "5401" || list[0].ValidTo.IsZero() {
		t.Errorf("after a restart: %+v", list)
	}
	must(t, b.SetSettings(sandbox.Settings{VNeID: "down"}))
	for _, base := range []string{b.url, vneid.URL} {
		if got := b.report(base, id, active, clock.now()); got != 503 {
			t.Errorf("down: %d", got)
		}
	}
}

// TestVNeIDPages walks the whole path in a browser.
func TestVNeIDPages(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	k := startKyso(t, time.Now, 500)
	must(t, b.SetSettings(sandbox.Settings{KysoURL: k.URL, HandoffURL: k.URL + "/handoff"}))
	phone := open(t, b.Phone())
	jar, err := cookiejar.New(nil)
	must(t, err)
	client := &http.Client{Jar: jar}
	var last *http.Response
	read := func(res *http.Response, err error) string {
		t.Helper()
		must(t, err)
		defer res.Body.Close()
		page, err := io.ReadAll(res.Body)
		must(t, err)
		last = res
		return string(page)
	}
	get := func(path string) string { t.Helper(); return read(client.Get(phone.url + "/vneid/" + path)) }
	post := func(path string, form url.Values) string {
		t.Helper()
		return read(client.PostForm(phone.url+"/vneid/"+path, form))
	}

	page := get("register")
	mustContain(t, page, "Đăng nhập", `name="passcode"`, `lang="vi"`, `name="viewport"`)
	if strings.Contains(page, "style=") || strings.Contains(page, "http") || !strings.Contains(last.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Error("the page breaks its policy")
	}
	mustContain(t, post("login", url.Values{"id_number": {anh}, "passcode": {"12345"}}), `role="alert"`)
	mustContain(t, post("login", url.Values{"id_number": {anh}, "passcode": {"135790"}}), "Dịch vụ khác")
	mustContain(t, get("services"), "Chứng thư chữ ký số")
	mustContain(t, get("certificates"), "Đăng ký chứng thư chữ ký số", "Chứng thư chữ ký số đã đăng ký")
	mustContain(t, get("personal-data"), "Xem yêu cầu") // no step can be skipped
	mustContain(t, post("register", url.Values{"issuer": {"OTHER"}, "passcode": {"135790"}}), `role="alert"`)
	person, err := b.Citizen(anh)
	must(t, err)
	mustContain(t, post("register", url.Values{"issuer": {"VNPT-CA"}, "passcode": {"135790"}}), person.FullName, anh, person.Phone)
	mustContain(t, get("personal-data"), "terms/1") // nor this one
	page = get("terms")
	mustContain(t, page, "Tiếp tục", `type="checkbox"`)
	if strings.Contains(page, "checked") {
		t.Error("a consent is ticked before")
	}
	mustContain(t, post("terms", nil), `role="alert"`, "terms/1")
	page = post("terms", url.Values{"accept": {"yes"}})
	mustContain(t, page, "Xác nhận", "personal-data/1")
	if strings.Contains(page, "checked") {
		t.Error("a consent is ticked before")
	}
	mustContain(t, post("personal-data", nil), `role="alert"`)
	page = post("personal-data", url.Values{"accept": {"yes"}})
	mustContain(t, page, "Điều hướng ngay")
	if len(k.bodies) != 0 {
		t.Error("posted before the citizen said so")
	}
	id := b.RegisteredCertificates(anh)[0].RequestID
	mustContain(t, get("registered"), id, "Chưa gửi", "Truy cập ứng dụng VNPT SmartCA")
	for range 2 { // back from the store
		post("requests/"+id+"/go", nil)
	}
	if !strings.Contains(last.Request.URL.String(), k.URL+"/handoff?token=") || len(k.visits) != 2 || len(k.bodies) < 2 || strings.Contains(k.visits[0], anh) {
		t.Errorf("ended at %s after %d posts; visits %v", last.Request.URL, len(k.bodies), k.visits)
	}
	var fresh struct { // each press has a token of its own
		RequestID    string    `json:"request_id"`
		HandoffToken string    `json:"handoff_token"`
		ExpiresAt    time.Time `json:"expires_at"`
	}
	must(t, json.Unmarshal(k.bodies[len(k.bodies)-1], &fresh))
	if fresh.RequestID != id || k.visits[1] != "/handoff?token="+fresh.HandoffToken || k.visits[1] == k.visits[0] || !fresh.ExpiresAt.After(time.Now()) {
		t.Errorf("the second press: %+v, visits %v", fresh, k.visits)
	}
	r := readRequest(t, k.bodies[0])
	if r.RequestID != id || k.visits[0] != "/handoff?token="+r.HandoffToken || r.Person != person || r.Consents[0].AcceptedAt.After(r.Consents[1].AcceptedAt) {
		t.Errorf("request %s", k.bodies[0])
	}
	b.report(b.url, id, `{"status":"ACTIVE","serial":"5401aa","event_id":"E-1"}`, time.Now())
	page = get("registered")
	mustContain(t, page, "Đang hoạt động", "5401aa")
	if strings.Contains(page, "Truy cập") {
		t.Error("a finished request can be opened")
	}
	post("logout", nil)
	post("requests/"+id+"/go", nil)
	if last.StatusCode != http.StatusUnauthorized {
		t.Errorf("logged out: %d", last.StatusCode)
	}
	for path, want := range map[string]int{"vneid.css": 200, "phone.css": 200, "vneid.html": 404} {
		if get(path); last.StatusCode != want {
			t.Errorf("%s: %d", path, last.StatusCode)
		}
	}
	if status, _ := phone.do("POST", "/vneid/login", "", "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
		t.Errorf("another site logs in: %d", status)
	}
}
