package rssp769

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/pki"
)

// makeValues signs every document of an approved transaction, in the way the user's knobs ask for. The caller
// holds p.mu.
func (p *Provider) makeValues(tx *transaction, at time.Time) error {
	k := p.knobs(tx.User)
	c, err := p.credentialOf(tx)
	if err != nil {
		return err
	}
	key := c.Signer()
	if k.WrongKey {
		if key, err = p.pki.NewKey(c.Scheme); err != nil {
			return err
		}
	}
	for _, d := range tx.Documents {
		value, err := signDigest(key, c.Scheme, d.Digest, k.RawRS)
		if err != nil {
			return fmt.Errorf("document %s: %w", d.ID, err)
		}
		if k.CMSAnswer {
			// The provider saw a digest only, so its CMS has no signed attributes: the value is over the digest
			// that was sent (RFC 5652 section 5.4, the case without signedAttrs).
			if value, err = (pki.CMS{Signer: c.Certificate(), Algorithm: pki.SignatureAlgorithm(c.Scheme), Value: value}).Marshal(); err != nil {
				return fmt.Errorf("document %s: %w", d.ID, err)
			}
		}
		if k.EmptyValue {
			value = nil
		}
		d.Value = value
		p.k.Record(kernel.Effect{At: at, Kind: kernel.EffectSign, Key: tx.OurID + "/" + d.ID, User: tx.User, TransactionID: tx.OurID,
			DocID: d.ID, Digest: fmt.Sprintf("%x", d.Digest)})
	}
	if k.SwapBatch && len(tx.Documents) > 1 {
		a, b := tx.Documents[0], tx.Documents[1]
		a.Value, b.Value = b.Value, a.Value
	}
	return nil
}

// signDigest makes a raw signature value over a SHA-256 digest.
func signDigest(key crypto.Signer, scheme string, digest []byte, rawRS bool) ([]byte, error) {
	switch scheme {
	case "pss": // Circular 15/2025 asks for RSA-PSS; salt as long as the digest (RFC 4055 section 3.1)
		return key.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	case "p256":
		if rawRS {
			return signRawRS(key, digest)
		}
	}
	return key.Sign(rand.Reader, digest, crypto.SHA256)
}

// signRawRS makes an ECDSA value as r‖s of fixed length (IEEE P1363), as some providers do.
func signRawRS(key crypto.Signer, digest []byte) ([]byte, error) {
	der, err := key.Sign(rand.Reader, digest, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		return nil, err
	}
	public, ok := key.Public().(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("r‖s from a %T", key)
	}
	size := (public.Params().BitSize + 7) / 8
	value := make([]byte, 2*size)
	rs.R.FillBytes(value[:size])
	rs.S.FillBytes(value[size:])
	return value, nil
}
