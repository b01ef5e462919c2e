package sandbox

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

//go:embed vneid
var vneidFiles embed.FS

var vneidPages = template.Must(template.New("vneid").Funcs(template.FuncMap{
	"date":    func(t time.Time) string { return t.In(vietnam).Format("02/01/2006 15:04") },
	"words":   func(c RegisteredCertificate) string { return c.words()[0] },
	"english": func(c RegisteredCertificate) string { return c.words()[1] },
	"open":    func(c RegisteredCertificate) bool { return c.Status == "" || slices.Contains(vneidOpen, c.Status) },
}).ParseFS(vneidFiles, "vneid/vneid.html"))

// vietnam has had one offset since 1975.
var vietnam = time.FixedZone("ICT", 7*60*60)

// vneidStatusWords are a status in Vietnamese and English.
var vneidStatusWords = map[string][2]string{
	"":                 {"Đã gửi yêu cầu", "Requested"},
	"RECEIVED":         {"Đã tiếp nhận", "Received"},
	"IN_PROGRESS":      {"Đang xử lý", "In progress"},
	"WAITING_APPROVAL": {"Chờ phê duyệt", "Waiting for approval"},
	"REJECTED":         {"Bị từ chối", "Rejected"},
	"ISSUED":           {"Đã cấp, chờ kích hoạt", "Issued, not yet active"},
	"ACTIVE":           {"Đang hoạt động", "Active"},
	"REVOKED":          {"Đã thu hồi", "Revoked"},
	"CANCELLED":        {"Đã hủy", "Cancelled"},
}

// vneidOpen are the statuses in which the citizen still has something to do.
var vneidOpen = []string{"RECEIVED", "IN_PROGRESS", "WAITING_APPROVAL", "ISSUED"}

// words are the status in Vietnamese and English.
func (c RegisteredCertificate) words() [2]string {
	if c.Status == "" && c.SentAt.IsZero() {
		return [2]string{"Chưa gửi", "Not sent yet"}
	}
	return vneidStatusWords[c.Status]
}

const (
	vneidCookie  = "vneid_session"
	vneidSitting = 30 * time.Minute // how long a log-in lasts
)

var passcode = regexp.MustCompile(`^[0-9]{6}$`)

// vneidSession is somebody who is logged in, with the request that is being made.
type vneidSession struct {
	User      string       `json:"user"`
	ExpiresAt time.Time    `json:"expires_at"`
	Started   bool         `json:"started,omitempty"` // the issuer was chosen
	Issuer    string       `json:"issuer,omitempty"`
	Shown     [2]time.Time `json:"shown,omitzero"` // when the text of each consent was shown
	Accepted  [2]time.Time `json:"accepted,omitzero"`
	RequestID string       `json:"request_id,omitempty"` // once made
}

// consentText is a text that a citizen agrees to. Its digest is evidence, so the page shows exactly this.
type consentText struct {
	Purpose, Version, Path string
	Title, English         string
	Tick, TickEnglish      string
	Button, ButtonEnglish  string
	Text                   string
}

// consentOf is the text of a consent to one of the issuers.
func consentOf(i int, issuer string) consentText {
	text := consentTexts[i]
	text.Text = strings.ReplaceAll(text.Text, FirstIssuer, cmp.Or(issuer, FirstIssuer))
	return text
}

// Paragraphs are the text as the page breaks it.
func (c consentText) Paragraphs() []string { return strings.Split(c.Text, "\n\n") }

// consentTexts are the two consents in their order.
var consentTexts = [2]consentText{
	{
		Purpose: "terms", Version: "terms/1", Path: "terms", Title: "Điều khoản sử dụng dịch vụ", English: "Terms of service",
		Tick: "Tôi đã đọc và đồng ý với điều khoản sử dụng dịch vụ", TickEnglish: "I have read and accept the terms of service",
		Button: "Tiếp tục", ButtonEnglish: "Continue",
		Text: "Dịch vụ chứng thực chữ ký số công cộng VNPT-CA được cung cấp theo Luật Giao dịch điện tử số 20/2023/QH15. Người " +
			"đăng ký chịu trách nhiệm về tính chính xác của thông tin và tự bảo vệ mã PIN của mình.\n\n" +
			"Đây là bản thử nghiệm: chứng thư không có giá trị pháp lý.\n\n" +
			"The public signature certification service of VNPT-CA is provided under Law 20/2023/QH15 on electronic " +
			"transactions. This is a sandbox: its certificates have no legal value.",
	},
	{
		Purpose: "personal-data", Version: "personal-data/1", Path: "personal-data", Title: "Xử lý dữ liệu cá nhân",
		English: "Use of personal data",
		Tick:    "Tôi đồng ý cho chia sẻ và xử lý dữ liệu cá nhân nêu trên", TickEnglish: "I agree that the personal data above is shared and used",
		Button: "Xác nhận", ButtonEnglish: "Confirm",
		Text: "VNeID chia sẻ với tổ chức cung cấp dịch vụ VNPT-CA: số định danh cá nhân, họ tên, ngày sinh, giới tính, quốc tịch, " +
			"nơi thường trú, ngày cấp, nơi cấp và thời hạn thẻ, số điện thoại. Mục đích duy nhất: cấp và quản lý chứng thư chữ ký số. " +
			"Bạn có thể rút lại sự đồng ý theo Luật Bảo vệ dữ liệu cá nhân số 91/2025/QH15.\n\n" +
			"VNeID shares your number, name, birth date, sex, nationality, residence, card data and phone with VNPT-CA, only to " +
			"issue and manage the certificate. You may withdraw your consent under Law 91/2025/QH15.",
	},
}

// vneidPage is what every template gets.
type vneidPage struct {
	Title, English string
	Alert          string // what went wrong, Vietnamese first
	Person         Citizen
	Consent        *consentText
	RequestID      string
	Issuer         string   // that was chosen
	Issuers        []string // to choose from
	List           []RegisteredCertificate
}

// VNeID serves the state's identity app under /vneid/: pages for people, and /vneid/partner/v1 for the reports of
// kyso. A page of another site cannot post to it.
func (w *World) VNeID() http.Handler {
	mux := http.NewServeMux()
	w.routePartner(mux)
	mux.Handle("GET /{$}", http.RedirectHandler("/vneid/", http.StatusSeeOther))
	mux.HandleFunc("POST /vneid/login", w.vneidLogin)
	mux.HandleFunc("POST /vneid/logout", w.vneidLogout)
	for name, title := range map[string][2]string{
		"{$}":          {"VNeID", "Home"},
		"services":     {"Dịch vụ khác", "Other services"},
		"certificates": {"Chứng thư chữ ký số", "Signature certificates"},
		"register":     {"Đăng ký chứng thư chữ ký số", "Apply for a certificate"},
		"review":       {"Xem yêu cầu", "Your request"},
		"done":         {"Đã tạo yêu cầu", "Request made"},
		"registered":   {"Chứng thư chữ ký số đã đăng ký", "Registered certificates"},
	} {
		mux.HandleFunc("GET /vneid/"+name, w.loggedIn(func(rw http.ResponseWriter, r *http.Request, s vneidSession) {
			w.vneidShow(rw, r, http.StatusOK, strings.TrimSuffix(name, "{$}"), s, vneidPage{Title: title[0], English: title[1]})
		}))
	}
	mux.HandleFunc("POST /vneid/register", w.loggedIn(w.vneidRegister))
	for i := range consentTexts {
		path := "/vneid/" + consentTexts[i].Path
		mux.HandleFunc("GET "+path, w.loggedIn(func(rw http.ResponseWriter, r *http.Request, s vneidSession) { w.vneidConsent(rw, r, s, i, "") }))
		mux.HandleFunc("POST "+path, w.loggedIn(func(rw http.ResponseWriter, r *http.Request, s vneidSession) { w.vneidAccept(rw, r, s, i) }))
	}
	mux.HandleFunc("POST /vneid/requests/{id}/go", w.loggedIn(w.vneidGo))
	mux.HandleFunc("GET /vneid/phone.css", func(rw http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(rw, r, phoneFiles, "phone/phone.css")
	})
	mux.HandleFunc("GET /vneid/vneid.css", func(rw http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(rw, r, vneidFiles, "vneid/vneid.css")
	})
	return w.marked(http.NewCrossOriginProtection().Handler(w.unlessDown(mux)))
}

// routePartner adds what kyso calls.
func (w *World) routePartner(mux *http.ServeMux) {
	mux.HandleFunc("POST /vneid/partner/v1/requests/{id}/status", w.serveReport)
}

func (w *World) unlessDown(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.Settings().VNeID == "down" {
			http.Error(rw, "VNeID is down", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(rw, r)
	})
}

// loggedIn hands the session to a page, or shows the log-in instead.
func (w *World) loggedIn(page func(http.ResponseWriter, *http.Request, vneidSession)) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		var s vneidSession
		if cookie, err := r.Cookie(vneidCookie); err == nil {
			w.locked(func() {
				if found := w.state.VNeIDSessions[cookie.Value]; found != nil && found.ExpiresAt.After(w.now()) {
					s = *found
				}
			})
		}
		if s.User == "" {
			status := http.StatusOK
			if r.Method != http.MethodGet {
				status = http.StatusUnauthorized
			}
			w.vneidRender(rw, status, "login", vneidPage{Title: "Đăng nhập VNeID", English: "Log in"})
			return
		}
		page(rw, r, s)
	}
}

// keepSession stores what a step changed.
func (w *World) keepSession(r *http.Request, s vneidSession) {
	if cookie, err := r.Cookie(vneidCookie); err == nil {
		w.locked(func() {
			w.state.VNeIDSessions[cookie.Value] = &s
			w.changed()
		})
	}
}

func (w *World) vneidLogin(rw http.ResponseWriter, r *http.Request) {
	id := strings.TrimSpace(r.PostFormValue("id_number"))
	_, err := w.Citizen(id)
	if err != nil || !passcode.MatchString(r.PostFormValue("passcode")) {
		w.vneidRender(rw, http.StatusBadRequest, "login", vneidPage{Title: "Đăng nhập VNeID", English: "Log in",
			Alert: "Số định danh gồm 12 chữ số, mã truy cập gồm 6 chữ số. · 12 digits and a passcode of 6 digits, please."})
		return
	}
	token := newUUID()
	w.locked(func() {
		now := w.now()
		for token, old := range w.state.VNeIDSessions {
			if old.ExpiresAt.Before(now) {
				delete(w.state.VNeIDSessions, token)
			}
		}
		w.state.VNeIDSessions[token] = &vneidSession{User: id, ExpiresAt: now.Add(vneidSitting)}
		w.changed()
	})
	//nolint:gosec // served over http on loopback, where Secure would lose the cookie
	http.SetCookie(rw, &http.Cookie{Name: vneidCookie, Value: token, Path: "/vneid/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.Redirect(rw, r, "/vneid/", http.StatusSeeOther)
}

func (w *World) vneidLogout(rw http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(vneidCookie); err == nil {
		w.locked(func() {
			delete(w.state.VNeIDSessions, cookie.Value)
			w.changed()
		})
	}
	http.Redirect(rw, r, "/vneid/", http.StatusSeeOther)
}

// vneidShow renders a page that needs nothing but the person, the list and the session.
func (w *World) vneidShow(rw http.ResponseWriter, r *http.Request, status int, name string, s vneidSession, page vneidPage) {
	switch {
	case name == "":
		name = "home"
	case name == "review" && !s.Started:
		http.Redirect(rw, r, "/vneid/register", http.StatusSeeOther)
		return
	case name == "done" && s.RequestID == "":
		http.Redirect(rw, r, "/vneid/review", http.StatusSeeOther)
		return
	case name == "registered":
		page.List = w.RegisteredCertificates(s.User)
		slices.Reverse(page.List)
	}
	page.RequestID, page.Issuer = s.RequestID, s.Issuer
	for _, h := range houses {
		page.Issuers = append(page.Issuers, h.code)
	}
	var err error
	if page.Person, err = w.Citizen(s.User); err != nil {
		http.Error(rw, err.Error(), statusOf(err))
		return
	}
	w.vneidRender(rw, status, name, page)
}

// vneidRegister takes the issuer and, once more, the passcode.
func (w *World) vneidRegister(rw http.ResponseWriter, r *http.Request, s vneidSession) {
	chosen, known := houseCalled(r.PostFormValue("issuer"))
	if !known || !passcode.MatchString(r.PostFormValue("passcode")) {
		w.vneidShow(rw, r, http.StatusBadRequest, "register", s, vneidPage{Title: "Đăng ký chứng thư chữ ký số",
			English: "Apply for a certificate",
			Alert:   "Hãy chọn tổ chức cấp và nhập mã truy cập gồm 6 chữ số. · Choose an issuer and enter 6 digits."})
		return
	}
	w.keepSession(r, vneidSession{User: s.User, ExpiresAt: s.ExpiresAt, Started: true, Issuer: chosen.code})
	http.Redirect(rw, r, "/vneid/review", http.StatusSeeOther)
}

// vneidConsent shows the text of a consent with a box that nobody ticked.
func (w *World) vneidConsent(rw http.ResponseWriter, r *http.Request, s vneidSession, i int, alert string) {
	switch {
	case !s.Started:
		http.Redirect(rw, r, "/vneid/register", http.StatusSeeOther)
		return
	case s.RequestID != "":
		http.Redirect(rw, r, "/vneid/done", http.StatusSeeOther)
		return
	case i > 0 && s.Accepted[i-1].IsZero():
		http.Redirect(rw, r, "/vneid/"+consentTexts[i-1].Path, http.StatusSeeOther)
		return
	}
	status := http.StatusBadRequest
	if alert == "" {
		status = http.StatusOK
		s.Shown[i] = w.now()
		w.keepSession(r, s)
	}
	text := consentOf(i, s.Issuer)
	w.vneidRender(rw, status, "consent", vneidPage{Title: text.Title, English: text.English, Consent: &text, Alert: alert})
}

// vneidAccept takes a consent; the last one makes the request.
func (w *World) vneidAccept(rw http.ResponseWriter, r *http.Request, s vneidSession, i int) {
	switch {
	case !s.Started || s.RequestID != "" || s.Shown[i].IsZero():
		w.vneidConsent(rw, r, s, i, "")
		return
	case r.PostFormValue("accept") != "yes":
		w.vneidConsent(rw, r, s, i, "Bạn cần đánh dấu đồng ý để tiếp tục. · Tick the box to go on.")
		return
	}
	s.Accepted[i] = w.now()
	next := "/vneid/done"
	if i+1 < len(consentTexts) {
		next = "/vneid/" + consentTexts[i+1].Path
	} else {
		req, err := w.newVNeIDRequest(cmp.Or(s.Issuer, FirstIssuer), s.User, s.Shown, s.Accepted)
		if err != nil {
			http.Error(rw, err.Error(), statusOf(err))
			return
		}
		s.RequestID = req.ID
	}
	w.keepSession(r, s)
	http.Redirect(rw, r, next, http.StatusSeeOther)
}

// vneidGo posts the request to kyso, and sends the citizen there with a token alone. When kyso has the request already the
// first token may be spent, so each press gets a token of its own.
func (w *World) vneidGo(rw http.ResponseWriter, r *http.Request, s vneidSession) {
	id := r.PathValue("id")
	token, taken := "", false
	w.locked(func() {
		if req := w.state.VNeIDRequests[id]; req != nil && req.User == s.User {
			token, taken = req.Token, !req.SentAt.IsZero()
		}
	})
	err := fmt.Errorf("request %q: %w", id, ErrNotFound)
	switch {
	case token == "":
	case w.Settings().HandoffURL == "":
		err = errors.New("handoff_url is not set")
	case taken:
		token, err = w.FreshToken(id)
	default:
		err = w.sendVNeIDRequest(id)
	}
	if err != nil {
		w.log.Warn("the hand-off failed", "request", id, "error", err)
		w.vneidShow(rw, r, http.StatusBadGateway, "registered", s, vneidPage{Title: "Chứng thư chữ ký số đã đăng ký",
			English: "Registered certificates", Alert: "Chưa chuyển được yêu cầu, hãy thử lại. · The hand-off failed, try again. (" + err.Error() + ")"})
		return
	}
	http.Redirect(rw, r, w.HandoffURL(token), http.StatusSeeOther)
}

func (w *World) vneidRender(rw http.ResponseWriter, status int, name string, page vneidPage) {
	var b bytes.Buffer
	if err := vneidPages.ExecuteTemplate(&b, name, page); err != nil {
		w.log.Error("rendering VNeID failed", "page", name, "error", err)
		http.Error(rw, "rendering failed", http.StatusInternalServerError)
		return
	}
	policy := phonePolicy
	// Browsers hold the redirect after a form against form-action, too.
	if to, err := url.Parse(w.Settings().HandoffURL); err == nil && to.Host != "" && !strings.ContainsAny(to.Host, "; ,'\"") {
		policy = strings.Replace(policy, "form-action 'self'", "form-action 'self' "+to.Scheme+"://"+to.Host, 1)
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.Header().Set("Content-Security-Policy", policy)
	rw.Header().Set("Referrer-Policy", "no-referrer")
	rw.WriteHeader(status)
	_, _ = rw.Write(b.Bytes()) // the client is gone; nothing to do about it
}
