package view

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"kyso/internal/api/kernel"
)

// reconnect is what a client is told to wait before it comes back after a cut.
const reconnect = 2 * time.Second

// EventsInput asks for the events of a process.
type EventsInput struct {
	ID     string `path:"id" maxLength:"64"`
	LastID int    `header:"Last-Event-ID" minimum:"0" doc:"Seq of the last transition seen; those after it follow"`
	After  int    `query:"after" minimum:"0" doc:"The same, for clients that cannot set the header"`
}

// Stream sends every transition once, in order, with its seq as event id, and ends after a final status. It reads the
// store, so it needs no worker and goes on over restarts of one; all who follow the process named by key share one look. A client that
// reconnects after the end is told so with 204, which stops the EventSource of a browser.
func (s *Views) Stream(ctx context.Context, in *EventsInput, key string, look look) (*huma.StreamResponse, error) {
	f, ready := s.hub.join(key, s.Limits.EventPoll, look)
	select {
	case <-ready:
	case <-ctx.Done():
		s.hub.leave(key, f)
		return nil, context.Cause(ctx)
	}
	stream := &eventStream{Kernel: s.Kernel, hub: &s.hub, followed: f, seen: max(in.LastID, in.After)}
	first, _, err := s.hub.state(f, stream.seen)
	if err != nil {
		s.hub.leave(key, f)
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer s.hub.leave(key, f)
		r, w := humago.Unwrap(hctx)
		if first.Final && len(first.Transitions) == 0 {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
		stream.r, stream.w, stream.control = r, w, http.NewResponseController(w)
		if err := stream.run(r.Context()); err != nil && r.Context().Err() == nil {
			s.Logger.WarnContext(r.Context(), "event stream cut", "request_id", kernel.InfoOf(r.Context()).ID, "error", err.Error())
		}
	}}, nil
}

// eventStream is one open stream.
type eventStream struct {
	*kernel.Kernel
	hub      *hub
	followed *followed
	r        *http.Request
	w        http.ResponseWriter
	control  *http.ResponseController

	seen      int       // seq of the last transition sent
	countdown time.Time // ExpiresAt of the countdown sent
	attention time.Time // Since of the attention sent
	quiet     time.Time // when something was last sent
	checked   time.Time // when it was last asked whether the caller may still listen
}

// run sends until the end, until the client goes or until the server stops.
func (e *eventStream) run(ctx context.Context) error {
	if err := e.write(fmt.Sprintf("retry: %d\n\n", reconnect.Milliseconds())); err != nil {
		return err
	}
	alive := time.NewTicker(e.Limits.KeepAlive)
	defer alive.Stop()
	for {
		now, news, err := e.hub.state(e.followed, e.seen)
		if err != nil {
			return err
		}
		if !e.maySee(ctx, now) {
			return nil
		}
		if err := e.report(ctx, now); err != nil {
			return err
		}
		if now.Final {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-kernel.Stopping(ctx):
			return nil
		case <-news:
		case <-alive.C:
		}
	}
}

// maySee asks again who listens before there is news, and now and again: a key may be revoked and a session may end while
// its stream is open. Listening is no use of a session, so it does not make one last longer.
func (e *eventStream) maySee(ctx context.Context, m Moment) bool {
	if len(m.Transitions) == 0 && time.Since(e.checked) < e.Limits.KeepAlive {
		return true
	}
	e.checked = time.Now()
	return e.Known(ctx, e.r) == nil
}

func (e *eventStream) report(ctx context.Context, m Moment) error {
	for _, t := range m.Transitions {
		if err := e.send("transition", t.Seq, t.Body); err != nil {
			return err
		}
		e.seen = t.Seq
	}
	if err := e.reportAttention(m.Attention(ctx)); err != nil {
		return err
	}
	return e.reportTime(m.Countdown())
}

// reportAttention tells when a process is parked and when it goes on.
func (e *eventStream) reportAttention(a *AttentionBody) error {
	var since time.Time
	if a != nil {
		since = a.Since
	}
	if since.Equal(e.attention) {
		return nil
	}
	e.attention = since
	return e.send("attention", 0, struct {
		Open bool `json:"open"`
		*AttentionBody
	}{a != nil, a})
}

// reportTime sends the countdown when it begins or changes and then now and again, so that a client corrects its
// clock. Without one, a comment keeps proxies from closing a quiet stream.
func (e *eventStream) reportTime(body *CountdownBody) error {
	due := time.Since(e.quiet) >= e.Limits.KeepAlive
	if body != nil && (due || !body.ExpiresAt.Equal(e.countdown)) {
		e.countdown = body.ExpiresAt
		return e.send("countdown", 0, body)
	}
	if !due {
		return nil
	}
	return e.write(": still here\n\n")
}

// send writes one event. Only transitions carry an id, so that Last-Event-ID always names one.
func (e *eventStream) send(name string, id int, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	idLine := ""
	if id > 0 {
		idLine = fmt.Sprintf("id: %d\n", id)
	}
	return e.write(fmt.Sprintf("%sevent: %s\ndata: %s\n\n", idLine, name, text))
}

func (e *eventStream) write(text string) error {
	if _, err := e.w.Write([]byte(text)); err != nil {
		return err
	}
	e.quiet = time.Now()
	return e.control.Flush()
}
