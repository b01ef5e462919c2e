package provider

import (
	"bytes"
	"context"
	"crypto/x509"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/sandbox"
)

// sandboxCitizen has no certificate until she registers.
const sandboxCitizen = "001302004567"

func (w *world) clock() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

func (w *world) ca() *CA {
	return &CA{BaseURL: w.url, Key: sandbox.DefaultCAKey, Timeout: 5 * time.Second, Clock: w.clock}
}

func (w *world) vneid() *VNeID {
	return &VNeID{BaseURL: w.url + "/vneid", Secret: sandbox.DefaultVNeIDSecret, Timeout: 5 * time.Second, Clock: w.clock}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

var sandboxSubject = registration.Subject{CommonName: "TRẦN THỊ NGỌC ÁNH", UID: "CCCD:" + sandboxCitizen, Province: "THÀNH PHỐ HÀ NỘI", Locality: "PHƯỜNG CẦU GIẤY"}

// enrolled takes the citizen's key as far as its certificate.
func (w *world) enrolled(ca *CA) (registration.Key, registration.Issuance) {
	w.t.Helper()
	key, err := ca.CreateKey(context.Background(), "R/key", sandboxCitizen)
	w.must(err)
	csr, err := ca.CSR(context.Background(), key.ID, sandboxSubject)
	w.must(err)
	issued, err := ca.Issue(context.Background(), "R/issue", csr, 12)
	w.must(err)
	return key, issued
}

func TestSandboxCA(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	ca := w.ca()
	active := func(want bool) {
		t.Helper()
		if got, err := ca.HasActive(ctx, sandboxCitizen); err != nil || got != want {
			t.Errorf("active: %t, %v", got, err)
		}
	}
	state := func(key string, want registration.KeyState) {
		t.Helper()
		if got, err := ca.KeyState(ctx, key); err != nil || got != want {
			t.Errorf("state %q, want %q: %v", got, want, err)
		}
	}
	active(false)
	key, issued := w.enrolled(ca)
	cert, err := x509.ParseCertificate(issued.Certificate)
	w.must(err)
	if issued.Pending || len(issued.Chain) == 0 || !bytes.Equal(cert.RawSubjectPublicKeyInfo, key.PublicKey) {
		t.Errorf("issued %+v", issued)
	}
	if again, err := ca.CreateKey(ctx, "R/key", sandboxCitizen); err != nil || again.ID != key.ID {
		t.Errorf("the key again: %+v, %v", again, err)
	}
	checkProblem(t, ca.Activate(ctx, key.ID), problem.Conflict)
	checkProblem(t, ca.DestroyKey(ctx, key.ID), problem.Conflict)
	for range 2 {
		w.must(ca.Install(ctx, key.ID, issued.Certificate))
	}
	state(key.ID, registration.KeyInstalled)
	for range 2 {
		w.must(ca.StartActivation(ctx, key.ID))
	}
	state(key.ID, registration.KeyAwaitingPIN)
	w.must(w.SetPIN(sandboxCitizen, "270519"))
	state(key.ID, registration.KeyPINSet)
	active(false)
	for range 2 {
		w.must(ca.Activate(ctx, key.ID))
	}
	active(true)
	for range 2 {
		w.must(ca.Revoke(ctx, "R/revoke", strings.ToUpper(cert.SerialNumber.Text(16)), 5))
		w.must(ca.DestroyKey(ctx, key.ID))
	}
	state(key.ID, registration.KeyDisabled)
	active(false)
}

// A key is found by the request that made it, with what became of its certificate; one that was not made is not found, which another
// address of the CA does not say.
func TestSandboxCAFindsKeys(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	ca := w.ca()
	_, err := ca.FindKey(ctx, "R/key")
	checkProblem(t, err, problem.NotFound)
	elsewhere := *ca
	elsewhere.BaseURL += "/elsewhere"
	_, err = elsewhere.FindKey(ctx, "R/key")
	checkProblem(t, err, problem.ProviderRefused)
	found := func(key registration.Key, serial string, status registration.CertificateStatus) {
		t.Helper()
		got, err := ca.FindKey(ctx, "R/key")
		w.must(err)
		if got.ID != key.ID || got.Serial != serial || got.Certificate != status {
			t.Errorf("found %+v, want %s %s %s", got, key.ID, serial, status)
		}
	}
	key, err := ca.CreateKey(ctx, "R/key", sandboxCitizen)
	w.must(err)
	found(key, "", registration.CertificateNone)
	csr, err := ca.CSR(ctx, key.ID, sandboxSubject)
	w.must(err)
	issued, err := ca.Issue(ctx, "R/issue", csr, 12)
	w.must(err)
	cert, err := x509.ParseCertificate(issued.Certificate)
	w.must(err)
	serial := strings.ToLower(cert.SerialNumber.Text(16))
	found(key, serial, registration.CertificateInactive)
	w.must(ca.Revoke(ctx, "R/revoke", serial, 5))
	found(key, serial, registration.CertificateRevoked)
}

func TestSandboxCARefuses(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	ca := w.ca()
	key, err := ca.CreateKey(ctx, "R/key", sandboxCitizen)
	w.must(err)
	_, err = ca.CreateKey(ctx, "R/key", "079095012345")
	checkProblem(t, err, problem.Conflict)
	_, err = ca.CreateKey(ctx, "R/other", "123")
	checkProblem(t, err, problem.ProviderRefused)
	_, err = ca.KeyState(ctx, "nobody")
	checkProblem(t, err, problem.ProviderRefused)
	checkProblem(t, ca.Revoke(ctx, "R/revoke", "0123", 5), problem.ProviderRefused)
	csr, err := ca.CSR(ctx, key.ID, sandboxSubject)
	w.must(err)
	w.knobs(sandboxCitizen, sandbox.Knobs{IssueAfterSeconds: 60})
	if issued, err := ca.Issue(ctx, "R/issue", csr, 12); err != nil || !issued.Pending {
		t.Errorf("pending: %+v, %v", issued, err)
	}
	w.ahead.Add(int64(time.Minute + time.Second))
	if issued, err := ca.Issue(ctx, "R/issue", csr, 12); err != nil || issued.Pending {
		t.Errorf("after the wait: %+v, %v", issued, err)
	}
	other, err := ca.CreateKey(ctx, "R/second", sandboxCitizen)
	w.must(err)
	csr, err = ca.CSR(ctx, other.ID, sandboxSubject)
	w.must(err)
	w.knobs(sandboxCitizen, sandbox.Knobs{IssueFails: "refused"})
	_, err = ca.Issue(ctx, "R/issue-2", csr, 12)
	checkProblem(t, err, problem.ProviderRefused)
	ca.Key = "wrong"
	_, err = ca.HasActive(ctx, sandboxCitizen)
	checkProblem(t, err, problem.ProviderCredentials, "wrong")
	w.settings(sandbox.Settings{CA: "down"})
	_, err = w.ca().HasActive(ctx, sandboxCitizen)
	checkProblem(t, err, problem.ProviderUnavailable)
}

// sandboxFaults are what a call may meet; the same call again is a success, and has its effect once.
var sandboxFaults = []string{"500", "429", "500-after", "lost", "junk", "truncated", "huge", "slow"}

// meets lets one call meet every fault, each before it succeeds.
func (w *world) meets(on string, do func(slow bool) error) {
	w.t.Helper()
	for _, fault := range sandboxFaults {
		w.knobs(sandboxCitizen, sandbox.Knobs{Faults: []sandbox.Fault{{On: on, Do: fault, Times: 1, DelayMS: 1500, RetryAfterSeconds: 9}}})
		err := do(fault == "slow")
		if problem.CodeOf(err) != problem.ProviderUnavailable {
			w.t.Errorf("%s, %s: %v", on, fault, err)
		}
		if pause := problem.RetryAfterOf(err); fault == "429" && pause != 9*time.Second {
			w.t.Errorf("%s: pause of %s", on, pause)
		}
		if err := do(false); err != nil {
			w.t.Errorf("%s after %s: %v", on, fault, err)
		}
	}
}

func TestSandboxCAFaults(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	key, issued := w.enrolled(w.ca())
	csr, err := w.ca().CSR(ctx, key.ID, sandboxSubject)
	w.must(err)
	w.must(w.ca().Install(ctx, key.ID, issued.Certificate))
	for _, c := range []struct {
		on string
		do func(*CA) error
	}{
		{"ca-search", func(c *CA) error { _, err := c.HasActive(ctx, sandboxCitizen); return err }},
		{"ca-find", func(c *CA) error { _, err := c.FindKey(ctx, "R/key"); return err }},
		{"ca-key", func(c *CA) error { _, err := c.CreateKey(ctx, "R/key", sandboxCitizen); return err }},
		{"ca-csr", func(c *CA) error { _, err := c.CSR(ctx, key.ID, sandboxSubject); return err }},
		{"ca-issue", func(c *CA) error { _, err := c.Issue(ctx, "R/issue-again", csr, 12); return err }},
		{"ca-install", func(c *CA) error { return c.Install(ctx, key.ID, issued.Certificate) }},
		{"ca-start", func(c *CA) error { return c.StartActivation(ctx, key.ID) }},
		{"ca-state", func(c *CA) error { _, err := c.KeyState(ctx, key.ID); return err }},
	} {
		w.meets(c.on, func(slow bool) error {
			ca := w.ca()
			// On a connection that was used before, net/http itself repeats a GET whose answer is lost.
			ca.Client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			if slow {
				ca.Timeout = 100 * time.Millisecond
			}
			return c.do(ca)
		})
	}
	for _, kind := range []sandbox.EffectKind{sandbox.EffectKey, sandbox.EffectIssue} {
		if n := w.CountEffects(kind, ""); n != 1 {
			t.Errorf("%d effects of kind %s", n, kind)
		}
	}
}

func TestSandboxVNeID(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	id, token, body, header, err := w.RequestCertificate(sandboxCitizen)
	w.must(err)
	req, err := w.vneid().Open(header, body)
	if err != nil || req.RequestID != id || req.HandoffToken != token || req.Person.IDNumber != sandboxCitizen || len(req.Consents) != 2 {
		t.Fatalf("opened %+v, %v", req, err)
	}
	w.ahead.Add(int64(6 * time.Minute))
	_, err = w.vneid().Open(header, body)
	checkProblem(t, err, problem.SignatureInvalid)
	report := registration.Report{RequestID: id, Status: "ACTIVE", Serial: "5401", NotBefore: time.Now(), NotAfter: time.Now().AddDate(1, 0, 0)}
	w.meets("vneid-report", func(slow bool) error {
		v := w.vneid()
		if slow {
			v.Timeout = 100 * time.Millisecond
		}
		return v.Report(ctx, report)
	})
	list := w.RegisteredCertificates(sandboxCitizen)
	if len(list) != 1 || list[0].Status != "ACTIVE" || list[0].Serial != "5401" || w.CountEffects(sandbox.EffectReport, id) != 1 {
		t.Errorf("VNeID shows %+v after %d reports", list, w.CountEffects(sandbox.EffectReport, id))
	}
	stranger := w.vneid()
	stranger.Secret = "wrong"
	checkProblem(t, stranger.Report(ctx, report), problem.ProviderCredentials)
	report.RequestID = "nobody"
	checkProblem(t, w.vneid().Report(ctx, report), problem.ProviderRefused)
	w.settings(sandbox.Settings{VNeID: "down"})
	checkProblem(t, w.vneid().Report(ctx, report), problem.ProviderUnavailable)
	if !slices.ContainsFunc(w.Requests(), func(r sandbox.RequestRecord) bool { return r.Status == 503 }) {
		t.Error("VNeID was not down")
	}
}
