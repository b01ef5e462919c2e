package rssp769

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/people"
	"kyso/internal/vn"
)

//go:embed phone
var phoneFiles embed.FS

var phonePages = kernel.PhonePages(phoneFiles, "phone/*.html", template.FuncMap{
	"date":    func(t time.Time) string { return t.In(vn.Zone).Format("15:04:05 02/01/2006") },
	"minutes": func(s int) string { return fmt.Sprintf("%d:%02d", s/60, s%60) },
	// prefix is what a person can compare: the first 16 hex digits in groups of four.
	"prefix": func(digest string) string {
		return digest[:4] + " " + digest[4:8] + " " + digest[8:12] + " " + digest[12:16]
	},
})

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
}

type phoneUser struct {
	ID, Name string
	Waiting  int
	PIN      bool // has a PIN to set
}

// routePhone adds the app on the owner's phone: pages for people, and under /api the same acts as JSON.
func (p *Provider) routePhone(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", p.phoneList)
	mux.HandleFunc("GET /requests/{id}", p.phoneDetail)
	mux.HandleFunc("POST /requests/{id}/{act}", p.phoneAct)
	mux.HandleFunc("GET /keys/{id}", p.phoneKey)
	mux.HandleFunc("POST /keys/{id}/pin", p.phonePIN)
	mux.HandleFunc("POST /api/keys/{id}/pin", p.phoneAPIPIN)
	mux.HandleFunc("GET /api/requests", p.phoneAPIList)
	mux.HandleFunc("POST /api/requests/{id}/{act}", p.phoneAPIAct)
	mux.HandleFunc("GET /phone.js", func(rw http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(rw, r, phoneFiles, "phone/phone.js")
	})
}

// phoneList shows who has requests or, for a user, which.
func (p *Provider) phoneList(rw http.ResponseWriter, r *http.Request) {
	userID := strings.TrimSpace(r.URL.Query().Get("user"))
	waiting := p.Pending(userID)
	page := phonePage{Title: "Ký số từ xa", Refresh: true, User: userID, Requests: waiting, Keys: p.awaitingPIN(userID)}
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
		p.render(rw, http.StatusOK, "start", page)
		return
	}
	owner, ok := people.Of(userID)
	if !ok {
		p.render(rw, http.StatusNotFound, "message", phonePage{Title: "Không tìm thấy người dùng",
			Text: "Số định danh gồm 12 chữ số, có thể có ICA. ở trước."})
		return
	}
	page.Name = owner.Name
	p.render(rw, http.StatusOK, "list", page)
}

func usersOf(waiting []PhoneRequest, keys []PhoneKey) []phoneUser {
	var users []phoneUser
	find := func(id string) *phoneUser {
		i := slices.IndexFunc(users, func(u phoneUser) bool { return u.ID == id })
		if i < 0 {
			owner, _ := people.Of(id)
			users = append(users, phoneUser{ID: id, Name: owner.Name})
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

func (p *Provider) phoneDetail(rw http.ResponseWriter, r *http.Request) {
	req, err := p.Request(r.PathValue("id"))
	if err != nil {
		p.renderError(rw, err)
		return
	}
	p.render(rw, http.StatusOK, "detail", phonePage{Title: "Yêu cầu " + req.ShortCode, Request: &req})
}

// phoneAct answers a tap; the browser is sent to a page that can be reloaded.
func (p *Provider) phoneAct(rw http.ResponseWriter, r *http.Request) {
	id, act := r.PathValue("id"), r.PathValue("act")
	req, err := p.tap(id, act)
	switch {
	case errors.Is(err, kernel.ErrDecided): // the page says what it became
	case err != nil:
		p.renderError(rw, err)
		return
	}
	next := "/requests/" + url.PathEscape(id)
	if act == "ignore" {
		next = "/?user=" + template.URLQueryEscaper(req.User)
	}
	http.Redirect(rw, r, next, http.StatusSeeOther)
}

// tap does one act of the phone and returns the request after it.
func (p *Provider) tap(id, act string) (PhoneRequest, error) {
	var err error
	switch act {
	case "approve":
		err = p.Decide(id, Approved)
	case "decline":
		err = p.Decide(id, Declined)
	case "ignore":
		err = p.IgnoreRequest(id)
	default:
		err = fmt.Errorf("act %q: %w", act, kernel.ErrNotFound)
	}
	if err != nil {
		return PhoneRequest{}, err
	}
	return p.Request(id)
}

func (p *Provider) phoneAPIList(rw http.ResponseWriter, r *http.Request) {
	userID := r.URL.Query().Get("user")
	kernel.WriteJSON(rw, http.StatusOK, map[string]any{"requests": p.Pending(userID), "keys": p.awaitingPIN(userID)})
}

func (p *Provider) phoneAPIAct(rw http.ResponseWriter, r *http.Request) {
	req, err := p.tap(r.PathValue("id"), r.PathValue("act"))
	if err != nil {
		kernel.WriteError(rw, err)
		return
	}
	kernel.WriteJSON(rw, http.StatusOK, req)
}

func (p *Provider) render(rw http.ResponseWriter, status int, name string, page phonePage) {
	p.k.Render(rw, phonePages, name, page, kernel.Page{Status: status})
}

func (p *Provider) renderError(rw http.ResponseWriter, err error) {
	p.render(rw, kernel.StatusOf(err), "message", phonePage{Title: "Không thực hiện được",
		Text: "Yêu cầu này không còn hoặc không hợp lệ."})
}
