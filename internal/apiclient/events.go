package apiclient

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// silence is how long a stream may be silent: the API sends a comment every 15 seconds.
const silence = 45 * time.Second

// patience is how long Follow tries to reach an API that has gone.
const patience = 2 * time.Minute

// Event is news of a signing or a registration; exactly one of the three is set.
type Event struct {
	Transition *Transition
	Countdown  *Countdown
	Attention  *AttentionEvent
	Data       Raw // as it came
}

// AttentionEvent says that a process was parked or goes on.
type AttentionEvent struct {
	Open bool `json:"open"`
	Attention
}

// ErrLost says that the stream broke and could not be taken up again.
var ErrLost = errors.New("the connection to the API is lost")

// Follow follows a signing; see follow.
func (c *Client) Follow(ctx context.Context, id string, after int, on func(Event) error) error {
	return c.follow(ctx, signingPath(id), after, on)
}

// FollowRegistration follows a registration; see follow.
func (c *Client) FollowRegistration(ctx context.Context, id string, after int, on func(Event) error) error {
	return c.follow(ctx, registrationPath(id), after, on)
}

// follow calls on for every transition with a seq above after, in order and once, and for countdowns and incidents
// between. It returns nil after a final transition, on's error when it has one, and takes a broken stream up again
// where it was.
func (c *Client) follow(ctx context.Context, path string, after int, on func(Event) error) error {
	last, wait := time.Now(), firstWait
	for {
		stream := &eventReader{after: after, on: on}
		err := c.readEvents(ctx, path, stream)
		if stream.after > after || stream.alive {
			last, wait = time.Now(), firstWait
		}
		after = stream.after
		switch {
		case stream.final || stream.stopped != nil:
			return stream.stopped
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !transient(err) && !errors.Is(err, errCut):
			return err
		case time.Since(last) > patience:
			return errors.Join(ErrLost, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, maxWait)
	}
}

// errCut says that a stream ended before a final transition.
var errCut = errors.New("event stream cut")

func (c *Client) readEvents(ctx context.Context, path string, stream *eventReader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := c.request(ctx, http.MethodGet, path+"/events", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Last-Event-ID", strconv.Itoa(stream.after))
	resp, err := c.http().Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // nothing is lost: the next stream begins after the last event
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNoContent:
		stream.final = true
		return nil
	default:
		return errorOf(resp)
	}
	scanner := bufio.NewScanner(resp.Body)
	scanner.Buffer(nil, 1<<20)
	silent := time.AfterFunc(silence, cancel)
	defer silent.Stop()
	for scanner.Scan() {
		silent.Reset(silence)
		stream.alive = true
		if err := stream.line(scanner.Text()); err != nil || stream.final || stream.stopped != nil {
			return err
		}
	}
	return errors.Join(errCut, scanner.Err())
}

// eventReader puts the lines of an event stream together (WHATWG HTML, 9.2.6).
type eventReader struct {
	after   int
	on      func(Event) error
	name    string
	data    string
	alive   bool
	final   bool
	stopped error // what on returned
}

func (r *eventReader) line(line string) error {
	field, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch {
	case line == "":
		err := r.dispatch()
		r.name, r.data = "", ""
		return err
	case field == "event":
		r.name = value
	case field == "data":
		r.data += value
	}
	return nil
}

// dispatch hands one event on. Events of unknown names are passed over: a newer API may send more.
func (r *eventReader) dispatch() error {
	event := Event{Data: Raw(r.data)}
	var err error
	switch r.name {
	case "transition":
		event.Transition = &Transition{}
		err = json.Unmarshal(event.Data, event.Transition)
	case "countdown":
		event.Countdown = &Countdown{}
		err = json.Unmarshal(event.Data, event.Countdown)
	case "attention":
		event.Attention = &AttentionEvent{}
		err = json.Unmarshal(event.Data, event.Attention)
	default:
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading a %s event: %w", r.name, err)
	}
	if t := event.Transition; t != nil {
		if t.Seq <= r.after {
			return nil
		}
		r.after, r.final = t.Seq, t.Final
	}
	r.stopped = r.on(event)
	return nil
}
