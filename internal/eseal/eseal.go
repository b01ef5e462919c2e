// Package eseal puts the organisation's electronic seal (e-seal) on papers that kyso wrote itself.
package eseal

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding"
	"fmt"
	"slices"
	"time"

	"kyso/internal/evidence"
	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/signing"
)

// Sealer puts an organisation's seal on papers that kyso wrote itself: PAdES B-LTA with a key that this process can use.
// It implements registration.Sealer.
//
// What it reads is kyso's own, so it is parsed in this process.
type Sealer struct {
	Key         crypto.Signer       // RSA or ECDSA; today one from a file, a PKCS #11 token would be another and is not built
	RSA         RSAScheme           // of an RSA key
	Certificate *x509.Certificate   // of Key
	Chain       []*x509.Certificate // its issuers

	TSA        signing.TimestampAuthority
	Revocation signing.RevocationSource
	Trust      func(context.Context) (signing.Trust, error)
	Now        func() time.Time
}

var _ registration.Sealer = (*Sealer)(nil)

// Seal implements registration.Sealer. The file is returned only after it verified as every reader will judge it, with
// the status of the seal's certificate asked for now. Errors: the certificate codes, ProviderUnavailable and
// ProviderRefused of the time-stamp authority, RevocationUnknown, VerificationFailed.
func (s *Sealer) Seal(ctx context.Context, file []byte, reason string, box [5]float64) (registration.Sealed, error) {
	field, sealed, err := s.seal(ctx, file, reason, pades.Box{Page: int(box[0]), X: box[1], Y: box[2], Width: box[3], Height: box[4]})
	if err != nil {
		return registration.Sealed{}, fmt.Errorf("sealing: %w", err)
	}
	known, err := s.check(ctx, sealed, field)
	if err != nil {
		return registration.Sealed{}, fmt.Errorf("sealing: %w", err)
	}
	archived, err := s.archive(ctx, sealed, known)
	switch problem.CodeOf(err) {
	case problem.ProviderUnavailable, problem.ProviderRefused, problem.RevocationUnknown:
		return registration.Sealed{PDF: sealed}, nil // the caller has the file archived later
	}
	if err != nil {
		return registration.Sealed{}, fmt.Errorf("sealing: %w", err)
	}
	return registration.Sealed{PDF: archived, Archived: true}, nil
}

// Archive implements registration.Sealer. Errors: RevocationUnknown, and those of the time-stamp authority.
func (s *Sealer) Archive(ctx context.Context, file []byte) ([]byte, error) {
	known, err := s.gather(ctx, file)
	if err == nil {
		file, err = s.archive(ctx, file, known)
	}
	if err != nil {
		return nil, fmt.Errorf("archiving a sealed paper: %w", err)
	}
	return file, nil
}

// archive appends the evidence and a time-stamp over all of the file, and judges the result from itself.
func (s *Sealer) archive(ctx context.Context, file []byte, known pades.Evidence) ([]byte, error) {
	extended, err := pades.Extend(bytes.NewReader(file), known, nil)
	if err != nil {
		return nil, err
	}
	long := slices.Concat(file, extended.Increment)
	prepared, err := pades.PrepareArchive(bytes.NewReader(long), extended.HashState)
	if err != nil {
		return nil, err
	}
	token, err := s.TSA.Stamp(ctx, prepared.H2)
	if err != nil {
		return nil, err
	}
	archived, err := pades.EmbedArchive(*prepared, int64(len(long)), extended.HashState, token)
	if err != nil {
		return nil, err
	}
	long = append(long, archived.Increment...)
	found, err := s.verify(ctx, long, pades.Evidence{})
	if err != nil {
		return nil, err
	}
	if first := found.Signatures[0]; first.Verdict != pades.TotalPassed || first.Level != "B-LTA" {
		return nil, problem.New(problem.VerificationFailed, "the archived paper is %s %s at %s", first.Verdict, first.SubIndication, first.Level)
	}
	return long, nil
}

func (s *Sealer) seal(ctx context.Context, file []byte, reason string, box pades.Box) (field string, sealed []byte, err error) {
	trust, err := s.Trust(ctx)
	if err != nil {
		return "", nil, err
	}
	path, err := trust.Check(s.Certificate, s.Chain, s.Now())
	if err != nil {
		return "", nil, err
	}
	state, err := hashState(file)
	if err != nil {
		return "", nil, err
	}
	prepared, err := pades.Prepare(bytes.NewReader(file), pades.PrepareOptions{Box: box, Certificate: s.Certificate,
		SigningTime: s.Now(), Reason: reason, HashState: state})
	if err != nil {
		return "", nil, err
	}
	in := pades.EmbedInput{Prepared: *prepared, SourceSize: int64(len(file)), HashState: state, Certificate: s.Certificate,
		Chain: path[1:max(1, len(path)-1)]} // every verifier has the root from elsewhere
	if in.Value, err = s.Key.Sign(rand.Reader, prepared.H3[:], s.options()); err != nil {
		return "", nil, problem.Wrap(problem.ProviderUnavailable, err, "using the key of the seal")
	}
	value, _, err := pades.SignatureValue(prepared, s.Certificate, in.Value)
	if err != nil {
		return "", nil, err
	}
	if in.Timestamp, err = s.TSA.Stamp(ctx, sha256.Sum256(value)); err != nil {
		return "", nil, err
	}
	embedded, err := pades.Embed(in)
	if err != nil {
		return "", nil, err
	}
	return prepared.Field, slices.Concat(file, embedded.Increment), nil
}

// options are what the key is asked for. An ECDSA key has one way, and signs as DER.
func (s *Sealer) options() crypto.SignerOpts {
	if _, isRSA := s.Key.Public().(*rsa.PublicKey); isRSA && s.RSA != SchemePKCS1 {
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	}
	return crypto.SHA256
}

// gather asks for the status of every certificate in a file, now.
func (s *Sealer) gather(ctx context.Context, file []byte) (pades.Evidence, error) {
	here := func(_ context.Context, src pades.Source, opt pades.NeedsOptions) ([]pades.Need, error) {
		return pades.Needs(src, opt)
	}
	trust, err := s.Trust(ctx)
	if err != nil {
		return pades.Evidence{}, err
	}
	known, _, err := evidence.Gather(ctx, bytes.NewReader(file), here, s.Revocation.Status, evidence.Rule{Trust: trust, Fresh: true})
	return known, err
}

// verify judges a file by whom is trusted now.
func (s *Sealer) verify(ctx context.Context, file []byte, known pades.Evidence) (*pades.Verification, error) {
	trust, err := s.Trust(ctx)
	if err != nil {
		return nil, err
	}
	return pades.Verify(bytes.NewReader(file), pades.VerifyOptions{Roots: trust.Roots, Intermediates: trust.Intermediates, Removed: trust.Removed, Now: s.Now(), Evidence: known})
}

// check judges the sealed file as a relying party on the network does, and returns what it learned.
func (s *Sealer) check(ctx context.Context, sealed []byte, field string) (pades.Evidence, error) {
	known, err := s.gather(ctx, sealed)
	if err != nil {
		return known, err
	}
	found, err := s.verify(ctx, sealed, known)
	if err != nil {
		return known, err
	}
	for _, report := range found.Signatures {
		switch {
		case report.Field != field:
		case report.CertificateNow == pades.CertificateRevoked, report.CertificateNow == pades.CertificateOnHold:
			return known, problem.New(problem.CertificateRevoked, "the certificate of the seal was revoked or suspended")
		case report.Verdict == pades.TotalPassed && report.CoversAll && report.Level == "B-T":
			return known, nil
		default:
			return known, problem.New(problem.VerificationFailed, "the seal is %s %s at %s", report.Verdict, report.SubIndication, report.Level)
		}
	}
	return known, problem.New(problem.VerificationFailed, "the sealed file has no signature in our field")
}

// hashState is the SHA-256 state after all of a file.
func hashState(file []byte) ([]byte, error) {
	h := sha256.New()
	h.Write(file)
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("storing the state of a hash: %w", err)
	}
	return state, nil
}
