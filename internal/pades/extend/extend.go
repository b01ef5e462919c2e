// Package extend appends validation data to a signed file (B-LT), and says what of it is still missing.
package extend

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"

	"kyso/internal/pades/cms"
	"kyso/internal/pades/document"
	"kyso/internal/pades/dss"
	"kyso/internal/pades/pdf"
	"kyso/internal/pades/trust"
	"kyso/internal/problem"
)

// File is what pades.Extend does.
func File(src document.Source, ev dss.Evidence, hashState []byte) (*document.Extended, error) {
	f, err := document.OpenSigned(src)
	if err != nil {
		return nil, err
	}
	increment, err := dss.Extend(f, ev)
	if err != nil {
		return nil, fmt.Errorf("extending the document security store: %w", err)
	}
	h, err := document.Hash(src, hashState)
	if err != nil {
		return nil, err
	}
	h.Write(increment)
	out := &document.Extended{Increment: increment}
	out.SHA256, out.HashState, err = document.SumAndState(h)
	return out, err
}

// Need is a certificate whose revocation status must be known before a file reaches B-LT.
type Need struct {
	Certificate *x509.Certificate
	Issuer      *x509.Certificate
	Anchored    bool // its chain ends at one of NeedsOptions.Roots
}

// NeedsOptions says what is asked of Needs.
type NeedsOptions struct {
	Have dss.Evidence // what the caller has besides the file, roots included
	// ByteRange restricts the question to the signature with this range; the zero value asks about all. Other signatures in
	// an uploaded file name services of strangers, which are none of a signer's business.
	ByteRange [4]int64
	// Roots are the trusted ones, as DER. A chain that ends elsewhere is a stranger's, and so are the addresses in it.
	Roots [][]byte
	// Fresh lists also those whose status is known: what a file carries is as old as the file.
	Fresh bool
}

// Needs is what pades.Needs does.
func Needs(src document.Source, opt NeedsOptions) ([]Need, error) {
	f, err := document.OpenSigned(src)
	if err != nil {
		return nil, err
	}
	store, err := dss.Read(f)
	if err != nil {
		return nil, fmt.Errorf("reading the document security store: %w", err)
	}
	fields, err := f.SignatureFields()
	if err != nil {
		return nil, fmt.Errorf("reading the signature fields: %w", err)
	}
	pool := trust.NewPool()
	pool.Add(opt.Have, false)
	pool.Add(store, true)
	var leaves []*x509.Certificate
	for _, field := range fields {
		if field.Value != nil && (opt.ByteRange == [4]int64{} || opt.ByteRange[1] == field.ContentsStart && opt.ByteRange[2] == field.ContentsEnd) {
			leaves = append(leaves, signersOf(field.Value, pool)...)
		}
	}
	if len(leaves) == 0 {
		return nil, problem.New(problem.Invalid, "the file holds no signature")
	}
	return missing(leaves, pool, opt), nil
}

// signersOf adds the certificates of a signature and its time-stamps to the pool and returns those of the signer
// and the authority.
func signersOf(value *pdf.Dict, pool *trust.Pool) []*x509.Certificate {
	contents, _ := value.Get("Contents").(pdf.String)
	sd, _, err := cms.Parse([]byte(contents))
	if err != nil {
		return nil
	}
	pool.AddSignedData(sd)
	var leaves []*x509.Certificate
	if cert := sd.Certificate(pool.Certs); cert != nil {
		leaves = append(leaves, cert)
	}
	for _, stamp := range sd.Signer.Timestamps {
		token, _, err := cms.ParseToken(stamp)
		if err != nil {
			continue
		}
		pool.AddSignedData(token.SignedData)
		if cert := token.SignedData.Certificate(pool.Certs); cert != nil {
			leaves = append(leaves, cert)
		}
	}
	return leaves
}

// missing walks from the leaves to the roots and over OCSP responders.
func missing(leaves []*x509.Certificate, pool *trust.Pool, opt NeedsOptions) []Need {
	var needs []Need
	seen := map[[32]byte]bool{}
	for queue := leaves; len(queue) > 0; queue = queue[1:] {
		cert := queue[0]
		if seen[sha256.Sum256(cert.Raw)] || trust.SelfIssued(cert) {
			continue
		}
		seen[sha256.Sum256(cert.Raw)] = true
		issuer := pool.IssuerOf(cert)
		if issuer == nil {
			continue // an answer could not be verified; Verify reports the broken chain
		}
		queue = append(queue, issuer)
		statuses := pool.Statuses(cert, issuer)
		if opt.Fresh || len(statuses) == 0 {
			needs = append(needs, Need{Certificate: cert, Issuer: issuer, Anchored: anchored(issuer, pool, opt.Roots)})
		}
		for _, st := range statuses {
			if st.Responder != nil && !cms.NoCheck(st.Responder) {
				queue = append(queue, st.Responder)
			}
		}
	}
	return needs
}

// longestChain bounds a walk to a root; real chains have two or three issuers.
const longestChain = 8

// anchored reports whether the chain of a certificate ends at one of the roots.
func anchored(cert *x509.Certificate, pool *trust.Pool, roots [][]byte) bool {
	for range longestChain {
		if slices.ContainsFunc(roots, func(root []byte) bool { return bytes.Equal(root, cert.Raw) }) {
			return true
		}
		if trust.SelfIssued(cert) {
			return false
		}
		if cert = pool.IssuerOf(cert); cert == nil {
			return false
		}
	}
	return false
}
