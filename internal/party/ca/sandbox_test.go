package ca

import (
	"bytes"
	"context"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"
	"time"

	"kyso/internal/party/partytest"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/sandbox"
)

func clientOf(w *partytest.World) *Client {
	return &Client{BaseURL: w.URL, Key: sandbox.DefaultCAKey, Timeout: 5 * time.Second, Clock: w.Clock}
}

var citizenSubject = registration.Subject{CommonName: "TRẦN THỊ NGỌC ÁNH", UID: "CCCD:" + partytest.Citizen, Province: "THÀNH PHỐ HÀ NỘI", Locality: "PHƯỜNG CẦU GIẤY"}

// enrolled takes the citizen's key as far as its certificate.
func enrolled(w *partytest.World, ca *Client) (registration.Key, registration.Issuance) {
	w.T.Helper()
	key, err := ca.CreateKey(context.Background(), "R/key", partytest.Citizen)
	w.Must(err)
	csr, err := ca.CSR(context.Background(), key.ID, citizenSubject)
	w.Must(err)
	issued, err := ca.Issue(context.Background(), "R/issue", csr, 12)
	w.Must(err)
	return key, issued
}

func TestSandbox(t *testing.T) {
	w, ctx := partytest.NewWorld(t), context.Background()
	ca := clientOf(w)
	active := func(want bool) {
		t.Helper()
		if got, err := ca.HasActive(ctx, partytest.Citizen); err != nil || got != want {
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
	key, issued := enrolled(w, ca)
	cert, err := x509.ParseCertificate(issued.Certificate)
	w.Must(err)
	if issued.Pending || len(issued.Chain) == 0 || !bytes.Equal(cert.RawSubjectPublicKeyInfo, key.PublicKey) {
		t.Errorf("issued %+v", issued)
	}
	if again, err := ca.CreateKey(ctx, "R/key", partytest.Citizen); err != nil || again.ID != key.ID {
		t.Errorf("the key again: %+v, %v", again, err)
	}
	partytest.CheckProblem(t, ca.Activate(ctx, key.ID), problem.Conflict)
	partytest.CheckProblem(t, ca.DestroyKey(ctx, key.ID), problem.Conflict)
	for range 2 {
		w.Must(ca.Install(ctx, key.ID, issued.Certificate))
	}
	state(key.ID, registration.KeyInstalled)
	for range 2 {
		w.Must(ca.StartActivation(ctx, key.ID))
	}
	state(key.ID, registration.KeyAwaitingPIN)
	w.Must(w.SetPIN(partytest.Citizen, "270519"))
	state(key.ID, registration.KeyPINSet)
	active(false)
	for range 2 {
		w.Must(ca.Activate(ctx, key.ID))
	}
	active(true)
	for range 2 {
		w.Must(ca.Revoke(ctx, "R/revoke", strings.ToUpper(cert.SerialNumber.Text(16)), 5))
		w.Must(ca.DestroyKey(ctx, key.ID))
	}
	state(key.ID, registration.KeyDisabled)
	active(false)
}

// A key is found by the request that made it, with what became of its certificate; one that was not made is not found, which another
// address of the CA does not say.
func TestSandboxFindsKeys(t *testing.T) {
	w, ctx := partytest.NewWorld(t), context.Background()
	ca := clientOf(w)
	_, err := ca.FindKey(ctx, "R/key")
	partytest.CheckProblem(t, err, problem.NotFound)
	elsewhere := *ca
	elsewhere.BaseURL += "/elsewhere"
	_, err = elsewhere.FindKey(ctx, "R/key")
	partytest.CheckProblem(t, err, problem.ProviderRefused)
	found := func(key registration.Key, serial string, status registration.CertificateStatus) {
		t.Helper()
		got, err := ca.FindKey(ctx, "R/key")
		w.Must(err)
		if got.ID != key.ID || got.Serial != serial || got.Certificate != status {
			t.Errorf("found %+v, want %s %s %s", got, key.ID, serial, status)
		}
	}
	key, err := ca.CreateKey(ctx, "R/key", partytest.Citizen)
	w.Must(err)
	found(key, "", registration.CertificateNone)
	csr, err := ca.CSR(ctx, key.ID, citizenSubject)
	w.Must(err)
	issued, err := ca.Issue(ctx, "R/issue", csr, 12)
	w.Must(err)
	cert, err := x509.ParseCertificate(issued.Certificate)
	w.Must(err)
	serial := strings.ToLower(cert.SerialNumber.Text(16))
	found(key, serial, registration.CertificateInactive)
	w.Must(ca.Revoke(ctx, "R/revoke", serial, 5))
	found(key, serial, registration.CertificateRevoked)
}

func TestSandboxRefuses(t *testing.T) {
	w, ctx := partytest.NewWorld(t), context.Background()
	ca := clientOf(w)
	key, err := ca.CreateKey(ctx, "R/key", partytest.Citizen)
	w.Must(err)
	_, err = ca.CreateKey(ctx, "R/key", "079095012345")
	partytest.CheckProblem(t, err, problem.Conflict)
	_, err = ca.CreateKey(ctx, "R/other", "123")
	partytest.CheckProblem(t, err, problem.ProviderRefused)
	_, err = ca.KeyState(ctx, "nobody")
	partytest.CheckProblem(t, err, problem.ProviderRefused)
	partytest.CheckProblem(t, ca.Revoke(ctx, "R/revoke", "0123", 5), problem.ProviderRefused)
	csr, err := ca.CSR(ctx, key.ID, citizenSubject)
	w.Must(err)
	w.Adjust(partytest.Citizen, sandbox.Knobs{IssueAfterSeconds: 60})
	if issued, err := ca.Issue(ctx, "R/issue", csr, 12); err != nil || !issued.Pending {
		t.Errorf("pending: %+v, %v", issued, err)
	}
	w.Ahead.Add(int64(time.Minute + time.Second))
	if issued, err := ca.Issue(ctx, "R/issue", csr, 12); err != nil || issued.Pending {
		t.Errorf("after the wait: %+v, %v", issued, err)
	}
	other, err := ca.CreateKey(ctx, "R/second", partytest.Citizen)
	w.Must(err)
	csr, err = ca.CSR(ctx, other.ID, citizenSubject)
	w.Must(err)
	w.Adjust(partytest.Citizen, sandbox.Knobs{IssueFails: "refused"})
	_, err = ca.Issue(ctx, "R/issue-2", csr, 12)
	partytest.CheckProblem(t, err, problem.ProviderRefused)
	ca.Key = "wrong"
	_, err = ca.HasActive(ctx, partytest.Citizen)
	partytest.CheckProblem(t, err, problem.ProviderCredentials, "wrong")
	w.Configure(sandbox.Settings{CA: "down"})
	_, err = clientOf(w).HasActive(ctx, partytest.Citizen)
	partytest.CheckProblem(t, err, problem.ProviderUnavailable)
}

func TestSandboxFaults(t *testing.T) {
	w, ctx := partytest.NewWorld(t), context.Background()
	key, issued := enrolled(w, clientOf(w))
	csr, err := clientOf(w).CSR(ctx, key.ID, citizenSubject)
	w.Must(err)
	w.Must(clientOf(w).Install(ctx, key.ID, issued.Certificate))
	for _, c := range []struct {
		on string
		do func(*Client) error
	}{
		{"ca-search", func(c *Client) error { _, err := c.HasActive(ctx, partytest.Citizen); return err }},
		{"ca-find", func(c *Client) error { _, err := c.FindKey(ctx, "R/key"); return err }},
		{"ca-key", func(c *Client) error { _, err := c.CreateKey(ctx, "R/key", partytest.Citizen); return err }},
		{"ca-csr", func(c *Client) error { _, err := c.CSR(ctx, key.ID, citizenSubject); return err }},
		{"ca-issue", func(c *Client) error { _, err := c.Issue(ctx, "R/issue-again", csr, 12); return err }},
		{"ca-install", func(c *Client) error { return c.Install(ctx, key.ID, issued.Certificate) }},
		{"ca-start", func(c *Client) error { return c.StartActivation(ctx, key.ID) }},
		{"ca-state", func(c *Client) error { _, err := c.KeyState(ctx, key.ID); return err }},
	} {
		w.Meets(c.on, func(slow bool) error {
			ca := clientOf(w)
			// On a connection that was used before, net/http itself repeats a GET whose answer is lost.
			ca.HTTP = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
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
