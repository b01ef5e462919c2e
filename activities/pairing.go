package activities

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/hex"

	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// pair finds the value of every document in a provider's answer. A value that verifies over the exact bytes that were sent with the
// key of the chosen certificate is the document's, whatever name, place or spelling it came with; that is the proof, and the
// only one. What the answer says of itself decides in which order values are tried, and which one stands for a document when none
// verifies: that one is recorded, and refused when it is to be embedded. A document without any value has no entry.
func (a *Signing) pair(ctx context.Context, s signing.Signing, answers []signing.ProviderAnswer) (map[int][]byte, error) {
	stored, err := a.certificate(ctx, s.ID, s.Certificate)
	if err != nil {
		return nil, err
	}
	cert, _, err := parse(stored)
	if err != nil {
		return nil, err
	}
	values := make(map[int][]byte, len(s.Documents))
	for i, doc := range s.Documents {
		p, digest, err := signedBytes(doc)
		if err != nil {
			return nil, err
		}
		named, others := likely(answers, i, len(s.Documents), documentID(s, doc), digest)
		if value := proven(p, cert, append(append([][]byte{}, named...), others...)); value != nil {
			values[doc.Index] = value
		} else if len(named) > 0 {
			values[doc.Index] = named[0]
		}
	}
	return values, nil
}

// signedBytes is what a value has to verify over; the rest of what was prepared is of no matter here.
func signedBytes(doc signing.Document) (p *pades.Prepared, digest []byte, err error) {
	if doc.Prepared == nil {
		return nil, nil, problem.New(problem.Conflict, "document %d is not prepared", doc.Index+1)
	}
	p = &pades.Prepared{SignedAttrs: doc.Prepared.SignedAttrs}
	n, err := hex.Decode(p.H2[:], []byte(doc.Prepared.H2))
	if digest, _ = hex.DecodeString(doc.Prepared.H3); err != nil || n != len(p.H2) || len(digest) != len(p.H3) {
		return nil, nil, problem.New(problem.DigestMismatch, "a stored digest of document %d is not a SHA-256", doc.Index+1)
	}
	return p, digest, nil
}

// likely sorts the readings of an answer: what carries the document's name, its digest or its place comes first.
func likely(answers []signing.ProviderAnswer, place, documents int, name string, digest []byte) (named, others [][]byte) {
	var echoed, placed [][]byte
	for i, answer := range answers {
		switch {
		case answer.DocumentID == name:
			named = append(named, answer.Values...)
		case bytes.Equal(answer.Digest, digest):
			echoed = append(echoed, answer.Values...)
		case i == place && len(answers) == documents:
			placed = append(placed, answer.Values...)
		default:
			others = append(others, answer.Values...)
		}
	}
	return append(append(named, echoed...), placed...), others
}

func proven(p *pades.Prepared, cert *x509.Certificate, values [][]byte) []byte {
	for _, value := range values {
		if _, _, err := pades.SignatureValue(p, cert, value); err == nil {
			return value
		}
	}
	return nil
}
