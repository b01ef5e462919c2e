package tsa

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"kyso/internal/party"
	"kyso/internal/party/partytest"
	"kyso/internal/party/rssp769"
	"kyso/internal/problem"
	"kyso/internal/sandbox"
)

var stamped = sha256.Sum256([]byte("signature value"))

func TestStamp(t *testing.T) {
	w := partytest.NewWorld(t)
	tsa := &Client{URLs: []string{w.URL + "/tsa"}}
	token, err := tsa.Stamp(context.Background(), stamped)
	if err != nil {
		t.Fatal(err)
	}
	var content struct {
		Type asn1.ObjectIdentifier
		Rest asn1.RawValue `asn1:"explicit,tag:0"`
	}
	if err := party.ReadDER(token, &content); err != nil || !content.Type.Equal(oidSignedData) {
		t.Errorf("the token is no ContentInfo of SignedData: %v", err)
	}
	if !bytes.Contains(token, stamped[:]) {
		t.Error("the digest is not in the token")
	}
	other, err := tsa.Stamp(context.Background(), stamped)
	if err != nil || bytes.Equal(token, other) {
		t.Errorf("the same token twice, or %v", err)
	}
}

func TestStampFaults(t *testing.T) {
	for mode, want := range map[string]problem.Code{
		"down": problem.ProviderUnavailable, "reject": problem.ProviderUnavailable, // timeNotAvailable
		"wrong-imprint": problem.ProviderUnavailable, "wrong-nonce": problem.ProviderUnavailable,
	} {
		w := partytest.NewWorld(t)
		w.Configure(sandbox.Settings{TSA: mode})
		_, err := (&Client{URLs: []string{w.URL + "/tsa"}}).Stamp(context.Background(), stamped)
		if problem.CodeOf(err) != want {
			t.Errorf("%s: got %v, want %s", mode, err, want)
		}
		good := partytest.NewWorld(t)
		if _, err := (&Client{URLs: []string{w.URL + "/tsa", good.URL + "/tsa"}}).Stamp(context.Background(), stamped); err != nil {
			t.Errorf("%s, with a second address: %v", mode, err)
		}
	}
	if _, err := (&Client{}).Stamp(context.Background(), stamped); problem.CodeOf(err) != problem.ProviderRefused {
		t.Errorf("without an address: %v", err)
	}
}

func TestStampPolicy(t *testing.T) {
	w := partytest.NewWorld(t)
	tsa := &Client{URLs: []string{w.URL + "/tsa"}, Policy: asn1.ObjectIdentifier{1, 2, 3, 4}}
	if _, err := tsa.Stamp(context.Background(), stamped); err == nil {
		t.Error("a token under another policy was accepted, or the sandbox grants any policy")
	}
}

// TestStampHTTP has answers that a real authority would not give.
func TestStampHTTP(t *testing.T) {
	status := func(code int, failure int) []byte {
		bits := asn1.BitString{Bytes: make([]byte, 4), BitLength: 32}
		bits.Bytes[failure/8] |= 0x80 >> (failure % 8)
		der, err := asn1.Marshal(struct {
			Status struct {
				Status int
				Fail   asn1.BitString
			}
		}{struct {
			Status int
			Fail   asn1.BitString
		}{code, bits}})
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	const reply = "application/timestamp-reply"
	for _, tt := range []struct {
		name      string
		status    int
		mediaType string
		body      []byte
		want      problem.Code
	}{
		{"403", 403, "text/plain", nil, problem.ProviderRefused},
		{"429", 429, "text/plain", nil, problem.ProviderUnavailable},
		{"500", 500, reply, nil, problem.ProviderUnavailable},
		{"302", 302, reply, nil, problem.ProviderUnavailable},
		{"a page", 200, "text/html", []byte("<html>"), problem.ProviderUnavailable},
		{"garbage", 200, reply, []byte("garbage"), problem.ProviderUnavailable},
		{"nothing", 200, reply, nil, problem.ProviderUnavailable},
		{"granted without a token", 200, reply, []byte{0x30, 5, 0x30, 3, 2, 1, 0}, problem.ProviderUnavailable},
		{"bytes after the end", 200, reply, append(status(2, 2), 0), problem.ProviderUnavailable},
		{"badRequest", 200, reply, status(2, 2), problem.ProviderRefused},
		{"timeNotAvailable", 200, reply, status(2, 14), problem.ProviderUnavailable},
		{"systemFailure", 200, reply, status(2, 25), problem.ProviderUnavailable},
		{"waiting", 200, reply, status(3, 5), problem.ProviderUnavailable},
		{"too long", 200, reply, make([]byte, maxToken+1), problem.ProviderUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get("Content-Type"); got != "application/timestamp-query" {
					t.Errorf("asked with %q", got)
				}
				w.Header().Set("Content-Type", tt.mediaType)
				w.WriteHeader(tt.status)
				w.Write(tt.body)
			}))
			defer server.Close()
			_, err := (&Client{URLs: []string{server.URL}}).Stamp(context.Background(), stamped)
			if problem.CodeOf(err) != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestTokenTampering changes a good token byte by byte. Whatever still passes must be outside of what is signed.
func TestTokenTampering(t *testing.T) {
	w := partytest.NewWorld(t)
	nonce := big.NewInt(4711)
	query, err := asn1.Marshal(tspRequest{Version: 1, Imprint: sha256Imprint(stamped), Nonce: nonce, CertReq: true})
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(w.URL+"/tsa", "application/timestamp-query", bytes.NewReader(query))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	token, err := openTSPReply(party.Reply{Status: 200, MediaType: "application/timestamp-reply", Body: body})
	if err != nil {
		t.Fatal(err)
	}
	if err := checkToken(token, stamped, nonce, nil); err != nil {
		t.Fatalf("untouched: %v", err)
	}
	info := bytes.Index(token, stamped[:])
	for i := info - 30; i < info+len(stamped)+20; i++ {
		changed := bytes.Clone(token)
		changed[i] ^= 0x01
		if checkToken(changed, stamped, nonce, nil) == nil {
			t.Errorf("byte %d of TSTInfo changed unnoticed", i-info)
		}
	}
	changed := bytes.Clone(token)
	changed[len(changed)-1] ^= 0x01 // the signature is last
	if checkToken(changed, stamped, nonce, nil) == nil {
		t.Error("signature changed unnoticed")
	}
	for _, cut := range []int{0, 1, 10, len(token) / 2, len(token) - 1} {
		if checkToken(token[:cut], stamped, nonce, nil) == nil {
			t.Errorf("cut to %d bytes unnoticed", cut)
		}
	}
}

func TestStamperCertificate(t *testing.T) {
	w := partytest.NewWorld(t)
	provider := &rssp769.Client{Name: "Sandbox CA", BaseURL: w.URL + "/sca/sp769", SPID: sandbox.DefaultSPID,
		SPPassword: sandbox.DefaultSPPassword, Profile: rssp769.VNPT(), Timeout: 5 * time.Second}
	list, err := provider.Certificates(t.Context(), "cert", partytest.Subscriber, "")
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	cert, err := x509.ParseCertificate(list[0].DER)
	if err != nil {
		t.Fatal(err)
	}
	if checkStamper(cert, time.Now()) == nil {
		t.Error("a person's certificate was taken for an authority's")
	}
}
