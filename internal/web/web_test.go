package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// build is what make web leaves.
var build = fstest.MapFS{
	"manifest.json":    {Data: []byte(`{"home":"home-1.js","sign":"sign-1.js","app":"app-1.css"}`)},
	"sign-1.js":        {Data: []byte("import './x'")},
	"app-1.css":        {Data: []byte("a{}")},
	"worker-1.mjs":     {Data: []byte("w")},
	"wasm/decode.wasm": {Data: []byte("\x00asm")},
	"font-1.woff2":     {Data: []byte("f")},
	".gitkeep":         {},
}

// ask asks the routes as the API serves them; headers come as pairs.
func ask(t *testing.T, routes map[string]http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, handler := range routes {
		mux.Handle(pattern, handler)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

func TestShells(t *testing.T) {
	for _, c := range []struct {
		headers    []string
		lang, word string
	}{
		{nil, "vi", "Ký văn bản · kyso"},
		{[]string{"Accept-Language", "en-GB,en;q=0.9,vi;q=0.8"}, "en", "Sign documents · kyso"},
		{[]string{"Accept-Language", "fr-FR,vi;q=0.8,en;q=0.5"}, "vi", "Ký văn bản · kyso"},
		{[]string{"Accept-Language", "en", "Cookie", "kyso-lang=vi"}, "vi", "Ký văn bản · kyso"},
		{[]string{"Cookie", "kyso-lang=<script>"}, "vi", "Ký văn bản · kyso"},
	} {
		got := ask(t, routes(build), "/sign/some-id", c.headers...)
		page := got.Body.String()
		for _, want := range []string{`<html lang="` + c.lang + `"`, c.word, `src="/assets/sign-1.js"`, `href="/assets/app-1.css"`, `aria-current="page"`} {
			if !strings.Contains(page, want) {
				t.Errorf("%v: the page lacks %s", c.headers, want)
			}
		}
		policy := got.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe-inline") || strings.Contains(policy, "'unsafe-eval'") || strings.Contains(policy, "http") {
			t.Errorf("policy %s", policy)
		}
	}
	if got := ask(t, routes(build), "/nothing"); got.Code != http.StatusNotFound {
		t.Errorf("an unknown page: %d", got.Code)
	}
}

// TestAMissingPage says so in the reader's language, with a way on and without a script.
func TestAMissingPage(t *testing.T) {
	for lang, want := range map[string]string{"vi": "<h1>Không tìm thấy trang này</h1>", "en": "<h1>There is no such page</h1>"} {
		for _, files := range []fstest.MapFS{build, {".gitkeep": {}}} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/sing", nil)
			r.Header.Set("Cookie", "kyso-lang="+lang)
			got := httptest.NewRecorder()
			newSite(files).shell(missing).ServeHTTP(got, r)
			page := got.Body.String()
			if got.Code != http.StatusNotFound || !strings.Contains(page, want) || !strings.Contains(page, `href="/"`) || strings.Contains(page, "<script") || strings.Contains(page, "<noscript") {
				t.Errorf("in %s: %d %s", lang, got.Code, page)
			}
		}
	}
}

// Every page is reached under its path and has a name in both languages.
func TestEveryPage(t *testing.T) {
	for _, path := range []string{"/", "/sign", "/sign/x", "/register", "/register/x", "/verify", "/resume", "/officer", "/officer/x", "/ops", "/ops/x"} {
		for lang, other := range map[string]string{"vi": "English", "en": "Tiếng Việt"} {
			got := ask(t, routes(build), path, "Cookie", "kyso-lang="+lang)
			if got.Code != http.StatusOK || !strings.Contains(got.Body.String(), other) {
				t.Errorf("%s in %s: %d", path, lang, got.Code)
			}
		}
	}
}

func TestChoosingALanguage(t *testing.T) {
	for path, target := range map[string]string{
		"/sign?lang=en": "/sign", "/register?token=t&lang=vi": "/register?token=t", "/sign/a%2Fb?lang=en": "/sign/a/b",
	} {
		got := ask(t, routes(build), path)
		cookie := got.Header().Get("Set-Cookie")
		if got.Code != http.StatusSeeOther || got.Header().Get("Location") != target || !strings.Contains(cookie, "kyso-lang=") || !strings.Contains(cookie, "HttpOnly") {
			t.Errorf("%s: %d to %q, cookie %q", path, got.Code, got.Header().Get("Location"), cookie)
		}
	}
	if got := ask(t, routes(build), "/sign?lang=fr"); got.Code != http.StatusOK || got.Header().Get("Set-Cookie") != "" {
		t.Errorf("another language: %d, cookie %q", got.Code, got.Header().Get("Set-Cookie"))
	}
}

func TestAssets(t *testing.T) {
	for path, want := range map[string]string{
		"/assets/sign-1.js": "text/javascript; charset=utf-8", "/assets/app-1.css": "text/css; charset=utf-8", "/assets/worker-1.mjs": "text/javascript; charset=utf-8",
		"/assets/wasm/decode.wasm": "application/wasm", "/assets/font-1.woff2": "font/woff2",
	} {
		got := ask(t, routes(build), path)
		if got.Code != http.StatusOK || got.Header().Get("Content-Type") != want || !strings.Contains(got.Header().Get("Cache-Control"), "public") {
			t.Errorf("%s: %d, %v", path, got.Code, got.Header())
		}
	}
	for _, path := range []string{"/assets/manifest.json", "/assets/.gitkeep", "/assets/none.js", "/assets/wasm", "/assets/..%2Fweb.go", "/assets/"} {
		if got := ask(t, routes(build), path); got.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.Code)
		}
	}
}

// TestAssetsAreCompressed: a browser gets the smallest form that it takes, with the type of what it is.
func TestAssetsAreCompressed(t *testing.T) {
	files := fstest.MapFS{"manifest.json": {Data: []byte(`{}`)}, "a-1.js": {Data: []byte("plain")}, "a-1.js.br": {Data: []byte("b")}, "a-1.js.gz": {Data: []byte("gz")},
		"b-1.css": {Data: []byte("plain")}, "b-1.css.gz": {Data: []byte("gz")}, "c-1.woff2": {Data: []byte("plain")}}
	for _, c := range []struct{ path, takes, encoding, body string }{
		{"a-1.js", "gzip, deflate, br, zstd", "br", "b"}, {"a-1.js", "GZIP;q=0.5", "gzip", "gz"}, {"a-1.js", "br;q=0, gzip", "gzip", "gz"},
		{"a-1.js", "br; q=0.000", "", "plain"}, {"a-1.js", "br;q=0.001", "br", "b"}, {"a-1.js", "", "", "plain"}, {"a-1.js", "identity, brotli", "", "plain"},
		{"b-1.css", "br, gzip", "gzip", "gz"}, {"b-1.css", "br", "", "plain"}, {"c-1.woff2", "br, gzip", "", "plain"},
	} {
		got := ask(t, routes(files), "/assets/"+c.path, "Accept-Encoding", c.takes)
		h := got.Header()
		if got.Code != http.StatusOK || h.Get("Content-Encoding") != c.encoding || got.Body.String() != c.body || h.Get("Vary") != "Accept-Encoding" ||
			strings.Contains(h.Get("Content-Type"), "gzip") || h.Get("Content-Type") == "application/octet-stream" {
			t.Errorf("%s for %q: %d %q, %v", c.path, c.takes, got.Code, got.Body, h)
		}
	}
	for _, path := range []string{"/assets/a-1.js.br", "/assets/a-1.js.gz"} {
		if got := ask(t, routes(files), path); got.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.Code)
		}
	}
}

// Without a build every page says how to make one, and loads nothing.
func TestWithoutABuild(t *testing.T) {
	for _, files := range []fstest.MapFS{{".gitkeep": {}}, {"manifest.json": {Data: []byte("{")}}} {
		for lang, want := range map[string]string{"vi": "Hãy chạy <code>make web</code>", "en": "Run <code>make web</code>"} {
			page := ask(t, routes(files), "/", "Cookie", "kyso-lang="+lang).Body.String()
			if !strings.Contains(page, want) || strings.Contains(page, "<script") || strings.Contains(page, "/assets/") {
				t.Errorf("in %s: %s", lang, page)
			}
		}
	}
}
