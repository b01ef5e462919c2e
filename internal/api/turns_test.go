package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kyso/internal/api"
	"kyso/internal/limit"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// visitor is a guest in a network.
type visitor struct {
	b       *testBench
	headers []string
}

func (b *testBench) visitor(address string) *visitor {
	b.t.Helper()
	v := &visitor{b: b, headers: []string{"Authorization", "", "X-Forwarded-For", address}}
	got := b.post("/v1/session", `{}`, v.headers...)
	wantStatus(b.t, got, http.StatusOK)
	cookie, _, _ := strings.Cut(got.header.Get("Set-Cookie"), ";")
	v.headers = append(v.headers, "Cookie", cookie)
	return v
}

func (v *visitor) do(method, path string, body io.Reader, headers ...string) answer {
	req, err := http.NewRequestWithContext(v.b.t.Context(), method, v.b.server.URL+path, body)
	must(v.b.t, err)
	return v.b.send(req, append(headers, v.headers...)...)
}

func (v *visitor) upload(body io.Reader) answer {
	return v.do(http.MethodPost, "/v1/documents?name=a.pdf", body, "Content-Type", "application/pdf")
}

func (v *visitor) document() string {
	var document api.DocumentBody
	v.upload(strings.NewReader(pdf)).into(v.b.t, &document)
	return document.ID
}

// wantBusy is an answer that says when to come again.
func (v *visitor) wantBusy(got answer) {
	v.b.t.Helper()
	v.b.wantProblem(got, http.StatusServiceUnavailable, problem.Busy)
	if got.header.Get("Retry-After") == "" {
		v.b.t.Error("busy, without Retry-After")
	}
}

// eventually calls done until it is true.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for " + what)
		}
	}
}

// One guest begins as many uploads, event streams and inspections as it can, and ends none. It is refused with a time, and
// a guest of another network is served meanwhile.
func TestOneGreedyGuestDoesNotStopOthers(t *testing.T) {
	var inspecting atomic.Int32
	release := make(chan struct{})
	b := newBench(t, pdfStub, func(o *api.Options) {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		o.Limits.Uploads, o.Limits.UploadsEach, o.Limits.Streams, o.Limits.StreamsEach = 4, 2, 8, 3
		o.Limits.Inspections, o.Limits.InspectionsEach, o.Limits.PlaceWait = 4, 2, 100*time.Millisecond
		o.PDF.Inspect = func(ctx context.Context, _ api.Source) (json.RawMessage, error) {
			if limit.AddressOf(ctx).String() == "203.0.113.7" {
				inspecting.Add(1)
				<-release
			}
			return json.RawMessage(`{}`), nil
		}
	})
	greedy, normal := b.visitor("203.0.113.7"), b.visitor("198.51.100.9")
	ofGreedy, ofNormal := greedy.document(), normal.document()
	answers := make(chan answer, 8)

	for range 2 {
		go func() {
			answers <- greedy.do(http.MethodGet, "/v1/documents/"+ofGreedy+"/inspection", nil)
		}()
	}
	eventually(t, "two inspections", func() bool { return inspecting.Load() == 2 })
	greedy.wantBusy(greedy.do(http.MethodGet, "/v1/documents/"+ofGreedy+"/inspection", nil))
	wantStatus(t, normal.do(http.MethodGet, "/v1/documents/"+ofNormal+"/inspection", nil), http.StatusOK)
	close(release)
	for range 2 {
		wantStatus(t, <-answers, http.StatusOK)
	}

	bodies := make([]*io.PipeWriter, 2)
	for i := range bodies {
		reader, writer := io.Pipe()
		bodies[i] = writer
		go func() { answers <- greedy.upload(reader) }()
		_, err := io.WriteString(writer, pdf[:9]) // returns when the server reads
		must(t, err)
	}
	eventually(t, "a refused upload", func() bool { return greedy.upload(strings.NewReader(pdf)).status == http.StatusServiceUnavailable })
	greedy.wantBusy(greedy.upload(strings.NewReader(pdf)))
	wantStatus(t, normal.upload(strings.NewReader(pdf)), http.StatusCreated)
	for _, body := range bodies {
		_, err := io.WriteString(body, pdf[9:])
		must(t, err)
		must(t, body.Close())
		wantStatus(t, <-answers, http.StatusCreated)
	}
	wantStatus(t, greedy.upload(strings.NewReader(pdf)), http.StatusCreated)

	signings := map[*visitor]string{greedy: greedy.signing("ICA.079095012345", ofGreedy), normal: normal.signing("ICA.079095012346", ofNormal)}
	ctx, hangUp := context.WithCancel(t.Context())
	for range 3 {
		b.follow(ctx, "/v1/signings/"+signings[greedy]+"/events", greedy.headers...)
	}
	greedy.wantBusy(greedy.do(http.MethodGet, "/v1/signings/"+signings[greedy]+"/events", nil))
	b.follow(ctx, "/v1/signings/"+signings[normal]+"/events", normal.headers...)
	hangUp()
	eventually(t, "a place of a stream that was left", func() bool {
		again, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(again, http.MethodGet, b.server.URL+"/v1/signings/"+signings[greedy]+"/events", nil)
		must(t, err)
		for i := 0; i < len(greedy.headers); i += 2 {
			req.Header.Set(greedy.headers[i], greedy.headers[i+1])
		}
		resp, err := b.server.Client().Transport.RoundTrip(req)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func (v *visitor) signing(user, document string) string {
	var made api.SigningBody
	v.do(http.MethodPost, "/v1/signings", strings.NewReader(`{"user":"`+user+`","documents":[{"id":"`+document+`"}]}`), "Content-Type", "application/json").into(v.b.t, &made)
	return made.ID
}

// Twenty callers of one network wait to have files read: none of them has a file open or holds a connection to the store, and
// others are answered.
func TestWhoWaitsForATurnHoldsNothing(t *testing.T) {
	var opened, reading atomic.Int32
	release := make(chan struct{})
	b := newBench(t, pdfStub, func(o *api.Options) {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		o.Limits.PlaceWait = time.Minute
		inside := func(_ context.Context, _ api.Source) (json.RawMessage, error) {
			reading.Add(1)
			<-release
			return json.RawMessage(`{}`), nil
		}
		open := o.Open
		o.Open = func(ctx context.Context, u signing.Upload) (api.Source, error) {
			opened.Add(1)
			return open(ctx, u)
		}
		o.PDF.Inspect, o.PDF.Verify = inside, inside
	})
	greedy, normal := b.visitor("203.0.113.7"), b.visitor("198.51.100.9")
	document, signed := greedy.document(), normal.signing("ICA.079095012346", normal.document())
	answers := make(chan answer, 20)
	for i := range cap(answers) {
		go func() {
			switch i % 3 {
			case 0:
				answers <- greedy.do(http.MethodGet, "/v1/documents/"+document+"/inspection", nil)
			case 1:
				answers <- greedy.do(http.MethodGet, "/v1/documents/"+document+"/verification", nil)
			default:
				answers <- greedy.do(http.MethodPost, "/v1/verifications", strings.NewReader(pdf), "Content-Type", "application/pdf")
			}
		}()
	}
	eventually(t, "two who read", func() bool { return reading.Load() == 2 })
	for range 10 {
		wantStatus(t, normal.do(http.MethodGet, "/v1/signings/"+signed, nil), http.StatusOK)
		wantStatus(t, normal.do(http.MethodGet, "/v1/signings", nil), http.StatusOK)
	}
	eventually(t, "no connection in use", func() bool { return b.store.DB.Stats().InUse == 0 })
	if n := opened.Load(); n > 2 {
		t.Errorf("%d files are open while 2 are read", n)
	}
	close(release)
	for range cap(answers) {
		wantStatus(t, <-answers, http.StatusOK)
	}
}
