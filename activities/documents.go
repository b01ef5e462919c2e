package activities

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"io"
	"path"
	"strings"

	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
)

// maxIncrement bounds what is read back as one increment: the hole of 32 KiB in hex, an appearance with a font
// and an image, and validation data of a few hundred kilobytes fit many times.
const maxIncrement = 32 << 20

func (a *Signing) signer(provider string) (signing.RemoteSigner, error) {
	if signer, ok := a.Signers[provider]; ok {
		return signer, nil
	}
	return nil, problem.New(problem.ProviderCredentials, "the provider %s is not configured on this worker", provider)
}

// uploaded returns the file that a document was made of.
func (a *Signing) uploaded(ctx context.Context, doc signing.Document) (signing.Upload, error) {
	return a.recorded(ctx, doc.UploadID, doc.SHA256)
}

// recorded returns a stored file that must be the one with the digest which the record of the signing holds.
func (a *Signing) recorded(ctx context.Context, id, digest string) (signing.Upload, error) {
	upload, err := a.Records.Upload(ctx, id)
	if err == nil {
		err = upload.Has(digest)
	}
	return upload, err
}

// readThrough reads a stored file once, whole, and compares its digest.
func readThrough(src pades.Source, digest string) error {
	sum := sha256.New()
	// Reads of a page or more go past the cache of src.
	whole := struct{ io.Reader }{io.NewSectionReader(src, 0, src.Size())}
	if _, err := io.CopyBuffer(sum, whole, make([]byte, 1<<20)); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != digest {
		return problem.New(problem.DigestMismatch, "the stored bytes of a document are not those that were uploaded")
	}
	return nil
}

// certificate returns one of the certificates that were looked up for the signing.
func (a *Signing) certificate(ctx context.Context, signingID, fingerprint string) (signing.Certificate, error) {
	list, err := a.Records.Certificates(ctx, signingID)
	if err != nil {
		return signing.Certificate{}, err
	}
	for _, c := range list {
		if c.Fingerprint == fingerprint {
			return c, nil
		}
	}
	return signing.Certificate{}, problem.New(problem.CertificateMissing, "no certificate with this fingerprint was looked up")
}

// parse reads the DER of a certificate and of its issuers. An issuer that cannot be read is left out: the
// configured intermediates may stand in for it.
func parse(c signing.Certificate) (*x509.Certificate, []*x509.Certificate, error) {
	cert, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return nil, nil, problem.New(problem.CertificateInvalid, "the certificate cannot be parsed")
	}
	var chain []*x509.Certificate
	for _, der := range c.Chain {
		if issuer, err := x509.ParseCertificate(der); err == nil {
			chain = append(chain, issuer)
		}
	}
	return cert, chain, nil
}

func (a *Signing) readIncrement(ctx context.Context, base signing.Upload, key string, length int64) ([]byte, error) {
	if length <= 0 || length > maxIncrement {
		return nil, problem.New(problem.DigestMismatch, "the stored increment has an impossible length")
	}
	return a.Segments.ReadSegment(ctx, base, signing.Segment{Key: key, Length: length})
}

// stage returns a document at a level, and false when it has not been made.
func (a *Signing) stage(ctx context.Context, s signing.Signing, index int, level signing.Level) (signing.Upload, bool, error) {
	upload, err := a.Records.Upload(ctx, process.StageID(s.ID, index, string(level)))
	if problem.CodeOf(err) == problem.NotFound {
		return upload, false, nil
	}
	return upload, err == nil, err
}

// saveStage stores a document at a level: the segments of base and one increment.
func (a *Signing) saveStage(ctx context.Context, s signing.Signing, doc signing.Document, level signing.Level,
	base signing.Upload, increment []byte, digest [32]byte, hashState []byte,
) error {
	upload := signing.Upload{
		ID: process.StageID(s.ID, doc.Index, string(level)), Name: signedName(doc.Name), Size: base.Size + int64(len(increment)),
		SHA256: hex.EncodeToString(digest[:]), HashState: hashState, CreatedAt: a.Now(),
		Segments: append([]signing.Segment(nil), base.Segments...), KeyID: base.KeyID, Key: base.Key,
	}
	if len(increment) > 0 {
		segment, err := a.Segments.Append(ctx, base, increment)
		if err != nil {
			return err
		}
		upload.Segments = append(upload.Segments, segment)
	}
	return a.Records.SaveUpload(ctx, upload)
}

// signedName returns contract-signed.pdf for contract.pdf.
func signedName(name string) string {
	base := strings.TrimSuffix(name, path.Ext(name))
	return strings.TrimSuffix(base, "-signed") + "-signed.pdf"
}
