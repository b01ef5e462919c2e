package layers

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"kyso/internal/api/kernel"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// maxKeptAnswer is how many bytes of an answer are kept at most.
const maxKeptAnswer = 256 << 10

// idempotent makes every write with an Idempotency-Key happen once: the first answer is kept and given again. It
// stands on the store, so it also holds over restarts and between several processes.
//
// Faults of ours or of the network (5xx, 408, 429) are not final: the same key then runs the request again. That is
// safe because what a request creates is named by its key (see kernel.SigningID).
//
// An answer with a secret is kept for a quarter of an hour only, sealed as every answer is: long enough for a caller who lost it. After
// that the same key is refused, and never makes a second secret. What was made by a request that died before its answer was
// kept is named by its key as well (see kernel.MadeID): the retry finds it and gives a secret that works.
//
// Where a key cannot act it is refused, so that no caller relies on it: see kernel.KeyUse. It stands behind the authorisation:
// only a known caller leaves a row, and a key is its owner's, so the same one of two callers names two requests.
func (s *Layers) idempotent(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := kernel.InfoOf(r.Context()).Route
		use := kernel.KeyNeedless
		if at != nil {
			use = at.KeyUse()
		}
		if use == kernel.KeyActs && at.Creates != nil && !at.Creates(r) {
			use = kernel.KeyRefused
		}
		if use == kernel.KeyRefused && len(r.Header.Values(kernel.KeyHeader)) > 0 {
			kernel.WriteProblem(w, r, kernel.FieldErrors{{Location: "header." + kernel.KeyHeader, Message: "has no effect on this route, so it is refused: repeat the request without it"}})
			return
		}
		if kernel.IsRead(r.Method) || at != nil && at.Body == kernel.BodyOwn {
			next.ServeHTTP(w, r)
			return
		}
		body, err := s.bufferedBody(w, r)
		if err != nil {
			kernel.WriteProblem(w, r, err)
			return
		}
		keys, owner := r.Header.Values(kernel.KeyHeader), kernel.OwnerOf(r.Context())
		if len(keys) == 0 || owner == "" || use != kernel.KeyActs {
			next.ServeHTTP(w, r)
			return
		}
		key := keys[0]
		if len(keys) > 1 || !validKey(key) { // an empty one as well: its caller relies on it
			kernel.WriteProblem(w, r, kernel.FieldErrors{{Location: "header." + kernel.KeyHeader, Message: "one key of 1 to 255 visible ASCII characters"}})
			return
		}
		key = kernel.SecretDigest(owner + "\n" + key)
		r.Header.Set(kernel.KeyHeader, key) // what the handlers name things by
		s.once(w, r, key, requestDigest(r, body), next)
	})
}

// secretLife is how long an answer with a secret is kept.
const secretLife = 15 * time.Minute

// secretUntil is until when an answer of a route is kept because it holds a secret; zero for others.
func (s *Layers) secretUntil(at *kernel.Served) time.Time {
	if at.Secret {
		return s.Now().Add(secretLife)
	}
	return time.Time{}
}

// once runs the request unless an answer for its key is there already.
func (s *Layers) once(w http.ResponseWriter, r *http.Request, key, digest string, next http.Handler) {
	stored, err := s.remember(r.Context(), key, digest)
	switch {
	case err != nil:
		kernel.WriteProblem(w, r, err)
		return
	case stored != nil && kernel.Final(stored.Status):
		s.replay(w, r, stored)
		return
	}
	capture := &answerCapture{ResponseWriter: w, status: http.StatusOK}
	next.ServeHTTP(capture, r)
	if capture.dropped {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 5*time.Second)
	defer cancel()
	answer := signing.Answer{SecretUntil: s.secretUntil(kernel.InfoOf(r.Context()).Route), Status: capture.status, ContentType: w.Header().Get("Content-Type"), Body: capture.body.Bytes()}
	answer.About = s.aboutOf(r, answer)
	if err := s.Answers.Answered(ctx, key, answer); err != nil {
		s.Logger.ErrorContext(ctx, "keeping an idempotent answer", "request_id", kernel.InfoOf(ctx).ID, "error", err.Error())
	}
}

// aboutOf is the id of what an answer is about: of what the request made, else of what its path names.
func (s *Layers) aboutOf(r *http.Request, a signing.Answer) string {
	var made struct {
		ID           string `json:"id"`
		Registration string `json:"registration_id"`
	}
	info := kernel.InfoOf(r.Context())
	if named := kernel.ObjectID(info.Route.At, r.URL.Path); named != "" {
		return named
	}
	_ = json.Unmarshal(a.Body, &made) // one that is no object is about none
	return cmp.Or(made.ID, made.Registration, info.Object)
}

// remember waits a little while the first request with the key is still at work.
func (s *Layers) remember(ctx context.Context, key, digest string) (*signing.Answer, error) {
	deadline := time.Now().Add(s.Limits.IdempotencyWait)
	for {
		stored, err := s.Answers.Remember(ctx, key, digest)
		if problem.CodeOf(err) != problem.Conflict {
			return stored, err
		}
		if time.Now().After(deadline) {
			return nil, &problem.Error{Code: problem.Conflict, RetryAfter: time.Second,
				Message: "the first request with this idempotency key is still at work"}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// replay gives a kept answer again. The body of a repeated upload is hashed first: it must be the same file.
func (s *Layers) replay(w http.ResponseWriter, r *http.Request, stored *signing.Answer) {
	var resource struct {
		Self   string `json:"self"`
		SHA256 string `json:"sha256"`
		Kept   *struct {
			Self   string `json:"self"`
			SHA256 string `json:"sha256"`
		} `json:"kept"`
	}
	if !stored.SecretUntil.IsZero() && !s.Now().Before(stored.SecretUntil) {
		kernel.WriteProblem(w, r, problem.New(problem.Conflict, "this was done before under the same Idempotency-Key; its secret was shown then and is no longer kept"))
		return
	}
	if stored.Erased {
		kernel.WriteProblem(w, r, problem.New(problem.Erased, "this was done before under the same Idempotency-Key; its answer was erased with a person's data"))
		return
	}
	created := stored.Status < http.StatusMultipleChoices && json.Unmarshal(stored.Body, &resource) == nil
	if created && resource.Kept != nil {
		resource.Self, resource.SHA256 = resource.Kept.Self, resource.Kept.SHA256
	}
	if created && streamed(r) {
		sum := sha256.New()
		if _, err := io.Copy(sum, s.UploadBody(w, r)); err != nil {
			kernel.WriteProblem(w, r, err)
			return
		}
		if hex.EncodeToString(sum.Sum(nil)) != resource.SHA256 {
			kernel.WriteProblem(w, r, problem.New(problem.IdempotencyMismatch, "the key was used before for another file"))
			return
		}
	}
	if created && resource.Self != "" {
		w.Header().Set("Location", resource.Self)
	}
	if stored.ContentType != "" {
		w.Header().Set("Content-Type", stored.ContentType)
	}
	w.Header().Set(kernel.ReplayedHeader, "true")
	w.WriteHeader(stored.Status)
	_, _ = w.Write(stored.Body) //nolint:gosec // our own answer, kept as JSON; the peer may be gone
}

func validKey(key string) bool {
	if key == "" || len(key) > kernel.MaxKeyLength {
		return false
	}
	return !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' })
}

// requestDigest identifies equal requests. An upload is compared by its bytes on replay instead.
func requestDigest(r *http.Request, body []byte) string {
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%s\n%s\n%s\n", r.Method, r.URL.RequestURI(), r.Header.Get("Content-Disposition"))
	if streamed(r) {
		_, _ = fmt.Fprintf(sum, "%d\n", r.ContentLength)
	}
	_, _ = sum.Write(body)
	return hex.EncodeToString(sum.Sum(nil))
}

// streamed reports whether the body of a request is a file, which is never held in memory.
func streamed(r *http.Request) bool {
	at := kernel.InfoOf(r.Context()).Route
	return at != nil && at.Body == kernel.BodyFile
}

// bufferedBody reads a JSON body whole, with a limit and a deadline, and puts it back. An upload is left alone.
// The deadline is taken off again: left in place it would cancel the request's context while a handler works.
func (s *Layers) bufferedBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if streamed(r) {
		return nil, nil
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(s.Limits.Stall)) // a test's recorder has none
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.Limits.JSONBytes))
	if err != nil {
		return nil, kernel.BodyError(err)
	}
	_ = control.SetReadDeadline(time.Time{})
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, nil
}

// answerCapture passes an answer on and keeps a copy of it.
type answerCapture struct {
	http.ResponseWriter
	status  int
	body    bytes.Buffer
	dropped bool // too large to keep
}

// WriteHeader implements http.ResponseWriter.
func (c *answerCapture) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (c *answerCapture) Write(p []byte) (int, error) {
	if c.body.Len()+len(p) > maxKeptAnswer {
		c.dropped = true
	} else {
		c.body.Write(p)
	}
	return c.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (c *answerCapture) Unwrap() http.ResponseWriter { return c.ResponseWriter }
