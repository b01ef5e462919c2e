package registration

import (
	"slices"
	"time"
)

// Outcome is how a registration ended, as far as the law tells apart what is kept.
type Outcome string

// The outcomes.
const (
	WithoutCertificate Outcome = "without-certificate" // refused, ineligible, withdrawn, expired or cancelled before a certificate was issued
	WithCertificate    Outcome = "with-certificate"    // a certificate was issued, whatever became of it
)

// OutcomeOf returns the outcome of a registration that has ended.
func OutcomeOf(r Registration) Outcome {
	if r.Issued != nil && r.Issued.Serial != "" {
		return WithCertificate
	}
	return WithoutCertificate
}

// Kind is a kind of data that is held of a person.
type Kind string

// The kinds.
const (
	KindPerson        Kind = "person"         // the record from VNeID
	KindAccount       Kind = "account"        // phone, e-mail and password
	KindCodes         Kind = "codes"          // phones that one-time codes went to
	KindRequest       Kind = "request"        // the request form
	KindDraft         Kind = "contract-draft" // the contract before it was sealed
	KindContract      Kind = "contract"       // the sealed contract
	KindCertificate   Kind = "certificate"    // the issued certificate
	KindAcceptance    Kind = "acceptance"     // the signed acceptance record with its signing and evidence
	KindNotes         Kind = "notes"          // words of officers and operators
	KindSignings      Kind = "signings"       // documents, signed files, names, certificates, values and evidence of other signings
	KindWithoutPerson Kind = "records"        // ids, states, digests, amounts and the audit log
)

// Kinds returns every kind.
func Kinds() []Kind {
	return []Kind{KindPerson, KindAccount, KindCodes, KindRequest, KindDraft, KindContract, KindCertificate, KindAcceptance, KindNotes,
		KindSignings, KindWithoutPerson}
}

// Rule says what happens to one kind of data when a person is erased. Without a Law it is erased at once.
type Rule struct {
	Kind    Kind
	Outcome Outcome
	Law     string // the clause that keeps it
	VI, EN  string // why, for people
	ForGood bool   // it holds no personal data and has no end
}

// The clauses. How long a subscriber's dossier is kept is not fixed by Decree 23/2025; the five years of Decree 130/2018
// are the default of KYSO_KEEP_YEARS.
const (
	lawDossier  = "Law 20/2023/QH15 Art. 34, 38; Decree 23/2025/ND-CP"
	lawContract = "Law 20/2023/QH15 Art. 9-12, 34-36"
	lawNoPerson = "Law 91/2025/QH15 Art. 14"
)

// Retention is the one table of what the law keeps: each outcome with each kind of data.
func Retention() []Rule {
	dossier := func(k Kind) Rule {
		return Rule{Kind: k, Outcome: WithCertificate, Law: lawDossier, VI: "Hồ sơ thuê bao của chứng thư số đã cấp", EN: "Dossier of an issued certificate"}
	}
	contract := func(k Kind) Rule {
		return Rule{Kind: k, Outcome: WithCertificate, Law: lawContract, VI: "Hợp đồng điện tử và chứng cứ giao kết, nghiệm thu", EN: "Electronic contract and the proof that it was made and performed"}
	}
	now := func(o Outcome, k Kind) Rule { return Rule{Kind: k, Outcome: o} }
	records := func(o Outcome) Rule {
		return Rule{Kind: KindWithoutPerson, Outcome: o, Law: lawNoPerson, ForGood: true,
			VI: "Mã, trạng thái, số tiền và nhật ký: không chứa dữ liệu cá nhân", EN: "Ids, states, amounts and the log: no personal data"}
	}
	return []Rule{
		dossier(KindPerson), dossier(KindRequest), dossier(KindCertificate), contract(KindContract), contract(KindAcceptance), records(WithCertificate),
		now(WithCertificate, KindAccount), now(WithCertificate, KindCodes), now(WithCertificate, KindDraft), now(WithCertificate, KindNotes),
		now(WithCertificate, KindSignings),

		now(WithoutCertificate, KindPerson), now(WithoutCertificate, KindAccount), now(WithoutCertificate, KindCodes),
		now(WithoutCertificate, KindRequest), now(WithoutCertificate, KindDraft), now(WithoutCertificate, KindContract),
		now(WithoutCertificate, KindCertificate), now(WithoutCertificate, KindAcceptance), now(WithoutCertificate, KindNotes),
		now(WithoutCertificate, KindSignings), records(WithoutCertificate),
	}
}

// Kept is what stays of one registration after an erasure, and why.
type Kept struct {
	RegistrationID string
	Rule
	Until time.Time // zero when it is ForGood
}

// Erasure is what became of a person's data.
type Erasure struct {
	At     time.Time
	Erased []Kind // what is gone, of every registration and signing of the person
	Kept   []Kept
}

// Keep returns what of a registration stays at a time, and its end. years count from the end of the certificate: its
// expiry, or its revocation when that came first.
func Keep(r Registration, now time.Time, years int) []Kept {
	var kept []Kept
	for _, rule := range Retention() {
		if rule.Outcome != OutcomeOf(r) || rule.Law == "" || !holds(r, rule.Kind) {
			continue
		}
		one := Kept{RegistrationID: r.ID, Rule: rule}
		if !rule.ForGood {
			if one.Until = certificateEnd(r).AddDate(years, 0, 0); !one.Until.After(now) {
				continue
			}
		}
		kept = append(kept, one)
	}
	return kept
}

func certificateEnd(r Registration) time.Time {
	end := r.Issued.NotAfter
	if !r.RevokedAt.IsZero() && (end.IsZero() || r.RevokedAt.Before(end)) {
		end = r.RevokedAt
	}
	if end.IsZero() { // issued and never received
		end = r.UpdatedAt
	}
	return end.UTC()
}

// holds reports whether a registration has data of a kind.
func holds(r Registration, kind Kind) bool {
	switch kind {
	case KindRequest:
		return r.Request != nil
	case KindContract:
		return r.Contract != nil && r.Contract.SealedID != ""
	case KindAcceptance:
		return r.Acceptance != nil && r.Acceptance.SignedID != ""
	case KindCertificate:
		return r.Issued != nil && !r.Issued.NotAfter.IsZero()
	}
	return true
}

// UploadsOf returns the papers of a registration: those of the kinds in kept, and the others. An acceptance record that
// was signed begins with the one that was written.
func UploadsOf(r Registration, kept []Kept) (keep, others []string) {
	add := func(kind Kind, ids ...string) {
		for _, id := range ids {
			if id == "" {
				continue
			}
			if slices.ContainsFunc(kept, func(k Kept) bool { return k.Kind == kind }) {
				keep = append(keep, id)
			} else {
				others = append(others, id)
			}
		}
	}
	if r.Request != nil {
		add(KindRequest, r.Request.UploadID)
	}
	if r.Contract != nil {
		add(KindDraft, r.Contract.UploadID)
		add(KindContract, r.Contract.SealedID)
		add(KindContract, r.Contract.Earlier...)
	}
	if r.Acceptance != nil {
		add(KindAcceptance, r.Acceptance.UploadID, r.Acceptance.SignedID)
	}
	return keep, others
}
