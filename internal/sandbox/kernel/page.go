package kernel

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
)

//go:embed phone
var look embed.FS

// Policy is the Content-Security-Policy of every page: it loads nothing from anywhere else, and cannot be framed.
const Policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'"

// PolicyTo is Policy for a page whose forms lead on to another address. Browsers hold the redirect after a form against
// form-action, too.
func PolicyTo(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || strings.ContainsAny(u.Host, "; ,'\"") {
		return Policy
	}
	return strings.Replace(Policy, "form-action 'self'", "form-action 'self' "+u.Scheme+"://"+u.Host, 1)
}

// PhonePages parses pages that lie on a phone: they have "head" and "foot" for their frame.
func PhonePages(files fs.FS, pattern string, funcs template.FuncMap) *template.Template {
	frame := template.Must(template.New("phone").Funcs(funcs).ParseFS(look, "phone/frame.html"))
	return template.Must(frame.ParseFS(files, pattern))
}

// ServeLook serves the style sheet that all pages share, below a path.
func ServeLook(mux *http.ServeMux, below string) {
	mux.HandleFunc("GET "+below+"/phone.css", func(rw http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(rw, r, look, "phone/phone.css")
	})
}

// Page is one page to be written.
type Page struct {
	Status   int
	Policy   string // Policy when empty
	Referrer string // Referrer-Policy, if any
}

// Render writes a template as a page.
func (k *Kernel) Render(rw http.ResponseWriter, pages *template.Template, name string, data any, p Page) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		k.Log.Error("rendering failed", "pages", pages.Name(), "page", name, "error", err)
		http.Error(rw, "rendering failed", http.StatusInternalServerError)
		return
	}
	if p.Policy == "" {
		p.Policy = Policy
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.Header().Set("Content-Security-Policy", p.Policy)
	if p.Referrer != "" {
		rw.Header().Set("Referrer-Policy", p.Referrer)
	}
	rw.WriteHeader(p.Status)
	_, _ = rw.Write(b.Bytes()) // the client is gone; nothing to do about it
}
