package api_test

import (
	"bufio"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"kyso/internal/api"
	"kyso/internal/problem"
)

func TestUploadAndDownload(t *testing.T) {
	b := newBench(t)
	name := "Hợp đồng số 7.pdf"
	got := b.do(http.MethodPost, "/v1/documents?name="+url.QueryEscape(name), pdf, "Content-Type", "application/pdf")
	wantStatus(t, got, http.StatusCreated)
	var doc api.DocumentBody
	got.into(t, &doc)
	if doc.Name != name || doc.Size != int64(len(pdf)) || len(doc.SHA256) != 64 || got.header.Get("Location") != doc.Self {
		t.Errorf("got %s with Location %q", got.body, got.header.Get("Location"))
	}
	var again api.DocumentBody
	b.get(doc.Self).into(t, &again)
	if again != doc {
		t.Errorf("shown as %+v, created as %+v", again, doc)
	}

	file := b.get(doc.Self + "/content")
	wantStatus(t, file, http.StatusOK)
	if string(file.body) != pdf || file.header.Get("Content-Type") != "application/pdf" || file.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got %q with %v", file.body, file.header)
	}
	kind, params, err := mime.ParseMediaType(file.header.Get("Content-Disposition"))
	if err != nil || kind != "attachment" || params["filename"] != name {
		t.Errorf("disposition %q: %v %v", file.header.Get("Content-Disposition"), params, err)
	}

	part := b.get(doc.Self+"/content", "Range", "bytes=1-3")
	wantStatus(t, part, http.StatusPartialContent)
	if string(part.body) != "PDF" {
		t.Errorf("range is %q", part.body)
	}
	wantStatus(t, b.get(doc.Self+"/content", "If-None-Match", file.header.Get("ETag")), http.StatusNotModified)
	for _, bad := range []string{"bytes=999-", "bytes=5-2", "x"} {
		b.wantProblem(b.get(doc.Self+"/content", "Range", bad), http.StatusRequestedRangeNotSatisfiable, problem.Invalid)
	}
	wantStatus(t, b.get(doc.Self+"/content", "Range", "bytes=0-0,1-1"), http.StatusOK)
	wantStatus(t, b.do(http.MethodHead, doc.Self+"/content", ""), http.StatusOK)
	b.wantProblem(b.get("/v1/documents/none"), http.StatusNotFound, problem.NotFound)
	b.wantProblem(b.get("/v1/documents/none/content"), http.StatusNotFound, problem.NotFound)
}

func TestUploadNames(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct{ query, disposition, want string }{
		{"", "", "document.pdf"},
		{"a.pdf", `attachment; filename="b.pdf"`, "a.pdf"},
		{"", `attachment; filename="b.pdf"`, "b.pdf"},
		{"", `attachment; filename="x.pdf"; filename*=UTF-8''%C4%90%C6%A1n.pdf`, "Đơn.pdf"},
		{"../../etc/passwd", "", "passwd"},
		{`C:\Users\a\b.pdf`, "", "b.pdf"},
		{"..", "", "document.pdf"},
		{"a\x00b\r\n.pdf", "", "ab.pdf"},
		{"gnp.\u202efdp.exe", "", "gnp.fdp.exe"},
		{"Ho\u031b\u0323p.pdf", "", "Hợp.pdf"},                                     // decomposed
		{strings.Repeat("đ", 300) + ".pdf", "", strings.Repeat("đ", 125) + ".pdf"}, // 255 bytes at most
	} {
		headers := []string{"Content-Type", "application/pdf"}
		if c.disposition != "" {
			headers = append(headers, "Content-Disposition", c.disposition)
		}
		got := b.do(http.MethodPost, "/v1/documents?name="+url.QueryEscape(c.query), pdf, headers...)
		wantStatus(t, got, http.StatusCreated)
		var doc api.DocumentBody
		got.into(t, &doc)
		if doc.Name != c.want {
			t.Errorf("name %q, disposition %q: stored as %q, want %q", c.query, c.disposition, doc.Name, c.want)
		}
	}
}

func TestUploadRefusals(t *testing.T) {
	b := newBench(t, func(o *api.Options) { o.Limits.UploadBytes = 100 })
	post := func(body string, headers ...string) answer {
		return b.do(http.MethodPost, "/v1/documents", body, headers...)
	}
	b.wantProblem(post("no pdf"), http.StatusUnprocessableEntity, problem.DocumentBroken)
	b.wantProblem(post(pdf, "Content-Type", "text/html"), http.StatusUnsupportedMediaType, problem.Invalid)
	b.wantProblem(post(pdf+strings.Repeat("x", 100)), http.StatusRequestEntityTooLarge, problem.TooLarge)

	// The same without a Content-Length, so that only the counting reader can notice.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.server.URL+"/v1/documents",
		bufio.NewReader(strings.NewReader(pdf+strings.Repeat("x", 100))))
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = -1
	b.wantProblem(b.send(req), http.StatusRequestEntityTooLarge, problem.TooLarge)
	if n := b.files.count(); n != 0 {
		t.Errorf("%d files kept", n)
	}
}

func TestUploadCutOffIsNotStored(t *testing.T) {
	b := newBench(t)
	conn, err := net.Dial("tcp", b.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /v1/documents HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n%s", adminKey, pdf)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestTimeout || b.files.count() != 0 {
		t.Errorf("status %d, %d files kept", resp.StatusCode, b.files.count())
	}
}
