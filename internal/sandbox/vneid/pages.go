package vneid

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/people"
	"kyso/internal/vn"
)

//go:embed vneid.css vneid.html
var files embed.FS

var pages = template.Must(template.New("vneid").Funcs(template.FuncMap{
	"date":    func(t time.Time) string { return t.In(vn.Zone).Format("02/01/2006 15:04") },
	"words":   func(c RegisteredCertificate) string { return c.words()[0] },
	"english": func(c RegisteredCertificate) string { return c.words()[1] },
	"open":    func(c RegisteredCertificate) bool { return c.Status == "" || slices.Contains(openStatuses, c.Status) },
}).ParseFS(files, "vneid.html"))

// statusWords are a status in Vietnamese and English.
var statusWords = map[string][2]string{
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

// openStatuses are the statuses in which the citizen still has something to do.
var openStatuses = []string{"RECEIVED", "IN_PROGRESS", "WAITING_APPROVAL", "ISSUED"}

// words are the status in Vietnamese and English.
func (c RegisteredCertificate) words() [2]string {
	if c.Status == "" && c.SentAt.IsZero() {
		return [2]string{"Chưa gửi", "Not sent yet"}
	}
	return statusWords[c.Status]
}

const (
	cookieName = "vneid_session"
	sitting    = 30 * time.Minute // how long a log-in lasts
)

var passcode = regexp.MustCompile(`^[0-9]{6}$`)

// session is a person who is logged in, with the request that is being made.
type session struct {
	User      string       `json:"user"`
	ExpiresAt time.Time    `json:"expires_at"`
	Started   bool         `json:"started,omitempty"` // the issuer was chosen
	Issuer    string       `json:"issuer,omitempty"`
	Shown     [2]time.Time `json:"shown,omitzero"` // when the text of each consent was shown
	Accepted  [2]time.Time `json:"accepted,omitzero"`
	RequestID string       `json:"request_id,omitempty"` // once made
}

// page is what every template gets.
type page struct {
	Title, English string
	Alert          string // what went wrong, Vietnamese first
	Person         people.Citizen
	Consent        *consentText
	RequestID      string
	Issuer         string   // that was chosen
	Issuers        []string // to choose from
	List           []RegisteredCertificate
}

// VNeID serves the state's identity app under /vneid/: pages for people, and /vneid/partner/v1 for the reports of
// kyso. A page of another site cannot post to it.
func (a *App) VNeID() http.Handler {
	mux := http.NewServeMux()
	a.routePartner(mux)
	mux.Handle("GET /{$}", http.RedirectHandler("/vneid/", http.StatusSeeOther))
	mux.HandleFunc("POST /vneid/login", a.login)
	mux.HandleFunc("POST /vneid/logout", a.logout)
	for name, title := range map[string][2]string{
		"{$}":          {"VNeID", "Home"},
		"services":     {"Dịch vụ khác", "Other services"},
		"certificates": {"Chứng thư chữ ký số", "Signature certificates"},
		"register":     {"Đăng ký chứng thư chữ ký số", "Apply for a certificate"},
		"review":       {"Xem yêu cầu", "Your request"},
		"done":         {"Đã tạo yêu cầu", "Request made"},
		"registered":   {"Chứng thư chữ ký số đã đăng ký", "Registered certificates"},
	} {
		mux.HandleFunc("GET /vneid/"+name, a.loggedIn(func(rw http.ResponseWriter, r *http.Request, s session) {
			a.show(rw, r, http.StatusOK, strings.TrimSuffix(name, "{$}"), s, page{Title: title[0], English: title[1]})
		}))
	}
	mux.HandleFunc("POST /vneid/register", a.loggedIn(a.register))
	for i := range consentTexts {
		path := "/vneid/" + consentTexts[i].Path
		mux.HandleFunc("GET "+path, a.loggedIn(func(rw http.ResponseWriter, r *http.Request, s session) { a.showConsent(rw, r, s, i, "") }))
		mux.HandleFunc("POST "+path, a.loggedIn(func(rw http.ResponseWriter, r *http.Request, s session) { a.accept(rw, r, s, i) }))
	}
	mux.HandleFunc("POST /vneid/requests/{id}/go", a.loggedIn(a.handOff))
	kernel.ServeLook(mux, "/vneid")
	mux.HandleFunc("GET /vneid/vneid.css", func(rw http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(rw, r, files, "vneid.css")
	})
	return a.k.Guarded(a.unlessDown(mux))
}

// routePartner adds what kyso calls.
func (a *App) routePartner(mux *http.ServeMux) {
	mux.HandleFunc("POST /vneid/partner/v1/requests/{id}/status", a.serveReport)
}

func (a *App) unlessDown(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if a.settings().VNeID == "down" {
			http.Error(rw, "VNeID is down", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(rw, r)
	})
}

// loggedIn hands the session to a page, or shows the log-in instead.
func (a *App) loggedIn(next func(http.ResponseWriter, *http.Request, session)) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		var s session
		if cookie, err := r.Cookie(cookieName); err == nil {
			kernel.Locked(&a.mu, func() {
				if found := a.state.Sessions[cookie.Value]; found != nil && found.ExpiresAt.After(a.k.Now()) {
					s = *found
				}
			})
		}
		if s.User == "" {
			status := http.StatusOK
			if r.Method != http.MethodGet {
				status = http.StatusUnauthorized
			}
			a.render(rw, status, "login", page{Title: "Đăng nhập VNeID", English: "Log in"})
			return
		}
		next(rw, r, s)
	}
}

// keepSession stores what a step changed.
func (a *App) keepSession(r *http.Request, s session) {
	if cookie, err := r.Cookie(cookieName); err == nil {
		kernel.Locked(&a.mu, func() {
			a.state.Sessions[cookie.Value] = &s
			a.k.Changed()
		})
	}
}

func (a *App) login(rw http.ResponseWriter, r *http.Request) {
	id := strings.TrimSpace(r.PostFormValue("id_number"))
	_, err := a.Citizen(id)
	if err != nil || !passcode.MatchString(r.PostFormValue("passcode")) {
		a.render(rw, http.StatusBadRequest, "login", page{Title: "Đăng nhập VNeID", English: "Log in",
			Alert: "Số định danh gồm 12 chữ số, mã truy cập gồm 6 chữ số. · 12 digits and a passcode of 6 digits, please."})
		return
	}
	token := kernel.NewUUID()
	kernel.Locked(&a.mu, func() {
		now := a.k.Now()
		for token, old := range a.state.Sessions {
			if old.ExpiresAt.Before(now) {
				delete(a.state.Sessions, token)
			}
		}
		a.state.Sessions[token] = &session{User: id, ExpiresAt: now.Add(sitting)}
		a.k.Changed()
	})
	//nolint:gosec // served over http on loopback, where Secure would lose the cookie
	http.SetCookie(rw, &http.Cookie{Name: cookieName, Value: token, Path: "/vneid/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.Redirect(rw, r, "/vneid/", http.StatusSeeOther)
}

func (a *App) logout(rw http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(cookieName); err == nil {
		kernel.Locked(&a.mu, func() {
			delete(a.state.Sessions, cookie.Value)
			a.k.Changed()
		})
	}
	http.Redirect(rw, r, "/vneid/", http.StatusSeeOther)
}

// show renders a page that needs nothing but the person, the list and the session.
func (a *App) show(rw http.ResponseWriter, r *http.Request, status int, name string, s session, p page) {
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
		p.List = a.RegisteredCertificates(s.User)
		slices.Reverse(p.List)
	}
	p.RequestID, p.Issuer = s.RequestID, s.Issuer
	p.Issuers = a.issuers
	var err error
	if p.Person, err = a.Citizen(s.User); err != nil {
		http.Error(rw, err.Error(), kernel.StatusOf(err))
		return
	}
	a.render(rw, status, name, p)
}

// register takes the issuer and, once more, the passcode.
func (a *App) register(rw http.ResponseWriter, r *http.Request, s session) {
	chosen := r.PostFormValue("issuer")
	if !slices.Contains(a.issuers, chosen) || !passcode.MatchString(r.PostFormValue("passcode")) {
		a.show(rw, r, http.StatusBadRequest, "register", s, page{Title: "Đăng ký chứng thư chữ ký số",
			English: "Apply for a certificate",
			Alert:   "Hãy chọn tổ chức cấp và nhập mã truy cập gồm 6 chữ số. · Choose an issuer and enter 6 digits."})
		return
	}
	a.keepSession(r, session{User: s.User, ExpiresAt: s.ExpiresAt, Started: true, Issuer: chosen})
	http.Redirect(rw, r, "/vneid/review", http.StatusSeeOther)
}

// showConsent shows the text of a consent with a box that is not ticked.
func (a *App) showConsent(rw http.ResponseWriter, r *http.Request, s session, i int, alert string) {
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
		s.Shown[i] = a.k.Now()
		a.keepSession(r, s)
	}
	text := a.consentOf(i, s.Issuer)
	a.render(rw, status, "consent", page{Title: text.Title, English: text.English, Consent: &text, Alert: alert})
}

// accept takes a consent; the last one makes the request.
func (a *App) accept(rw http.ResponseWriter, r *http.Request, s session, i int) {
	switch {
	case !s.Started || s.RequestID != "" || s.Shown[i].IsZero():
		a.showConsent(rw, r, s, i, "")
		return
	case r.PostFormValue("accept") != "yes":
		a.showConsent(rw, r, s, i, "Bạn cần đánh dấu đồng ý để tiếp tục. · Tick the box to go on.")
		return
	}
	s.Accepted[i] = a.k.Now()
	next := "/vneid/done"
	if i+1 < len(consentTexts) {
		next = "/vneid/" + consentTexts[i+1].Path
	} else {
		req, err := a.newRequest(cmp.Or(s.Issuer, a.issuers[0]), s.User, s.Shown, s.Accepted)
		if err != nil {
			http.Error(rw, err.Error(), kernel.StatusOf(err))
			return
		}
		s.RequestID = req.ID
	}
	a.keepSession(r, s)
	http.Redirect(rw, r, next, http.StatusSeeOther)
}

// handOff posts the request to kyso, and sends the citizen there with a token alone. When kyso has the request already the
// first token may be spent, so each press gets a token of its own.
func (a *App) handOff(rw http.ResponseWriter, r *http.Request, s session) {
	id := r.PathValue("id")
	token, taken := "", false
	kernel.Locked(&a.mu, func() {
		if req := a.state.Requests[id]; req != nil && req.User == s.User {
			token, taken = req.Token, !req.SentAt.IsZero()
		}
	})
	err := fmt.Errorf("request %q: %w", id, kernel.ErrNotFound)
	switch {
	case token == "":
	case a.settings().HandoffURL == "":
		err = errors.New("handoff_url is not set")
	case taken:
		token, err = a.FreshToken(id)
	default:
		err = a.send(id)
	}
	if err != nil {
		a.k.Log.Warn("the hand-off failed", "request", id, "error", err)
		a.show(rw, r, http.StatusBadGateway, "registered", s, page{Title: "Chứng thư chữ ký số đã đăng ký",
			English: "Registered certificates", Alert: "Chưa chuyển được yêu cầu, hãy thử lại. · The hand-off failed, try again. (" + err.Error() + ")"})
		return
	}
	http.Redirect(rw, r, a.HandoffURL(token), http.StatusSeeOther)
}

func (a *App) render(rw http.ResponseWriter, status int, name string, p page) {
	a.k.Render(rw, pages, name, p, kernel.Page{Status: status, Policy: kernel.PolicyTo(a.settings().HandoffURL), Referrer: "no-referrer"})
}
