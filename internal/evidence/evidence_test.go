package evidence_test

import (
	"context"
	"crypto/x509"
	"errors"
	"math/big"
	"testing"

	"kyso/internal/evidence"
	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// TestSilence: what it means that an issuer does not answer depends on who asks.
func TestSilence(t *testing.T) {
	down := problem.New(problem.ProviderUnavailable, "no answer")
	need := func(n byte) pades.Need {
		return pades.Need{Certificate: &x509.Certificate{Raw: []byte{n}, SerialNumber: big.NewInt(int64(n))}, Issuer: &x509.Certificate{Raw: []byte{100}}, Anchored: true}
	}
	// The file knows nothing of certificate 1, and something old of certificate 2. The issuer of the silent one is away.
	for name, c := range map[string]struct {
		silent       byte
		silence      evidence.Silence
		err, missing bool
	}{
		"ours, of which the file knows nothing":    {1, evidence.Fatal, true, false},
		"ours, of which it knows something":        {2, evidence.Fatal, true, false},
		"to extend, the file knows nothing":        {1, evidence.FatalIfNew, true, false},
		"to extend, what it knows will do":         {2, evidence.FatalIfNew, false, true},
		"for a verdict, the file knows nothing":    {1, evidence.OnlyMentions, false, true},
		"for a verdict, only something old is had": {2, evidence.OnlyMentions, false, true},
		"everybody answers":                        {0, evidence.Fatal, false, false},
	} {
		asked := map[byte]int{}
		needs := func(_ context.Context, _ pades.Source, opt pades.NeedsOptions) ([]pades.Need, error) {
			var list []pades.Need
			if opt.Fresh || c.silent == 1 && asked[1] > 0 {
				list = append(list, need(1))
			}
			if opt.Fresh {
				list = append(list, need(2))
			}
			return list, nil
		}
		status := func(_ context.Context, cert, _ []byte) (signing.Revocation, error) {
			if asked[cert[0]]++; cert[0] == c.silent {
				return signing.Revocation{}, down
			}
			return signing.Revocation{OCSP: []byte{cert[0]}}, nil
		}
		found, missing, err := evidence.Gather(t.Context(), nil, needs, status, evidence.Rule{Fresh: true, Silence: c.silence})
		if (err != nil) != c.err || err != nil && !errors.Is(err, down) || (len(missing) > 0) != c.missing {
			t.Errorf("%s: missing %v, %v", name, missing, err)
		}
		if c.silent == 0 && (len(found.OCSPs) != 2 || len(found.Certificates) != 4) {
			t.Errorf("%s: found %+v", name, found)
		}
	}
}

// TestEndlessResponders: answers that name new responders for ever are refused, not followed.
func TestEndlessResponders(t *testing.T) {
	n := int64(0)
	needs := func(context.Context, pades.Source, pades.NeedsOptions) ([]pades.Need, error) {
		n++
		return []pades.Need{{Certificate: &x509.Certificate{Raw: []byte{byte(n)}, SerialNumber: big.NewInt(n)}, Issuer: &x509.Certificate{}, Anchored: true}}, nil
	}
	status := func(context.Context, []byte, []byte) (signing.Revocation, error) {
		return signing.Revocation{CRL: []byte{1}}, nil
	}
	if _, _, err := evidence.Gather(t.Context(), nil, needs, status, evidence.Rule{}); problem.CodeOf(err) != problem.RevocationUnknown || n > 10 {
		t.Errorf("%d rounds, %v", n, err)
	}
}
