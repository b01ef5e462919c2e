package apiclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kyso/internal/apiclient"
	"kyso/internal/problem"
)

func serve(t *testing.T, handler http.HandlerFunc) *apiclient.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &apiclient.Client{BaseURL: server.URL + "/"}
}

func refuse(w http.ResponseWriter, status int, code problem.Code, retry string) {
	if retry != "" {
		w.Header().Set("Retry-After", retry)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"status":%d,"code":%q,"title":"vi","title_en":"en","detail":"why","request_id":"r","errors":[{"location":"body.x","message":"m"}]}`, status, code)
}

func TestFaultsAreTriedAgainWithTheSameKey(t *testing.T) {
	var keys []string
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		keys = append(keys, r.Header.Get("Idempotency-Key")+" "+string(body))
		switch len(keys) {
		case 1:
			conn, _, err := w.(http.Hijacker).Hijack() // the answer is lost
			if err == nil {
				_ = conn.Close()
			}
		case 2:
			refuse(w, http.StatusServiceUnavailable, problem.ProviderUnavailable, "1")
		default:
			_, _ = io.WriteString(w, `{"id":"s","status":"cancelled","x_unknown":1}`)
		}
	})
	status, raw, err := client.Cancel(t.Context(), "k", "s", "op", "why")
	if err != nil || status.Status != "cancelled" || !strings.Contains(string(raw), "x_unknown") {
		t.Fatalf("%+v, %s, %v", status, raw, err)
	}
	if len(keys) != 3 || keys[0] != keys[1] || keys[1] != keys[2] || !strings.HasPrefix(keys[0], "k {") {
		t.Errorf("requests %q", keys)
	}
}

func TestRefusalsAreNotTriedAgain(t *testing.T) {
	var calls atomic.Int32
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		refuse(w, http.StatusConflict, problem.Conflict, "")
	})
	_, _, err := client.Cancel(t.Context(), "k", "s", "op", "why")
	var answered *apiclient.Error
	if !errors.As(err, &answered) || problem.CodeOf(err) != problem.Conflict || answered.Title != "vi" || len(answered.Errors) != 1 || calls.Load() != 1 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
}

func TestAnswerOfSomethingElse(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>proxy", http.StatusForbidden) })
	_, _, err := client.Signing(t.Context(), "s")
	var answered *apiclient.Error
	if !errors.As(err, &answered) || answered.Status != http.StatusForbidden || strings.Contains(err.Error(), "<html>") {
		t.Errorf("%v", err)
	}
	client = serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") })
	if _, _, err := client.Signing(t.Context(), "s"); err == nil {
		t.Error("HTML was taken for a signing")
	}
}

func TestFollowTakesABrokenStreamUpAgain(t *testing.T) {
	var asked []string
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Last-Event-ID"))
		switch len(asked) {
		case 1: // cut in the middle of an event
			_, _ = io.WriteString(w, "retry: 1\n\nid: 1\nevent: transition\ndata: {\"seq\":1,\"status\":\"preparing\"}\n\nevent: countdown\ndata: {\"remaining_seconds\":9}\n\nid: 2\nevent: trans")
		case 2:
			refuse(w, http.StatusServiceUnavailable, problem.ProviderUnavailable, "")
		default: // one event comes again, one has a name of tomorrow
			_, _ = io.WriteString(w, ": still here\n\nid: 1\nevent: transition\ndata: {\"seq\":1,\"status\":\"preparing\"}\n\nevent: new\ndata: {}\n\n"+
				"event: attention\ndata: {\"open\":true,\"code\":\"internal\"}\n\nid: 2\nevent: transition\ndata: {\"seq\":2,\"status\":\"signed\",\"final\":true}\n\n")
		}
	})
	var got []string
	err := client.Follow(t.Context(), "s", 0, func(e apiclient.Event) error {
		switch {
		case e.Transition != nil:
			got = append(got, e.Transition.Status)
		case e.Countdown != nil:
			got = append(got, fmt.Sprint(e.Countdown.RemainingSeconds))
		case e.Attention != nil:
			got = append(got, e.Attention.Code)
		}
		return nil
	})
	if err != nil || strings.Join(got, " ") != "preparing 9 internal signed" || strings.Join(asked, " ") != "0 1 1" {
		t.Errorf("events %q, asked after %q, error %v", got, asked, err)
	}
}

func TestFollowEnds(t *testing.T) {
	gone := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	if err := gone.Follow(t.Context(), "s", 5, nil); err != nil {
		t.Errorf("after the end: %v", err)
	}
	unknown := serve(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, problem.NotFound, "") })
	if err := unknown.Follow(t.Context(), "s", 0, nil); problem.CodeOf(err) != problem.NotFound {
		t.Errorf("unknown: %v", err)
	}
	stop := errors.New("stop")
	one := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "id: 1\nevent: transition\ndata: {\"seq\":1}\n\n")
	})
	if err := one.Follow(t.Context(), "s", 0, func(apiclient.Event) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("stopped: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	cut := serve(t, func(http.ResponseWriter, *http.Request) {})
	if err := cut.Follow(ctx, "s", 0, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("given up: %v", err)
	}
}
