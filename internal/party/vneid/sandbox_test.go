package vneid

import (
	"context"
	"slices"
	"testing"
	"time"

	"kyso/internal/party/partytest"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/sandbox"
)

func clientOf(w *partytest.World) *Client {
	return &Client{BaseURL: w.URL + "/vneid", Secret: sandbox.DefaultVNeIDSecret, Timeout: 5 * time.Second, Clock: w.Clock}
}

func TestSandbox(t *testing.T) {
	w, ctx := partytest.NewWorld(t), context.Background()
	id, token, body, header, err := w.RequestCertificate(partytest.Citizen)
	w.Must(err)
	req, err := clientOf(w).Open(header, body)
	if err != nil || req.RequestID != id || req.HandoffToken != token || req.Person.IDNumber != partytest.Citizen || len(req.Consents) != 2 {
		t.Fatalf("opened %+v, %v", req, err)
	}
	w.Ahead.Add(int64(6 * time.Minute))
	_, err = clientOf(w).Open(header, body)
	partytest.CheckProblem(t, err, problem.SignatureInvalid)
	report := registration.Report{RequestID: id, Status: registration.StatusActive, Serial: "5401", NotBefore: time.Now(), NotAfter: time.Now().AddDate(1, 0, 0)}
	w.Meets("vneid-report", func(slow bool) error {
		v := clientOf(w)
		if slow {
			v.Timeout = 100 * time.Millisecond
		}
		return v.Report(ctx, report)
	})
	list := w.RegisteredCertificates(partytest.Citizen)
	if len(list) != 1 || list[0].Status != "ACTIVE" || list[0].Serial != "5401" || w.CountEffects(sandbox.EffectReport, id) != 1 {
		t.Errorf("VNeID shows %+v after %d reports", list, w.CountEffects(sandbox.EffectReport, id))
	}
	stranger := clientOf(w)
	stranger.Secret = "wrong"
	partytest.CheckProblem(t, stranger.Report(ctx, report), problem.ProviderCredentials)
	report.RequestID = "nobody"
	partytest.CheckProblem(t, clientOf(w).Report(ctx, report), problem.ProviderRefused)
	w.Configure(sandbox.Settings{VNeID: "down"})
	partytest.CheckProblem(t, clientOf(w).Report(ctx, report), problem.ProviderUnavailable)
	if !slices.ContainsFunc(w.Requests(), func(r sandbox.RequestRecord) bool { return r.Status == 503 }) {
		t.Error("VNeID was not down")
	}
}
