package vneid

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

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/people"
)

// request is a request for a certificate with what became of it.
type request struct {
	ID        string            `json:"id"`
	User      string            `json:"user"`
	Issuer    string            `json:"issuer"`
	Token     string            `json:"token"`
	Body      []byte            `json:"body"` // as posted, byte for byte the same each time
	CreatedAt time.Time         `json:"created_at"`
	SentAt    time.Time         `json:"sent_at,omitzero"` // when kyso took it
	Failure   string            `json:"failure,omitempty"`
	Events    map[string]string `json:"events"` // status by event id
	Report    reported          `json:"report"` // the one that counts
	UpdatedAt time.Time         `json:"updated_at,omitzero"`
}

// reported is the body of kyso's report.
type reported struct {
	Status    string    `json:"status"`
	Serial    string    `json:"serial,omitempty"`
	ValidFrom time.Time `json:"valid_from,omitzero"`
	ValidTo   time.Time `json:"valid_to,omitzero"`
	EventID   string    `json:"event_id"`
	Issuer    string    `json:"issuer,omitempty"` // who issues; has to be whom the citizen chose
}

// consent is one consent as the wire has it.
type consent struct {
	Purpose     string    `json:"purpose"`
	TextVersion string    `json:"text_version"`
	TextSHA256  string    `json:"text_sha256"`
	ShownAt     time.Time `json:"shown_at"`
	AcceptedAt  time.Time `json:"accepted_at"`
	Channel     string    `json:"channel"`
}

// requestBody is the body of VNeID's request.
type requestBody struct {
	RequestID    string         `json:"request_id"`
	Issuer       string         `json:"issuer"`
	Person       people.Citizen `json:"person"`
	Consents     []consent      `json:"consents"`
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

var statuses = []string{"RECEIVED", "IN_PROGRESS", "WAITING_APPROVAL", "REJECTED", "ISSUED", "ACTIVE", "REVOKED", "CANCELLED"}

// signature is the value of X-Signature.
func signature(timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(DefaultSecret))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func (a *App) header(body []byte) http.Header {
	timestamp := strconv.FormatInt(a.k.Now().Unix(), 10)
	return http.Header{"Content-Type": {"application/json"}, "X-Timestamp": {timestamp},
		"X-Signature": {signature(timestamp, body)}}
}

// RequestCertificate makes and keeps a request of a citizen who gave both consents, signed and ready to post to
// kyso. It posts nothing.
func (a *App) RequestCertificate(idNumber string) (requestID, token string, body []byte, header http.Header, err error) {
	return a.RequestCertificateOf(a.issuers[0], idNumber)
}

// RequestCertificateOf does it with an issuer of the citizen's choice.
func (a *App) RequestCertificateOf(issuer, idNumber string) (requestID, token string, body []byte, header http.Header, err error) {
	now := a.k.Now().Truncate(time.Second)
	shown := [2]time.Time{now.Add(-60 * time.Second), now.Add(-20 * time.Second)}
	accepted := [2]time.Time{now.Add(-30 * time.Second), now}
	req, err := a.newRequest(issuer, idNumber, shown, accepted)
	if err != nil {
		return "", "", nil, nil, err
	}
	return req.ID, req.Token, bytes.Clone(req.Body), a.header(req.Body), nil
}

// newRequest keeps a request with consents to the terms and to the use of personal data, in this order.
func (a *App) newRequest(issuer, idNumber string, shown, accepted [2]time.Time) (*request, error) {
	person, err := a.Citizen(idNumber)
	if err != nil {
		return nil, err
	}
	secret := make([]byte, 24)
	rand.Read(secret) // never fails
	body := requestBody{Issuer: issuer, Person: person, HandoffToken: base64.RawURLEncoding.EncodeToString(secret),
		ExpiresAt: a.k.Now().Add(handoffLife).Truncate(time.Second)}
	for i := range consentTexts {
		text := a.consentOf(i, issuer)
		sum := sha256.Sum256([]byte(text.Text))
		body.Consents = append(body.Consents, consent{Purpose: text.Purpose, TextVersion: text.Version,
			TextSHA256: hex.EncodeToString(sum[:]), ShownAt: shown[i], AcceptedAt: accepted[i], Channel: "vneid"})
	}
	var req *request
	kernel.Locked(&a.mu, func() {
		now := a.k.Now()
		body.RequestID = fmt.Sprintf("VNEID-%s-%06d", now.Format("20060102"), len(a.state.Requests)+1)
		req = &request{ID: body.RequestID, User: idNumber, Issuer: body.Issuer, Token: body.HandoffToken, CreatedAt: now,
			Events: map[string]string{}}
		if req.Body, err = json.Marshal(body); err == nil {
			a.state.Requests[req.ID] = req
			a.k.Changed()
		}
	})
	return req, errors.Join(err, a.k.Flush())
}

// SubmitRequest makes a request and posts it to Settings.KysoURL, as the pages do. When kyso did not take it, the
// error says why, and id and token are those of the request that was made.
func (a *App) SubmitRequest(idNumber string) (requestID, token string, err error) {
	requestID, token, _, _, err = a.RequestCertificate(idNumber)
	if err != nil {
		return "", "", err
	}
	return requestID, token, a.send(requestID)
}

// send posts a request until kyso says yes or no, a few times at most. One that was taken before is not
// posted again.
func (a *App) send(id string) error {
	var (
		req     *request
		address string
		sent    bool
	)
	kernel.Locked(&a.mu, func() {
		req = a.state.Requests[id]
		address = strings.TrimSuffix(a.state.Settings.KysoURL, "/") + "/v1/vneid/requests"
		sent = req != nil && !req.SentAt.IsZero()
	})
	switch {
	case req == nil:
		return fmt.Errorf("request %q: %w", id, kernel.ErrNotFound)
	case sent:
		return nil
	}
	var err error
	for try := range tries {
		if try > 0 {
			time.Sleep(firstRetryIn << (try - 1))
		}
		var again bool
		if again, err = a.postToKyso(address, req.Body, http.StatusAccepted); !again {
			break
		}
	}
	kernel.Locked(&a.mu, func() {
		req.Failure = ""
		if err != nil {
			req.Failure = err.Error()
		} else {
			req.SentAt = a.k.Now()
		}
		a.k.Changed()
	})
	return errors.Join(err, a.k.Flush())
}

// postToKyso posts once. again says that a later try may help.
func (a *App) postToKyso(address string, body []byte, want int) (again bool, err error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return false, fmt.Errorf("the address of kyso: %w", err)
	}
	req.Header = a.header(body)
	res, err := a.k.Client.Do(req)
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
// a person came with it.
func (a *App) FreshToken(requestID string) (string, error) {
	secret := make([]byte, 24)
	rand.Read(secret) // never fails
	token := base64.RawURLEncoding.EncodeToString(secret)
	body, err := json.Marshal(map[string]any{"request_id": requestID, "handoff_token": token, "expires_at": a.k.Now().Add(freshTokenLife).Truncate(time.Second)})
	if err != nil {
		return "", err
	}
	address := strings.TrimSuffix(a.settings().KysoURL, "/") + "/v1/vneid/tokens"
	for try := range tries {
		if try > 0 {
			time.Sleep(firstRetryIn << (try - 1))
		}
		var again bool
		if again, err = a.postToKyso(address, body, http.StatusOK); !again {
			break
		}
	}
	return token, err
}

// HandoffURL is where VNeID sends the citizen: the address of Settings with the token and nothing else.
func (a *App) HandoffURL(token string) string {
	return a.settings().HandoffURL + "?token=" + url.QueryEscape(token)
}

// RegisteredCertificates returns what VNeID lists for a citizen, oldest first.
func (a *App) RegisteredCertificates(idNumber string) []RegisteredCertificate {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := []RegisteredCertificate{}
	for _, req := range a.state.Requests {
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
