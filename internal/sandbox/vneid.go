package sandbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultVNeIDSecret signs what VNeID and kyso tell each other.
const DefaultVNeIDSecret = "sandbox-only-vneid-secret" //nolint:gosec // opens nothing but the stand-in

// callReport is the name of kyso's report for Fault.On.
const callReport = "vneid-report"

const (
	vneidSkew    = 300 * time.Second     // how far a timestamp may be from the clock
	vneidTries   = 5                     // how often a request is posted before a person has to ask for more
	handoffLife  = 7 * 24 * time.Hour    // of the token
	firstRetryIn = 50 * time.Millisecond // doubled each time
)

// vneidRequest is a request for a certificate with what became of it.
type vneidRequest struct {
	ID        string            `json:"id"`
	User      string            `json:"user"`
	Issuer    string            `json:"issuer"`
	Token     string            `json:"token"`
	Body      []byte            `json:"body"` // as posted, byte for byte the same each time
	CreatedAt time.Time         `json:"created_at"`
	SentAt    time.Time         `json:"sent_at,omitzero"` // when kyso took it
	Failure   string            `json:"failure,omitempty"`
	Events    map[string]string `json:"events"` // status by event id
	Report    vneidReport       `json:"report"` // the one that counts
	UpdatedAt time.Time         `json:"updated_at,omitzero"`
}

// vneidReport is the body of kyso's report.
type vneidReport struct {
	Status    string    `json:"status"`
	Serial    string    `json:"serial,omitempty"`
	ValidFrom time.Time `json:"valid_from,omitzero"`
	ValidTo   time.Time `json:"valid_to,omitzero"`
	EventID   string    `json:"event_id"`
	Issuer    string    `json:"issuer,omitempty"` // who issues; has to be whom the citizen chose
}

// vneidConsent is one consent as the wire has it.
type vneidConsent struct {
	Purpose     string    `json:"purpose"`
	TextVersion string    `json:"text_version"`
	TextSHA256  string    `json:"text_sha256"`
	ShownAt     time.Time `json:"shown_at"`
	AcceptedAt  time.Time `json:"accepted_at"`
	Channel     string    `json:"channel"`
}

// vneidBody is the body of VNeID's request.
type vneidBody struct {
	RequestID    string         `json:"request_id"`
	Issuer       string         `json:"issuer"`
	Person       Citizen        `json:"person"`
	Consents     []vneidConsent `json:"consents"`
	HandoffToken string         `json:"handoff_token"`
	ExpiresAt    time.Time      `json:"expires_at"`
}

// RegisteredCertificate is a line of "Chứng thư chữ ký số đã đăng ký". Status is empty until kyso reported one.
type RegisteredCertificate struct {
	RequestID string    `json:"request_id"`
	Issuer    string    `json:"issuer"`
	Status    string    `json:"status"`
	Serial    string    `json:"serial,omitempty"`
	ValidFrom time.Time `json:"valid_from,omitzero"`
	ValidTo   time.Time `json:"valid_to,omitzero"`
	CreatedAt time.Time `json:"created_at"`
	SentAt    time.Time `json:"sent_at,omitzero"` // when kyso took the request
	Failure   string    `json:"failure,omitempty"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

var vneidStatuses = []string{"RECEIVED", "IN_PROGRESS", "WAITING_APPROVAL", "REJECTED", "ISSUED", "ACTIVE", "REVOKED", "CANCELLED"}

// vneidSignature is the value of X-Signature.
func vneidSignature(timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(DefaultVNeIDSecret))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func (w *World) vneidHeader(body []byte) http.Header {
	timestamp := strconv.FormatInt(w.now().Unix(), 10)
	return http.Header{"Content-Type": {"application/json"}, "X-Timestamp": {timestamp},
		"X-Signature": {vneidSignature(timestamp, body)}}
}

// RequestCertificate makes and keeps a request of a citizen who gave both consents, signed and ready to post to
// kyso. It posts nothing.
func (w *World) RequestCertificate(idNumber string) (requestID, token string, body []byte, header http.Header, err error) {
	return w.RequestCertificateOf(FirstIssuer, idNumber)
}

// RequestCertificateOf does it with an issuer of the citizen's choice.
func (w *World) RequestCertificateOf(issuer, idNumber string) (requestID, token string, body []byte, header http.Header, err error) {
	now := w.now().Truncate(time.Second)
	shown := [2]time.Time{now.Add(-60 * time.Second), now.Add(-20 * time.Second)}
	accepted := [2]time.Time{now.Add(-30 * time.Second), now}
	req, err := w.newVNeIDRequest(issuer, idNumber, shown, accepted)
	if err != nil {
		return "", "", nil, nil, err
	}
	return req.ID, req.Token, bytes.Clone(req.Body), w.vneidHeader(req.Body), nil
}

// newVNeIDRequest keeps a request with consents to the terms and to the use of personal data, in this order.
func (w *World) newVNeIDRequest(issuer, idNumber string, shown, accepted [2]time.Time) (*vneidRequest, error) {
	person, err := w.Citizen(idNumber)
	if err != nil {
		return nil, err
	}
	secret := make([]byte, 24)
	rand.Read(secret) // never fails
	body := vneidBody{Issuer: issuer, Person: person, HandoffToken: base64.RawURLEncoding.EncodeToString(secret),
		ExpiresAt: w.now().Add(handoffLife).Truncate(time.Second)}
	for i := range consentTexts {
		text := consentOf(i, issuer)
		sum := sha256.Sum256([]byte(text.Text))
		body.Consents = append(body.Consents, vneidConsent{Purpose: text.Purpose, TextVersion: text.Version,
			TextSHA256: hex.EncodeToString(sum[:]), ShownAt: shown[i], AcceptedAt: accepted[i], Channel: "vneid"})
	}
	var req *vneidRequest
	w.locked(func() {
		now := w.now()
		body.RequestID = fmt.Sprintf("VNEID-%s-%06d", now.Format("20060102"), len(w.state.VNeIDRequests)+1)
		req = &vneidRequest{ID: body.RequestID, User: idNumber, Issuer: body.Issuer, Token: body.HandoffToken, CreatedAt: now,
			Events: map[string]string{}}
		if req.Body, err = json.Marshal(body); err == nil {
			w.state.VNeIDRequests[req.ID] = req
			w.changed()
		}
	})
	return req, errors.Join(err, w.flush())
}

// SubmitRequest makes a request and posts it to Settings.KysoURL, as the pages do. When kyso did not take it, the
// error says why, and id and token are those of the request that was made.
func (w *World) SubmitRequest(idNumber string) (requestID, token string, err error) {
	requestID, token, _, _, err = w.RequestCertificate(idNumber)
	if err != nil {
		return "", "", err
	}
	return requestID, token, w.sendVNeIDRequest(requestID)
}

// sendVNeIDRequest posts a request until kyso says yes or no, a few times at most. One that was taken before is not
// posted again.
func (w *World) sendVNeIDRequest(id string) error {
	var (
		req     *vneidRequest
		address string
		sent    bool
	)
	w.locked(func() {
		req = w.state.VNeIDRequests[id]
		address = strings.TrimSuffix(w.state.Settings.KysoURL, "/") + "/v1/vneid/requests"
		sent = req != nil && !req.SentAt.IsZero()
	})
	switch {
	case req == nil:
		return fmt.Errorf("request %q: %w", id, ErrNotFound)
	case sent:
		return nil
	}
	var err error
	for try := range vneidTries {
		if try > 0 {
			time.Sleep(firstRetryIn << (try - 1))
		}
		var again bool
		if again, err = w.postToKyso(address, req.Body, http.StatusAccepted); !again {
			break
		}
	}
	w.locked(func() {
		req.Failure = ""
		if err != nil {
			req.Failure = err.Error()
		} else {
			req.SentAt = w.now()
		}
		w.changed()
	})
	return errors.Join(err, w.flush())
}

// postToKyso posts once. again says that a later try may help.
func (w *World) postToKyso(address string, body []byte, want int) (again bool, err error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return false, fmt.Errorf("the address of kyso: %w", err)
	}
	req.Header = w.vneidHeader(body)
	res, err := w.client.Do(req)
	if err != nil {
		return true, fmt.Errorf("kyso does not answer: %w", err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 1000)) // for people; half of it is better than none
	if res.StatusCode == want {
		return false, nil
	}
	again = res.StatusCode >= http.StatusInternalServerError || res.StatusCode == http.StatusTooManyRequests
	return again, fmt.Errorf("kyso answered %d: %s", res.StatusCode, text)
}

// freshTokenLife is how long the browser may take from VNeID's button to kyso.
const freshTokenLife = 10 * time.Minute

// FreshToken makes another one-time token for a request that kyso took, and tells kyso: the first one is spent as soon as
// somebody came with it.
func (w *World) FreshToken(requestID string) (string, error) {
	secret := make([]byte, 24)
	rand.Read(secret) // never fails
	token := base64.RawURLEncoding.EncodeToString(secret)
	body, err := json.Marshal(map[string]any{"request_id": requestID, "handoff_token": token, "expires_at": w.now().Add(freshTokenLife).Truncate(time.Second)})
	if err != nil {
		return "", err
	}
	address := strings.TrimSuffix(w.Settings().KysoURL, "/") + "/v1/vneid/tokens"
	for try := range vneidTries {
		if try > 0 {
			time.Sleep(firstRetryIn << (try - 1))
		}
		var again bool
		if again, err = w.postToKyso(address, body, http.StatusOK); !again {
			break
		}
	}
	return token, err
}

// HandoffURL is where VNeID sends the citizen: the address of Settings with the token and nothing else.
func (w *World) HandoffURL(token string) string {
	return w.Settings().HandoffURL + "?token=" + url.QueryEscape(token)
}

// RegisteredCertificates returns what VNeID lists for a citizen, oldest first.
func (w *World) RegisteredCertificates(idNumber string) []RegisteredCertificate {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []RegisteredCertificate{}
	for _, req := range w.state.VNeIDRequests {
		if req.User == idNumber {
			list = append(list, RegisteredCertificate{RequestID: req.ID, Issuer: req.Issuer, Status: req.Report.Status,
				Serial: req.Report.Serial, ValidFrom: req.Report.ValidFrom, ValidTo: req.Report.ValidTo,
				CreatedAt: req.CreatedAt, SentAt: req.SentAt, Failure: req.Failure, UpdatedAt: req.UpdatedAt})
		}
	}
	slices.SortFunc(list, func(a, b RegisteredCertificate) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.RequestID, b.RequestID)
	})
	return list
}

// serveReport takes kyso's report of a status.
func (w *World) serveReport(rw http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	body, err := readBody(rw, r)
	if w.Settings().VNeID == "down" {
		writeAnswer(rw, failed(http.StatusServiceUnavailable, "unavailable", "VNeID is down"))
		return
	}
	user := ""
	w.locked(func() {
		if req := w.state.VNeIDRequests[id]; req != nil {
			user = req.User
		}
	})
	fault := w.takeFault(user, callReport)
	if fault.beforeEffect() {
		w.answerWithFault(rw, r, jsonAnswer{}, fault)
		return
	}
	var a jsonAnswer
	switch {
	case err != nil:
		a = failed(http.StatusBadRequest, "invalid", err.Error())
	case !w.signedNow(r.Header, body):
		a = failed(http.StatusUnauthorized, "unauthorized", "X-Timestamp or X-Signature")
	default:
		a = w.report(id, body)
	}
	w.answerWithFault(rw, r, a, fault)
}

// signedNow checks the signature of a call to VNeID, and its age.
func (w *World) signedNow(header http.Header, body []byte) bool {
	timestamp := header.Get("X-Timestamp")
	at, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || w.now().Sub(time.Unix(at, 0)).Abs() > vneidSkew {
		return false
	}
	return hmac.Equal([]byte(vneidSignature(timestamp, body)), []byte(header.Get("X-Signature")))
}

func (w *World) report(id string, body []byte) jsonAnswer {
	var report vneidReport
	if err := decodeStrictly(body, &report); err != nil {
		return failed(http.StatusBadRequest, "invalid", err.Error())
	}
	if report.EventID == "" || !slices.Contains(vneidStatuses, report.Status) {
		return failed(http.StatusBadRequest, "invalid", "event_id or status")
	}
	if chosen := w.issuerOfRequest(id); report.Issuer != "" && chosen != "" && report.Issuer != chosen {
		return failed(http.StatusUnprocessableEntity, "refused", "issuer: the citizen chose another one")
	}
	if !w.keepReport(id, report) {
		return failed(http.StatusNotFound, "not-found", "request")
	}
	if err := w.flush(); err != nil {
		return failed(http.StatusInternalServerError, "internal", err.Error())
	}
	return jsonAnswer{http.StatusOK, map[string]bool{"accepted": true}}
}

func (w *World) issuerOfRequest(id string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if req := w.state.VNeIDRequests[id]; req != nil {
		return req.Issuer
	}
	return ""
}

// keepReport notes a report once for each event. It is false when there is no such request.
func (w *World) keepReport(id string, report vneidReport) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	req := w.state.VNeIDRequests[id]
	if req == nil {
		return false
	}
	if _, known := req.Events[report.EventID]; !known {
		req.Events[report.EventID] = report.Status
		if !slices.Contains([]string{"REJECTED", "REVOKED", "CANCELLED"}, req.Report.Status) { // those are final
			req.Report, req.UpdatedAt = report, w.now()
		}
		w.record(Effect{Kind: EffectReport, Key: id, User: req.User, Detail: report.Status})
	}
	return true
}
