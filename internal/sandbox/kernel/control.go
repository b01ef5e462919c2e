package kernel

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// ServeControl serves the strings behind the stage, as JSON: the verbs of every party, and those given. docs/sandbox.md
// lists them as curl commands. A page of another site cannot change anything.
func (k *Kernel) ServeControl(verbs ...Verb) http.Handler {
	mux := http.NewServeMux()
	for _, p := range k.parties {
		verbs = append(verbs, p.Control...)
	}
	calls := []string{}
	for _, v := range verbs {
		mux.HandleFunc(v.Pattern, v.Do)
		if v.Help == "" {
			v.Help = v.Pattern
		}
		if !slices.Contains(calls, v.Help) { // PUT and PATCH share a line
			calls = append(calls, v.Help)
		}
	}
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, _ *http.Request) {
		WriteJSON(rw, http.StatusOK, map[string]any{"warning": "NOT FOR PRODUCTION", "calls": calls})
	})
	return k.Guarded(mux)
}

// verbs are the kernel's own.
func (k *Kernel) verbs() []Verb {
	return []Verb{
		{Pattern: "GET /ledger", Help: "GET /ledger?kind=&key=&after=", Do: k.getLedger},
		{Pattern: "GET /requests", Do: func(rw http.ResponseWriter, _ *http.Request) { WriteJSON(rw, http.StatusOK, k.Requests()) }},
		{Pattern: "POST /settle", Do: func(rw http.ResponseWriter, _ *http.Request) {
			k.Settle()
			WriteJSON(rw, http.StatusOK, map[string]time.Time{"now": k.Now()})
		}},
	}
}

// getLedger filters by kind, key and a sequence number to start after.
func (k *Kernel) getLedger(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	after := 0
	if s := q.Get("after"); s != "" {
		var err error
		if after, err = strconv.Atoi(s); err != nil {
			WriteError(rw, fmt.Errorf("%w: after %q", ErrInvalid, s))
			return
		}
	}
	effects := []Effect{}
	for _, e := range k.Ledger() {
		if e.Seq > after && (q.Get("kind") == "" || string(e.Kind) == q.Get("kind")) && (q.Get("key") == "" || e.Key == q.Get("key")) {
			effects = append(effects, e)
		}
	}
	WriteJSON(rw, http.StatusOK, map[string]any{"effects": effects})
}

// PutOrPatch decodes a body over the value that update hands out: PUT begins with start, PATCH with what is there.
func PutOrPatch[T any](rw http.ResponseWriter, r *http.Request, start T, update func(change func(*T)) error) error {
	body, err := ReadBody(rw, r)
	if err != nil {
		return err
	}
	// Decoded twice: once to refuse it as a whole before anything changes.
	if err := DecodeStrictly(body, new(T)); err != nil {
		return err
	}
	var failed error
	err = update(func(v *T) {
		if r.Method == http.MethodPut {
			*v = start
		}
		failed = DecodeStrictly(body, v)
	})
	return errors.Join(failed, err)
}
