// Package web serves kyso's pages: HTML shells in two languages, and the scripts, styles and fonts that "make web" has
// built into dist. A page is a client of the API on its own origin and of nothing else; nothing is loaded from another
// host. Without a build the pages say how to make one, and the API works without it.
//
// It may import nothing of this module.
package web

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed all:dist
var built embed.FS

//go:embed shell.html
var shellHTML string

var shellTemplate = template.Must(template.New("shell").Parse(shellHTML))

// page is one entry of the site.
type page struct {
	name     string // of the script
	patterns []string
	titleVI  string
	titleEN  string
}

// pages lists every page; what stands behind a path is the script's affair.
var pages = []page{
	{"home", []string{"GET /{$}"}, "Ký số từ xa", "Remote signing"},
	{"sign", []string{"GET /sign", "GET /sign/{id}"}, "Ký văn bản", "Sign documents"},
	{"register", []string{"GET /register", "GET /register/{id}"}, "Đăng ký chứng thư chữ ký số", "Register a certificate"},
	{"verify", []string{"GET /verify"}, "Kiểm tra chữ ký số", "Verify signatures"},
	{"resume", []string{"GET /resume"}, "Tiếp tục", "Go on"},
	{"login", []string{"GET /login"}, "Đăng nhập", "Log in"},
	{"me", []string{"GET /me"}, "Hồ sơ và văn bản của tôi", "My registrations and documents"},
	{"officer", []string{"GET /officer", "GET /officer/{id}"}, "Thẩm định hồ sơ", "Review"},
	{"ops", []string{"GET /ops", "GET /ops/{id}"}, "Vận hành", "Operations"},
}

// missing is shown for an address that none of them has. It has no script.
var missing = page{name: "missing", titleVI: "Không tìm thấy trang này", titleEN: "There is no such page"}

// menu is what the header of every page offers.
var menu = []struct{ Path, VI, EN string }{
	{"/sign", "Ký văn bản", "Sign"},
	{"/register", "Đăng ký chứng thư số", "Register"},
	{"/verify", "Kiểm tra chữ ký", "Verify"},
}

// Routes returns the handlers of all pages by their pattern of net/http.ServeMux.
func Routes() map[string]http.Handler {
	files, err := fs.Sub(built, "dist")
	if err != nil {
		panic("web: " + err.Error()) // the name is a constant
	}
	return routes(files)
}

// Missing returns the handler of an address that has no page: 404, in words of people.
func Missing() http.Handler {
	files, err := fs.Sub(built, "dist")
	if err != nil {
		panic("web: " + err.Error()) // the name is a constant
	}
	return newSite(files).shell(missing)
}

func newSite(files fs.FS) *site {
	s := &site{files: files}
	if raw, err := fs.ReadFile(files, "manifest.json"); err == nil {
		_ = json.Unmarshal(raw, &s.manifest) // a broken build is no build
	}
	return s
}

func routes(files fs.FS) map[string]http.Handler {
	s := newSite(files)
	out := map[string]http.Handler{"GET /assets/{file...}": http.HandlerFunc(s.asset)}
	for _, p := range pages {
		for _, pattern := range p.patterns {
			out[pattern] = s.shell(p)
		}
	}
	return out
}

type site struct {
	files    fs.FS
	manifest map[string]string
}

// policy is the Content-Security-Policy of the pages. Scripts and styles are files of ours, none inline. pdf.js draws
// with styles that it sets through the object model, loads embedded fonts from memory, and decodes some images with
// WebAssembly.
var policy = strings.Join([]string{
	"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "style-src 'self'", "font-src 'self' data: blob:", "img-src 'self' data: blob:",
	"connect-src 'self'", "worker-src 'self' blob:", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'",
}, "; ")

// shellData is what the template shows.
type shellData struct {
	Lang, Title, Page, Script, Style, Path, OtherLang string
	Menu                                              []menuItem
	English, Missing                                  bool
}

type menuItem struct {
	Path, Text string
	Current    bool
}

func (s *site) shell(p page) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if chosen := r.URL.Query().Get("lang"); chosen == "vi" || chosen == "en" {
			s.choose(w, r, chosen)
			return
		}
		lang := language(r)
		data := shellData{Lang: lang, Page: p.name, Script: s.manifest[p.name], Style: s.manifest["app"], Path: r.URL.Path,
			English: lang == "en", Missing: p.name == missing.name, Title: p.titleVI, OtherLang: "en"}
		if data.English {
			data.Title, data.OtherLang = p.titleEN, "vi"
		}
		for _, m := range menu {
			item := menuItem{Path: m.Path, Text: m.VI, Current: r.URL.Path == m.Path || strings.HasPrefix(r.URL.Path, m.Path+"/")}
			if data.English {
				item.Text = m.EN
			}
			data.Menu = append(data.Menu, item)
		}
		s.render(w, data)
	})
}

func (s *site) render(w http.ResponseWriter, data shellData) {
	var out bytes.Buffer
	if err := shellTemplate.Execute(&out, data); err != nil {
		http.Error(w, "template: "+err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Cookie, Accept-Language")
	if data.Missing {
		w.WriteHeader(http.StatusNotFound)
	}
	_, _ = w.Write(out.Bytes()) // the peer may be gone
}

const languageCookie = "kyso-lang"

// choose keeps the language and leads back to the page without the parameter. What stands after # stays in the browser.
func (s *site) choose(w http.ResponseWriter, r *http.Request, lang string) {
	//nolint:gosec // it holds a language and no secret
	http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: lang, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil})
	query := r.URL.Query()
	query.Del("lang")
	target := path.Clean("/" + r.URL.Path) // never //host
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusSeeOther)
}

// language is the chosen one, else English for browsers that ask for it before Vietnamese, else Vietnamese.
func language(r *http.Request) string {
	if c, err := r.Cookie(languageCookie); err == nil && (c.Value == "en" || c.Value == "vi") {
		return c.Value
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		switch tag := strings.ToLower(strings.TrimSpace(part)); {
		case strings.HasPrefix(tag, "vi"):
			return "vi"
		case strings.HasPrefix(tag, "en"):
			return "en"
		}
	}
	return "vi"
}

// asset serves a built file, as small as the browser takes it. Names with a hash never change their content.
func (s *site) asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	data, err := fs.ReadFile(s.files, name)
	if err != nil || name == "manifest.json" || name == ".gitkeep" || packed(name) {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", contentType(name))
	h.Set("Content-Security-Policy", policy) // the worker's own
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(name, "/") { // data of pdf.js: named by its version, not by its content
		h.Set("Cache-Control", "public, max-age=86400")
	}
	for _, e := range encodings {
		if small, err := fs.ReadFile(s.files, name+e.ending); err == nil && accepts(r, e.name) {
			h.Set("Content-Encoding", e.name)
			data = small
			break
		}
	}
	_, _ = w.Write(data) //nolint:gosec // a built file of ours; the peer may be gone
}

// encodings are what the build compresses with, the smaller first.
var encodings = []struct{ name, ending string }{{"br", ".br"}, {"gzip", ".gz"}}

// packed reports whether a built file is another one compressed.
func packed(name string) bool {
	return strings.HasSuffix(name, ".br") || strings.HasSuffix(name, ".gz")
}

// accepts reports whether a request takes an encoding (RFC 9110, section 12.5.3); one with q=0 is refused.
func accepts(r *http.Request, encoding string) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, quality, _ := strings.Cut(strings.ToLower(strings.TrimSpace(part)), ";")
		if strings.TrimSpace(name) == encoding {
			q, found := strings.CutPrefix(strings.ReplaceAll(quality, " ", ""), "q=")
			return !found || strings.Trim(q, "0.") != ""
		}
	}
	return false
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".mjs", ".js":
		return "text/javascript; charset=utf-8"
	case ".wasm":
		return "application/wasm"
	case ".woff2":
		return "font/woff2"
	case ".woff":
		return "font/woff"
	}
	if known := mime.TypeByExtension(path.Ext(name)); known != "" {
		return known
	}
	return "application/octet-stream"
}
