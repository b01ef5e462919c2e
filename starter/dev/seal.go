package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"kyso/internal/eseal"
	"kyso/internal/pemfile"
	"kyso/internal/sandbox"
)

// The files of the seal in the data folder, where the defaults of internal/config.Config look.
const (
	sealKeyFile         = "seal.key"
	sealCertificateFile = "seal.pem"
)

// sealFiles are what the seal of an issuer's party lies in.
type sealFiles struct {
	issuer, key, certificate, authorities string
	name                                  string // whom it belongs to
}

// seals are those of the sandbox's issuers. Each has an own party, and its contracts name it.
var seals = []sealFiles{
	{sandbox.FirstIssuer, sealKeyFile, sealCertificateFile, "authorities.pem", "KYSO SANDBOX – KHÔNG CÓ GIÁ TRỊ PHÁP LÝ"},
	{sandbox.SecondIssuer, "seal-2.key", "seal-2.pem", "authorities-2.pem", "KYSO SANDBOX INTRUST – KHÔNG CÓ GIÁ TRỊ PHÁP LÝ"},
}

const secondPartyFile = "party-2.json"

// keepParty writes who sells the second issuer's certificates. The first one's is the default of internal/config.
func (w *World) keepParty() error {
	return writeJSON(w.folder.file(secondPartyFile), map[string]string{
		"name": seals[1].name, "short_name": "KYSO SANDBOX INTRUST", "tax_code": "0000000001", "licence": "Không có – môi trường thử nghiệm",
		"representative": "Người thử nghiệm", "title": "Đại diện thử nghiệm", "address": "Môi trường thử nghiệm thứ hai, không phải địa chỉ thật", "hotline": "0000 000 001"})
}

// keepSeal draws the key of the seal at the first start and has the sandbox certify it; later starts keep both. It is
// certified again, under the same key, when the certificate would not do any more: the sandbox's addresses changed, its
// state was removed, or the end is near.
func (w *World) keepSeal(s sealFiles) error {
	path := w.folder.file(s.certificate)
	key, certificates, err := eseal.Settings{KeyFile: w.folder.file(s.key), CertificateFile: path}.Open()
	if err != nil {
		key, err = w.folder.sealKey(s.key)
	}
	if err != nil {
		return fmt.Errorf("making the key of the seal: %w", err)
	}
	authorities, err := w.Sandbox.AuthoritiesPEM(s.issuer)
	if err != nil {
		return err
	}
	if err := writeFile(w.folder.file(s.authorities), authorities); err != nil {
		return err
	}
	if len(certificates) > 0 && sealHolds(certificates[0], authorities, w.ports.url(portParties)) {
		return nil
	}
	der, chain, err := w.Sandbox.IssueSealOf(s.issuer, key.Public(), s.name)
	if err != nil {
		return fmt.Errorf("certifying the seal: %w", err)
	}
	var bundle []byte
	for _, one := range slices.Insert(chain, 0, der) {
		bundle = append(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: one})...)
	}
	return writeFile(path, bundle)
}

// sealHolds reports whether a certificate of the sandbox can still be verified.
func sealHolds(cert *x509.Certificate, authorities []byte, parties string) bool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authorities)
	_, err := cert.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err == nil && slices.Contains(cert.OCSPServer, parties+"/ocsp") &&
		time.Until(cert.NotAfter) > 30*24*time.Hour
}

// sealKey reads the key of the seal, or draws one. Keys from elsewhere are not overwritten.
func (f *folder) sealKey(name string) (crypto.Signer, error) {
	key, err := pemfile.Key(f.file(name))
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	drawn, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(drawn)
	if err != nil {
		return nil, err
	}
	// writeFile makes files that only their owner reads.
	return drawn, writeFile(f.file(name), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
