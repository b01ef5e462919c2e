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

	"kyso/internal/app"
)

// The files of the seal in the data folder, where the defaults of internal/app.Config look.
const (
	sealKeyFile         = "seal.key"
	sealCertificateFile = "seal.pem"
)

// sealName is whom the seal on contracts belongs to.
const sealName = "KYSO SANDBOX – KHÔNG CÓ GIÁ TRỊ PHÁP LÝ"

// keepSeal draws the key of the seal at the first start and has the sandbox certify it; later starts keep both. It is
// certified again, under the same key, when the certificate would not do any more: the sandbox's addresses changed, its
// state was removed, or the end is near.
func (w *World) keepSeal() error {
	path := w.folder.file(sealCertificateFile)
	key, certificates, err := app.ReadSeal(w.folder.file(sealKeyFile), path)
	if err != nil {
		key, err = w.folder.sealKey()
	}
	if err != nil {
		return fmt.Errorf("making the key of the seal: %w", err)
	}
	issuers, err := w.Sandbox.Intermediates()
	if err != nil {
		return err
	}
	if len(certificates) > 0 && sealHolds(certificates[0], issuers[0], w.ports.url(portParties)) {
		return nil
	}
	der, chain, err := w.Sandbox.IssueSeal(key.Public(), sealName)
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
func sealHolds(cert, issuer *x509.Certificate, parties string) bool {
	return cert.CheckSignatureFrom(issuer) == nil && slices.Contains(cert.OCSPServer, parties+"/ocsp") &&
		time.Until(cert.NotAfter) > 30*24*time.Hour
}

// sealKey reads the key of the seal, or draws one. Keys from elsewhere are not overwritten.
func (f *folder) sealKey() (crypto.Signer, error) {
	key, err := app.ReadSealKey(f.file(sealKeyFile))
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
	return drawn, writeFile(f.file(sealKeyFile), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
