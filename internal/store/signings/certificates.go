package signings

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
)

// certificateRecord is signing.Certificate as it is sealed: the names stay when a Go field is renamed.
type certificateRecord struct {
	Fingerprint string    `json:"fingerprint"`
	Serial      string    `json:"serial"`
	Subject     string    `json:"subject"`
	Issuer      string    `json:"issuer"`
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	DER         []byte    `json:"der"`
	Chain       [][]byte  `json:"chain,omitempty"`
}

// CertificateRow is the row id under which a certificate is sealed.
func CertificateRow(signingID, fingerprint string) string { return signingID + "/" + fingerprint }

// SaveCertificates implements signing.Records.
func (s Records) SaveCertificates(ctx context.Context, id string, list []signing.Certificate) error {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return err
	}
	return s.change(ctx, "saving certificates", id, func(tx *sql.Tx) error {
		k, err := s.OfSigning(ctx, tx, k, id)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM certificates WHERE signing_id = $1`, id); err != nil {
			return err
		}
		for i, c := range list {
			text, err := json.Marshal(certificateRecord(c))
			if err != nil {
				return err
			}
			// A provider may list one certificate twice.
			_, err = tx.ExecContext(ctx, `
				INSERT INTO certificates (signing_id, fingerprint, position, certificate) VALUES ($1, $2, $3, $4)
				ON CONFLICT (signing_id, fingerprint) DO NOTHING`,
				id, c.Fingerprint, i, k.Sealed("certificates", "certificate", CertificateRow(id, c.Fingerprint), text))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Certificates implements signing.Records, in the order in which they were saved.
func (s Records) Certificates(ctx context.Context, id string) ([]signing.Certificate, error) {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return nil, err
	}
	var list []signing.Certificate
	err = s.Read(ctx, "listing certificates", func(tx *sql.Tx) error {
		k, err := s.OfSigning(ctx, tx, k, id)
		if err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `
			SELECT fingerprint, certificate FROM certificates WHERE signing_id = $1 ORDER BY position`, id)
		return kernel.Each(rows, err, func(rows *sql.Rows) error {
			c, err := scanCertificate(rows, k, id)
			list = append(list, c)
			return err
		})
	})
	return list, err
}

func scanCertificate(row kernel.Scanner, k *kernel.Keys, id string) (signing.Certificate, error) {
	var fingerprint string
	var value []byte
	if err := row.Scan(&fingerprint, &value); err != nil {
		return signing.Certificate{}, err
	}
	text, err := k.Open("certificates", "certificate", CertificateRow(id, fingerprint), value)
	if err != nil {
		return signing.Certificate{}, err
	}
	var record certificateRecord
	if err := json.Unmarshal(text, &record); err != nil {
		return signing.Certificate{}, fmt.Errorf("reading certificates.certificate: %w", err)
	}
	return signing.Certificate(record), nil
}

// ChooseCertificate implements signing.Records. The certificate must be among those that were looked up
// (problem.CertificateMissing), and cannot change once digests that name it were sent for approval.
func (s Records) ChooseCertificate(ctx context.Context, id, fingerprint string) error {
	return s.change(ctx, "choosing a certificate", id, func(tx *sql.Tx) error {
		var chosen string
		var sent bool
		var listed int
		err := tx.QueryRowContext(ctx, `
			SELECT s.certificate, s.approval_id IS NOT NULL,
				(SELECT COUNT(*) FROM certificates c WHERE c.signing_id = s.id AND c.fingerprint = $2)
			FROM signings s WHERE s.id = $1`, id, fingerprint).Scan(&chosen, &sent, &listed)
		switch {
		case err != nil:
			return err
		case chosen == fingerprint:
			return nil
		case listed == 0:
			return problem.New(problem.CertificateMissing, "the certificate is not among those of this signing")
		case sent:
			return kernel.Conflict("the certificate cannot change after a request was sent for approval")
		}
		_, err = tx.ExecContext(ctx, `UPDATE signings SET certificate = $1 WHERE id = $2`, fingerprint, id)
		return err
	})
}
