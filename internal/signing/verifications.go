package signing

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"regexp"
	"slices"
	"time"

	"kyso/internal/page"
)

// Verification is the record of a verification that its caller wanted to be kept (Circular 15/2025/TT-BKHCN, Art. 6.2).
type Verification struct {
	ID        string
	Owner     string // who asked
	Name      string // of the file
	Size      int64
	SHA256    string // of the file, which is not kept with it
	CreatedAt time.Time
	Report    json.RawMessage // as it was found; not in lists
	Trust     []string        // fingerprints of the certificates that were trusted then
	Material  Material        // written only; see Verifications.Material
	People    []string        // citizen numbers of the signers; written only, as keyed digests
}

// Material is what a verdict rests on, as DER.
type Material struct {
	Certificates [][]byte `json:"certificates"`
	OCSPs        [][]byte `json:"ocsps"`
	CRLs         [][]byte `json:"crls"`
}

// Size is how many bytes it has.
func (m Material) Size() int64 {
	var n int64
	for _, der := range slices.Concat(m.Certificates, m.OCSPs, m.CRLs) {
		n += int64(len(der))
	}
	return n
}

// Verifications keeps verifications. problem.NotFound for what is not there, or was deleted.
type Verifications interface {
	// Keep stores a verification and what it counts for. The same id again gives the one that is there; with another file it is
	// problem.IdempotencyMismatch. problem.RateLimited and problem.TooLarge when a quota is full.
	Keep(ctx context.Context, v Verification, by Uploader) (Verification, error)
	Verification(ctx context.Context, id string) (Verification, error)
	// Material returns what a verdict rests on.
	Material(ctx context.Context, id string) (Material, error)
	// List returns those of an owner, newest first, from a place on, without reports.
	List(ctx context.Context, owner string, after page.Cursor, limit int) ([]Verification, error)
	// Delete takes a verification away with all that belongs to it. One that is gone stays gone.
	Delete(ctx context.Context, id string, when time.Time) error
}

// citizenIn is a citizen number at the end of an attribute ("CCCD:079095012345").
var citizenIn = regexp.MustCompile(`(?:^|[^0-9])([0-9]{12})$`)

// CitizensIn returns the citizen numbers in the subjects of certificates: those attributes that BelongsTo compares.
func CitizensIn(certificates []*x509.Certificate) []string {
	var found []string
	for _, cert := range certificates {
		for _, name := range cert.Subject.Names {
			text, _ := name.Value.(string)
			number := citizenIn.FindStringSubmatch(text)
			of := slices.Contains([]string{oidUID, oidSubjectSerial, oidOrganisationID}, name.Type.String())
			if of && number != nil && !slices.Contains(found, number[1]) {
				found = append(found, number[1])
			}
		}
	}
	return found
}
