package sandbox

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

//go:embed phone
var phoneFiles embed.FS

var phonePages = template.Must(template.New("phone").Funcs(template.FuncMap{
	"date":    func(t time.Time) string { return t.In(vietnam).Format("15:04:05 02/01/2006") },
	"minutes": func(s int) string { return fmt.Sprintf("%d:%02d", s/60, s%60) },
	// prefix is what a person can compare: the first 16 hex digits in groups of four.
	"prefix": func(digest string) string {
		return digest[:4] + " " + digest[4:8] + " " + digest[8:12] + " " + digest[12:16]
	},
}).ParseFS(phoneFiles, "phone/*.html"))

// The page loads nothing from anywhere else, and cannot be framed.
const phonePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'"

// phonePage is what every template gets.
type phonePage struct {
	Title, Text string
	Refresh     bool
	User, Name  string
	IDs         string // of the requests shown, so that the script sees when there are others
	Users       []phoneUser
	Requests    []PhoneRequest
	Request     *PhoneRequest
	Keys        []PhoneKey // that wait for a PIN
	Key         *PhoneKey
	Phone       string // whose messages are shown
	Messages    []Message
	Inboxes     []phoneInbox
}

type phoneUser struct {
	ID, Name string
	Waiting  int
	PIN      bool // has a PIN to set
}

// Phone serves the app on the owner's phone: pages for people, and under /api the same acts as JSON. A page of
// another site cannot post to it.
func (w *World) Phone() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", w.phoneList)
	mux.HandleFunc("GET /requests/{id}", w.phoneDetail)
	mux.HandleFunc("POST /requests/{id}/{act}", w.phoneAct)
	mux.HandleFunc("GET /keys/{id}", w.phoneKey)
	mux.HandleFunc("POST /keys/{id}/pin", w.phonePIN)
	mux.HandleFunc("POST /api/keys/{id}/pin", w.phoneAPIPIN)
	mux.Handle("/vneid/", w.VNeID())
	mux.HandleFunc("GET /sms", w.phoneSMS)
	mux.HandleFunc("GET /api/sms", w.getSMS)
	mux.HandleFunc("GET /api/requests", w.phoneAPIList)
	mux.HandleFunc("POST /api/requests/{id}/{act}", w.phoneAPIAct)
	for _, name := range []string{"phone.css", "phone.js"} {
		mux.HandleFunc("GET /"+name, func(rw http.ResponseWriter, r *http.Request) {
			http.ServeFileFS(rw, r, phoneFiles, "phone/"+name)
		})
	}
	return w.marked(http.NewCrossOriginProtection().Handler(mux))
}

// phoneList shows who has requests or, for a user, which.
func (w *World) phoneList(rw http.ResponseWriter, r *http.Request) {
	userID := strings.TrimSpace(r.URL.Query().Get("user"))
	waiting := w.Pending(userID)
	page := phonePage{Title: "Ký số từ xa", Refresh: true, User: userID, Requests: waiting, Keys: w.awaitingPIN(userID)}
	var ids []string
	for _, req := range waiting {
		ids = append(ids, req.ID)
	}
	for _, key := range page.Keys {
		ids = append(ids, key.ID)
	}
	page.IDs = strings.Join(ids, ",")
	if userID == "" {
		page.Users = usersOf(waiting, page.Keys)
		w.render(rw, http.StatusOK, "start", page)
		return
	}
	p, ok := personOf(userID)
	if !ok {
		w.render(rw, http.StatusNotFound, "message", phonePage{Title: "Không tìm thấy người dùng",
			Text: "Số định danh gồm 12 chữ số, có thể có ICA. ở trước."})
		return
	}
	page.Name = p.name
	w.render(rw, http.StatusOK, "list", page)
}

func usersOf(waiting []PhoneRequest, keys []PhoneKey) []phoneUser {
	var users []phoneUser
	find := func(id string) *phoneUser {
		i := slices.IndexFunc(users, func(u phoneUser) bool { return u.ID == id })
		if i < 0 {
			p, _ := personOf(id)
			users = append(users, phoneUser{ID: id, Name: p.name})
			i = len(users) - 1
		}
		return &users[i]
	}
	for _, req := range waiting {
		find(req.User).Waiting++
	}
	for _, key := range keys {
		find(key.User).PIN = true
	}
	slices.SortFunc(users, func(a, b phoneUser) int { return cmp.Compare(a.ID, b.ID) })
	return users
}

func (w *World) phoneDetail(rw http.ResponseWriter, r *http.Request) {
	req, err := w.Request(r.PathValue("id"))
	if err != nil {
		w.renderError(rw, err)
		return
	}
	w.render(rw, http.StatusOK, "detail", phonePage{Title: "Yêu cầu " + req.ShortCode, Request: &req})
}

// phoneAct answers a tap; the browser is sent to a page that can be reloaded.
func (w *World) phoneAct(rw http.ResponseWriter, r *http.Request) {
	id, act := r.PathValue("id"), r.PathValue("act")
	req, err := w.tap(id, act)
	switch {
	case errors.Is(err, ErrDecided): // the page says what it became
	case err != nil:
		w.renderError(rw, err)
		return
	}
	next := "/requests/" + url.PathEscape(id)
	if act == "ignore" {
		next = "/?user=" + template.URLQueryEscaper(req.User)
	}
	http.Redirect(rw, r, next, http.StatusSeeOther)
}

// tap does one act of the phone and returns the request after it.
func (w *World) tap(id, act string) (PhoneRequest, error) {
	var err error
	switch act {
	case "approve":
		err = w.Decide(id, Approved)
	case "decline":
		err = w.Decide(id, Declined)
	case "ignore":
		err = w.IgnoreRequest(id)
	default:
		err = fmt.Errorf("act %q: %w", act, ErrNotFound)
	}
	if err != nil {
		return PhoneRequest{}, err
	}
	return w.Request(id)
}

func (w *World) phoneAPIList(rw http.ResponseWriter, r *http.Request) {
	userID := r.URL.Query().Get("user")
	writeJSON(rw, http.StatusOK, map[string]any{"requests": w.Pending(userID), "keys": w.awaitingPIN(userID)})
}

func (w *World) phoneAPIAct(rw http.ResponseWriter, r *http.Request) {
	req, err := w.tap(r.PathValue("id"), r.PathValue("act"))
	if err != nil {
		writeError(rw, err)
		return
	}
	writeJSON(rw, http.StatusOK, req)
}

func (w *World) render(rw http.ResponseWriter, status int, name string, page phonePage) {
	var b bytes.Buffer
	if err := phonePages.ExecuteTemplate(&b, name, page); err != nil {
		w.log.Error("rendering the phone failed", "page", name, "error", err)
		http.Error(rw, "rendering failed", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.Header().Set("Content-Security-Policy", phonePolicy)
	rw.WriteHeader(status)
	_, _ = rw.Write(b.Bytes()) // the client is gone; nothing to do about it
}

func (w *World) renderError(rw http.ResponseWriter, err error) {
	w.render(rw, statusOf(err), "message", phonePage{Title: "Không thực hiện được",
		Text: "Yêu cầu này không còn hoặc không hợp lệ."})
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, ErrDecided):
		return http.StatusConflict
	case errors.Is(err, ErrInvalid):
		return http.StatusBadRequest
	default:
		return http.StatusInternalServerError
	}
}

func writeError(rw http.ResponseWriter, err error) {
	writeJSON(rw, statusOf(err), map[string]string{"error": err.Error()})
}

func writeJSON(rw http.ResponseWriter, status int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(rw, "encoding failed", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = rw.Write(append(body, '\n')) // the client is gone; nothing to do about it
}
