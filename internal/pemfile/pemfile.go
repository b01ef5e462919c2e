// Package pemfile reads certificates and private keys from PEM files that the operator of this installation keeps.
package pemfile

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"kyso/internal/pades"
	"kyso/internal/problem"
)

// Certificates reads certificates in their order. Another kind of block is problem.Invalid; a file without blocks holds none.
func Certificates(path string) ([]*x509.Certificate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var certificates []*x509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return certificates, nil
		}
		if block.Type != "CERTIFICATE" {
			return nil, problem.New(problem.Invalid, "%s holds a PEM block of type %s; only certificates belong there", path, block.Type)
		}
		cert, err := pades.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parsing a certificate of %s: %w", path, err)
		}
		certificates = append(certificates, cert)
	}
}

// Key reads a private key: PKCS #8, not encrypted. Errors: fs.ErrNotExist, and problem.Invalid for what is no such key.
func Key(path string) (crypto.Signer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a private key: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, problem.New(problem.Invalid, "%s is not a PEM file with an unencrypted PKCS #8 key (BEGIN PRIVATE KEY)", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		// The library's words may quote what stands in the file.
		return nil, problem.New(problem.Invalid, "the key in %s cannot be read", path)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, problem.New(problem.Invalid, "the key in %s cannot sign", path)
	}
	return signer, nil
}
