package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Control serves the strings behind the stage, as JSON. docs/sandbox.md lists the calls as curl commands. A page
// of another site cannot change anything.
func (w *World) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, _ *http.Request) { writeJSON(rw, http.StatusOK, controlCalls) })
	mux.HandleFunc("GET /settings", func(rw http.ResponseWriter, _ *http.Request) { writeJSON(rw, http.StatusOK, w.Settings()) })
	mux.HandleFunc("PUT /settings", w.putSettings)
	mux.HandleFunc("PATCH /settings", w.putSettings)
	mux.HandleFunc("GET /users/{id}", w.getUser)
	mux.HandleFunc("PUT /users/{id}/knobs", w.putKnobs)
	mux.HandleFunc("PATCH /users/{id}/knobs", w.putKnobs)
	mux.HandleFunc("DELETE /users/{id}/knobs", w.deleteKnobs)
	mux.HandleFunc("POST /users/{id}/{act}", w.actForUser)
	mux.HandleFunc("POST /users/{id}/pin", w.putPIN)
	mux.HandleFunc("GET /vneid/{idNumber}", w.getCitizen)
	mux.HandleFunc("POST /vneid/{idNumber}/request", w.postVNeID)
	mux.HandleFunc("POST /certificates/{serial}/{act}", w.actOnCertificate)
	mux.HandleFunc("GET /payments", w.getPayments)
	mux.HandleFunc("POST /payments/{ref}/{act}", w.actOnPayment)
	mux.HandleFunc("GET /sms", w.getSMS)
	mux.HandleFunc("GET /ledger", w.getLedger)
	mux.HandleFunc("GET /requests", func(rw http.ResponseWriter, _ *http.Request) { writeJSON(rw, http.StatusOK, w.Requests()) })
	mux.HandleFunc("POST /settle", func(rw http.ResponseWriter, _ *http.Request) {
		w.Settle()
		writeJSON(rw, http.StatusOK, map[string]time.Time{"now": w.now()})
	})
	mux.HandleFunc("GET /trust.pem", w.getTrust)
	return w.marked(http.NewCrossOriginProtection().Handler(mux))
}

var controlCalls = map[string]any{
	"warning": "NOT FOR PRODUCTION",
	"calls": []string{
		"GET /settings", "PUT|PATCH /settings", "GET /users/{id}", "PUT|PATCH /users/{id}/knobs", "DELETE /users/{id}/knobs",
		"POST /users/{id}/approve|decline|ignore", "POST /users/{id}/pin?pin=", "GET /vneid/{idNumber}",
		"POST /vneid/{idNumber}/request", "POST /certificates/{serial}/revoke|suspend|restore", "GET /payments",
		"POST /payments/{ref}/pay|no-money|cancel|suspicious|settle-paid|settle-failed", "GET /sms?phone=",
		"GET /ledger?kind=&key=&after=", "GET /requests", "POST /settle", "GET /trust.pem",
	},
}

// decodeStrictly refuses unknown fields: a misspelt knob is an error, not a knob that does nothing.
func decodeStrictly(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

func readBody(rw http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return body, nil
}

// put decodes a body over the value that update hands out: PUT begins with start, PATCH with what is there.
func put[T any](rw http.ResponseWriter, r *http.Request, start T, update func(change func(*T)) error) error {
	body, err := readBody(rw, r)
	if err != nil {
		return err
	}
	// Decoded twice: once to refuse it as a whole before anything changes.
	if err := decodeStrictly(body, new(T)); err != nil {
		return err
	}
	var failed error
	err = update(func(v *T) {
		if r.Method == http.MethodPut {
			*v = start
		}
		failed = decodeStrictly(body, v)
	})
	return errors.Join(failed, err)
}

func (w *World) putSettings(rw http.ResponseWriter, r *http.Request) {
	if err := put(rw, r, w.startSettings(), w.UpdateSettings); err != nil {
		writeError(rw, err)
		return
	}
	writeJSON(rw, http.StatusOK, w.Settings())
}

// controlUser is a user as the control handler shows them.
type controlUser struct {
	ID           string               `json:"id"`
	Name         string               `json:"name"`
	Knobs        Knobs                `json:"knobs"`
	Certificates []controlCertificate `json:"certificates"`
	Waiting      []PhoneRequest       `json:"waiting"`
	Keys         []PhoneKey           `json:"keys"` // of the key service
}

type controlCertificate struct {
	Serial   string    `json:"serial_number"`
	Status   string    `json:"status"`
	Scheme   string    `json:"scheme"`
	NotAfter time.Time `json:"not_after"`
}

func (w *World) getUser(rw http.ResponseWriter, r *http.Request) {
	view, err := w.controlUser(r.PathValue("id"))
	if err != nil {
		writeError(rw, err)
		return
	}
	writeJSON(rw, http.StatusOK, view)
}

func (w *World) controlUser(id string) (controlUser, error) {
	p, ok := personOf(id)
	if !ok {
		return controlUser{}, fmt.Errorf("user %q: %w", id, ErrNotFound)
	}
	u, err := w.subscriber(id)
	if err != nil {
		return controlUser{}, err
	}
	view := controlUser{ID: id, Name: p.name, Knobs: w.Knobs(id), Waiting: w.Pending(id), Keys: w.Keys(id), Certificates: []controlCertificate{}}
	for _, c := range u.Certificates {
		view.Certificates = append(view.Certificates, controlCertificate{Serial: c.Serial, Status: w.certificateStatus(c),
			Scheme: c.Scheme, NotAfter: c.cert.NotAfter})
	}
	return view, w.flush()
}

func (w *World) putKnobs(rw http.ResponseWriter, r *http.Request) {
	update := func(change func(*Knobs)) error { return w.UpdateKnobs(r.PathValue("id"), change) }
	if err := put(rw, r, Knobs{}, update); err != nil {
		writeError(rw, err)
		return
	}
	w.getUser(rw, r)
}

func (w *World) deleteKnobs(rw http.ResponseWriter, r *http.Request) {
	if err := w.ResetKnobs(r.PathValue("id")); err != nil {
		writeError(rw, err)
		return
	}
	w.getUser(rw, r)
}

func (w *World) actForUser(rw http.ResponseWriter, r *http.Request) {
	act, ok := map[string]func(string) (int, error){"approve": w.Approve, "decline": w.Decline, "ignore": w.Ignore}[r.PathValue("act")]
	if !ok {
		http.NotFound(rw, r)
		return
	}
	n, err := act(r.PathValue("id"))
	if err != nil {
		writeError(rw, err)
		return
	}
	writeJSON(rw, http.StatusOK, map[string]int{"requests": n})
}

func (w *World) actOnCertificate(rw http.ResponseWriter, r *http.Request) {
	serial := r.PathValue("serial")
	var err error
	switch r.PathValue("act") {
	case "revoke":
		body := struct {
			At     time.Time `json:"at"`
			Reason int       `json:"reason"`
		}{}
		var raw []byte
		if raw, err = readBody(rw, r); err == nil && len(raw) > 0 {
			err = decodeStrictly(raw, &body)
		}
		if err == nil {
			err = w.Revoke(serial, body.Reason, body.At)
		}
	case "suspend":
		err = w.Suspend(serial)
	case "restore":
		err = w.Restore(serial)
	default:
		err = ErrNotFound
	}
	if err != nil {
		writeError(rw, err)
		return
	}
	writeJSON(rw, http.StatusOK, map[string]string{"serial_number": serial, "done": r.PathValue("act")})
}

// getLedger filters by kind, key and a sequence number to start after.
func (w *World) getLedger(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	after := 0
	if s := q.Get("after"); s != "" {
		var err error
		if after, err = strconv.Atoi(s); err != nil {
			writeError(rw, fmt.Errorf("%w: after %q", ErrInvalid, s))
			return
		}
	}
	effects := []Effect{}
	for _, e := range w.Ledger() {
		if e.Seq > after && (q.Get("kind") == "" || string(e.Kind) == q.Get("kind")) && (q.Get("key") == "" || e.Key == q.Get("key")) {
			effects = append(effects, e)
		}
	}
	writeJSON(rw, http.StatusOK, map[string]any{"effects": effects})
}

func (w *World) getTrust(rw http.ResponseWriter, _ *http.Request) {
	pem, err := w.TrustPEM()
	if err != nil {
		writeError(rw, err)
		return
	}
	rw.Header().Set("Content-Type", "application/x-pem-file")
	_, _ = rw.Write(pem) // the client is gone; nothing to do about it
}
