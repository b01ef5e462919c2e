package signings

import (
	"context"
	"database/sql"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"time"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
)

// certificateRecord is signing.Certificate as the release before seals it: the names stay when a Go field is renamed.
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

// packedCertificate is signing.Certificate as it is packed: times in microseconds since 1970, texts as bytes because a provider writes them.
type packedCertificate struct {
	Serial, Subject, Issuer []byte
	NotBefore, NotAfter     int64
	DER                     []byte
	Chain                   [][]byte
}

// writeCertificate is how a certificate is kept: packed against those of its issuers, which all their customers have in common.
func (s Records) writeCertificate(ctx context.Context, tx *sql.Tx, c signing.Certificate) (record []byte, shared sql.NullInt64, err error) {
	if s.AsBefore {
		record, err = json.Marshal(certificateRecord(c))
		return record, shared, err
	}
	common := commonOf(c.Chain...)
	if err := s.use(ctx, tx, common); err != nil {
		return nil, shared, err
	}
	record, err = asn1.Marshal(packedCertificate{[]byte(c.Serial), []byte(c.Subject), []byte(c.Issuer), c.NotBefore.UnixMicro(), c.NotAfter.UnixMicro(), c.DER, c.Chain})
	if err == nil {
		record, err = pack(record, common)
	}
	return record, sql.NullInt64{Int64: common.id(), Valid: true}, err
}

// readCertificate is the inverse of writeCertificate.
func readCertificate(record []byte, fingerprint string, packed bool, common content) (signing.Certificate, error) {
	if !packed {
		var c certificateRecord
		err := json.Unmarshal(record, &c)
		return signing.Certificate(c), err
	}
	var c packedCertificate
	data, err := unpack(record, common)
	if err == nil {
		_, err = asn1.Unmarshal(data, &c)
	}
	if len(c.Chain) == 0 {
		c.Chain = nil
	}
	return signing.Certificate{Fingerprint: fingerprint, Serial: string(c.Serial), Subject: string(c.Subject), Issuer: string(c.Issuer),
		NotBefore: time.UnixMicro(c.NotBefore).UTC(), NotAfter: time.UnixMicro(c.NotAfter).UTC(), DER: c.DER, Chain: c.Chain}, err
}

// CertificateRow is the row id under which a certificate is sealed.
func CertificateRow(signingID, fingerprint string) string { return signingID + "/" + fingerprint }

// SaveCertificates implements signing.Records.
func (s Records) SaveCertificates(ctx context.Context, id string, list []signing.Certificate) error {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return err
	}
	return s.changeOf(ctx, "saving certificates", id, k, func(tx *sql.Tx, k *kernel.Keys) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM certificates WHERE signing_id = $1`, id); err != nil {
			return err
		}
		for i, c := range list {
			record, shared, err := s.writeCertificate(ctx, tx, c)
			if err != nil {
				return err
			}
			// A provider may list one certificate twice.
			_, err = tx.ExecContext(ctx, `
				INSERT INTO certificates (signing_id, fingerprint, position, certificate, shared) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (signing_id, fingerprint) DO NOTHING`,
				id, c.Fingerprint, i, k.Sealed("certificates", "certificate", CertificateRow(id, c.Fingerprint), record), shared)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Certificates implements signing.Records, in the order in which they were saved.
func (s Records) Certificates(ctx context.Context, id string) ([]signing.Certificate, error) {
	var list []signing.Certificate
	contents := openedContents{}
	err := s.readSealed(ctx, "listing certificates", id, certificatesTable, func(row kernel.Scanner) (func(*kernel.Keys) error, error) {
		var fingerprint string
		var value, common []byte
		var shared sql.NullInt64
		err := row.Scan(&fingerprint, &value, &shared, &common)
		return func(k *kernel.Keys) error {
			record, err := k.Open("certificates", "certificate", CertificateRow(id, fingerprint), value)
			if err != nil {
				return err
			}
			with, err := contents.open(shared, common)
			if err != nil {
				return err
			}
			c, err := readCertificate(record, fingerprint, shared.Valid, with)
			if err != nil {
				return fmt.Errorf("reading certificates.certificate: %w", err)
			}
			list = append(list, c)
			return nil
		}, err
	})
	return list, err
}

var certificatesTable = sealedTable{table: `certificates f ON f.signing_id = s.id LEFT JOIN contents c ON c.id = f.shared`,
	columns: `COALESCE(f.fingerprint, ''), f.certificate, f.shared, c.data`, tail: ` ORDER BY f.position`}

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
