package pki

import (
	"crypto/x509"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"kyso/internal/sandbox/kernel"
)

// Issued is what the register remembers of a certificate.
type Issued struct {
	Issuer  string      `json:"issuer"` // role
	User    string      `json:"user,omitempty"`
	Key     string      `json:"key,omitempty"` // key id, when issued through the key service
	Revoked *Revocation `json:"revoked,omitempty"`
}

// Revocation takes effect At, which may lie in the future.
type Revocation struct {
	At     time.Time `json:"at"`
	Reason int       `json:"reason"` // RFC 5280 section 5.3.1
}

// ReasonHold is certificateHold: a suspension, the only reason that can be taken back.
const ReasonHold = 6

// Final reports whether a certificate is revoked for good at a time.
func (i Issued) Final(at time.Time) bool { return i.RevokedAt(at) && i.Revoked.Reason != ReasonHold }

// RevokedAt reports whether a certificate is revoked or suspended at a time.
func (i Issued) RevokedAt(at time.Time) bool { return i.Revoked != nil && !i.Revoked.At.After(at) }

// Register remembers a certificate, and notes it in the ledger with a word.
func (p *PKI) Register(serial string, of Issued, word string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Issued[serial] = &of
	p.k.Record(kernel.Effect{Kind: kernel.EffectCertificate, Key: serial, User: of.User, Detail: word})
}

// Record returns what is remembered of a serial number.
func (p *PKI) Record(serial string) (Issued, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if of := p.state.Issued[serial]; of != nil {
		return *of, true
	}
	return Issued{}, false
}

// Enrolled returns the ids of the keys that have a certificate through the key service.
func (p *PKI) Enrolled() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ids []string
	for _, of := range p.state.Issued {
		if of.Key != "" {
			ids = append(ids, of.Key)
		}
	}
	return ids
}

// Status is how a certificate stands now.
func (p *PKI) Status(serial string, cert *x509.Certificate) string {
	now := p.k.Now()
	record, _ := p.Record(serial)
	switch {
	case record.Final(now):
		return "REVOKED"
	case record.RevokedAt(now):
		return "SUSPENDED"
	case now.After(cert.NotAfter):
		return "EXPIRED"
	default:
		return "VALID"
	}
}

// RevokedBy lists what an issuer had revoked by a time.
func (p *PKI) RevokedBy(role string, at time.Time) ([]x509.RevocationListEntry, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var entries []x509.RevocationListEntry
	for serial, record := range p.state.Issued {
		if record.Issuer != role || !record.RevokedAt(at) {
			continue
		}
		number, ok := new(big.Int).SetString(serial, 16)
		if !ok {
			return nil, fmt.Errorf("serial number %q is not hex", serial)
		}
		entries = append(entries, x509.RevocationListEntry{
			SerialNumber: number, RevocationTime: record.Revoked.At.UTC(), ReasonCode: record.Revoked.Reason})
	}
	slices.SortFunc(entries, func(a, b x509.RevocationListEntry) int { return a.SerialNumber.Cmp(b.SerialNumber) })
	return entries, nil
}

// CheckReason takes the reasons of a revocation for good.
func CheckReason(reason int) error {
	if reason < 0 || reason > 10 || reason == 7 || reason == ReasonHold || reason == 8 {
		return fmt.Errorf("%w: revocation reason %d", kernel.ErrInvalid, reason)
	}
	return nil
}

// Revoke revokes a certificate for good with a reason of RFC 5280 section 5.3.1, at a time that may lie ahead; the
// zero time is now.
func (p *PKI) Revoke(serial string, reason int, at time.Time) error {
	if err := CheckReason(reason); err != nil {
		return err
	}
	return p.setRevocation(serial, "revoked", func(now time.Time) *Revocation {
		if at.IsZero() {
			at = now
		}
		return &Revocation{At: at, Reason: reason}
	})
}

// Suspend puts a certificate on hold; Restore takes that back.
func (p *PKI) Suspend(serial string) error {
	return p.setRevocation(serial, "suspended", func(now time.Time) *Revocation {
		return &Revocation{At: now, Reason: ReasonHold}
	})
}

// Restore ends a suspension. A revocation stays.
func (p *PKI) Restore(serial string) error {
	return p.setRevocation(serial, "restored", func(time.Time) *Revocation { return nil })
}

func (p *PKI) setRevocation(serial, word string, change func(now time.Time) *Revocation) error {
	serial = strings.ToLower(serial)
	err := p.changeRevocation(serial, word, change)
	if err != nil {
		return err
	}
	return p.k.Flush()
}

func (p *PKI) changeRevocation(serial, word string, change func(now time.Time) *Revocation) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	record, now := p.state.Issued[serial], p.k.Now()
	switch {
	case record == nil:
		return fmt.Errorf("certificate %q: %w", serial, kernel.ErrNotFound)
	case record.Final(now):
		return fmt.Errorf("%w: certificate %s is revoked, which is final", kernel.ErrInvalid, serial)
	}
	record.Revoked = change(now)
	p.k.Record(kernel.Effect{Kind: kernel.EffectCertificate, Key: serial, User: record.User, Detail: word})
	return nil
}

// RevokeNow revokes a certificate as its CA does, and returns since when it is. first says that it was not revoked yet.
// The caller saves.
func (p *PKI) RevokeNow(serial string, reason int) (at time.Time, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	record, now := p.state.Issued[serial], p.k.Now()
	if first = !record.Final(now); first {
		record.Revoked = &Revocation{At: now, Reason: reason}
	}
	return record.Revoked.At, first
}
