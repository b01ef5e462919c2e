package esms

import (
	"cmp"
	"embed"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/vn"
)

//go:embed *.html
var files embed.FS

var pages = kernel.PhonePages(files, "*.html", template.FuncMap{
	"date": func(t time.Time) string { return t.In(vn.Zone).Format("15:04:05 02/01/2006") },
})

// page is what every template gets.
type page struct {
	Title    string
	Refresh  bool   // of the frame
	Phone    string // whose messages are shown
	Messages []Message
	Inboxes  []inbox
}

// inbox is a phone with messages.
type inbox struct {
	Phone string
	Count int
}

// phoneSMS shows the messages of a phone, latest first, or which phones have some.
func (g *Inbox) phoneSMS(rw http.ResponseWriter, r *http.Request) {
	phone := strings.TrimSpace(r.URL.Query().Get("phone"))
	list := g.Messages(phone)
	slices.Reverse(list)
	rw.Header().Set("Refresh", "5") // a code is waited for
	if phone != "" {
		g.render(rw, "inbox", page{Title: "Tin nhắn", Phone: phone, Messages: list})
		return
	}
	counts := map[string]int{}
	for _, m := range list {
		counts[m.Phone]++
	}
	overview := page{Title: "Tin nhắn"}
	for number, n := range counts {
		overview.Inboxes = append(overview.Inboxes, inbox{number, n})
	}
	slices.SortFunc(overview.Inboxes, func(a, b inbox) int { return cmp.Compare(a.Phone, b.Phone) })
	g.render(rw, "inboxes", overview)
}

func (g *Inbox) render(rw http.ResponseWriter, name string, p page) {
	g.k.Render(rw, pages, name, p, kernel.Page{Status: http.StatusOK})
}

// getSMS is the inbox as JSON.
func (g *Inbox) getSMS(rw http.ResponseWriter, r *http.Request) {
	kernel.WriteJSON(rw, http.StatusOK, map[string]any{"messages": g.Messages(strings.TrimSpace(r.URL.Query().Get("phone")))})
}
