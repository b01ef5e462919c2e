package vneid

import (
	"crypto/hmac"
	"net/http"
	"slices"
	"strconv"
	"time"

	"kyso/internal/sandbox/kernel"
)

// serveReport takes kyso's report of a status.
func (a *App) serveReport(rw http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	body, err := kernel.ReadBody(rw, r)
	if a.settings().VNeID == "down" {
		kernel.Failed(http.StatusServiceUnavailable, "unavailable", "VNeID is down").Write(rw)
		return
	}
	user := ""
	kernel.Locked(&a.mu, func() {
		if req := a.state.Requests[id]; req != nil {
			user = req.User
		}
	})
	fault := a.k.TakeFault(user, callReport)
	if fault.BeforeEffect() {
		kernel.Answer{}.WriteWithFault(rw, r, fault)
		return
	}
	var answer kernel.Answer
	switch {
	case err != nil:
		answer = kernel.Failed(http.StatusBadRequest, "invalid", err.Error())
	case !a.signedNow(r.Header, body):
		answer = kernel.Failed(http.StatusUnauthorized, "unauthorized", "X-Timestamp or X-Signature")
	default:
		answer = a.report(id, body)
	}
	answer.WriteWithFault(rw, r, fault)
}

// signedNow checks the signature of a call to VNeID, and its age.
func (a *App) signedNow(header http.Header, body []byte) bool {
	timestamp := header.Get("X-Timestamp")
	at, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || a.k.Now().Sub(time.Unix(at, 0)).Abs() > skew {
		return false
	}
	return hmac.Equal([]byte(signature(timestamp, body)), []byte(header.Get("X-Signature")))
}

func (a *App) report(id string, body []byte) kernel.Answer {
	var report reported
	if err := kernel.DecodeStrictly(body, &report); err != nil {
		return kernel.Failed(http.StatusBadRequest, "invalid", err.Error())
	}
	if report.EventID == "" || !slices.Contains(statuses, report.Status) {
		return kernel.Failed(http.StatusBadRequest, "invalid", "event_id or status")
	}
	if chosen := a.issuerOfRequest(id); report.Issuer != "" && chosen != "" && report.Issuer != chosen {
		return kernel.Failed(http.StatusUnprocessableEntity, "refused", "issuer: the citizen chose another one")
	}
	if !a.keepReport(id, report) {
		return kernel.Failed(http.StatusNotFound, "not-found", "request")
	}
	if err := a.k.Flush(); err != nil {
		return kernel.Failed(http.StatusInternalServerError, "internal", err.Error())
	}
	return kernel.OK(map[string]bool{"accepted": true})
}

func (a *App) issuerOfRequest(id string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if req := a.state.Requests[id]; req != nil {
		return req.Issuer
	}
	return ""
}

// keepReport notes a report once for each event. It is false when there is no such request.
func (a *App) keepReport(id string, report reported) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	req := a.state.Requests[id]
	if req == nil {
		return false
	}
	if _, known := req.Events[report.EventID]; !known {
		req.Events[report.EventID] = report.Status
		if !slices.Contains([]string{"REJECTED", "REVOKED", "CANCELLED"}, req.Report.Status) { // those are final
			req.Report, req.UpdatedAt = report, a.k.Now()
		}
		a.k.Record(kernel.Effect{Kind: kernel.EffectReport, Key: id, User: req.User, Detail: report.Status})
	}
	return true
}
