package registration

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Person is who asks for a certificate, as VNeID sends it: only what a certificate and its papers need. All of it is
// personal data; text is NFC.
type Person struct {
	IDNumber    string `json:"id_number"`     // số định danh cá nhân, 12 digits
	FullName    string `json:"full_name"`     // as printed on the card
	BirthDate   string `json:"birth_date"`    // YYYY-MM-DD
	Sex         string `json:"sex"`           // male or female
	Nationality string `json:"nationality"`   // ISO 3166-1 alpha-2, VN
	Province    string `json:"province"`      // of permanent residence, free text
	Commune     string `json:"commune"`       // ward or commune, free text
	Address     string `json:"address"`       // street and number, free text
	IDIssuedOn  string `json:"id_issued_on"`  // YYYY-MM-DD
	IDIssuedBy  string `json:"id_issued_by"`  // authority
	IDExpiresOn string `json:"id_expires_on"` // YYYY-MM-DD, empty when it does not end
	Phone       string `json:"phone"`         // E.164, as VNeID knows it
}

// CorrectableFields are what an officer may ask a citizen to correct. The others come from VNeID and are corrected
// there.
var CorrectableFields = []string{"province", "commune", "address", "id_issued_on", "id_issued_by", "id_expires_on", "email"}

// IdentityFields are the correctable fields that say who a person is: operators change them in twos.
var IdentityFields = []string{"id_issued_on", "id_issued_by", "id_expires_on"}

// Change is a correction of one field. Whoever need not know the person gets both values masked.
type Change struct {
	Field string `json:"field"`
	Old   string `json:"old"`
	New   string `json:"new"`
}

// Correction is what one correction changed, in full; email is the account's.
type Correction struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Changes []Change  `json:"changes"` // both values in full
}

// Masked returns enough of a value to tell it from another one, and not enough to know it: the first letter of each word,
// the year of a date, the domain of an e-mail address.
func Masked(value string) string {
	if name, domain, ok := strings.Cut(value, "@"); ok {
		return Masked(name) + "@" + domain
	}
	if day, err := time.Parse(time.DateOnly, value); err == nil {
		return day.Format("2006") + "-••-••"
	}
	words := strings.Fields(value)
	for i, word := range words {
		first, _ := utf8.DecodeRuneInString(word)
		words[i] = string(first) + "•••"
	}
	return strings.Join(words, " ")
}

// Consent is one consent that the citizen gave in VNeID: one record for each purpose, never ticked before.
type Consent struct {
	Purpose     string    `json:"purpose"` // PurposeTerms or PurposePersonalData
	TextVersion string    `json:"text_version"`
	TextSHA256  string    `json:"text_sha256"` // hex, of the text that was shown
	ShownAt     time.Time `json:"shown_at"`
	AcceptedAt  time.Time `json:"accepted_at"`
	Channel     string    `json:"channel"` // where, such as vneid
}

// The two purposes. Both are needed, each by itself (Law 91/2025/QH15).
const (
	PurposeTerms        = "terms"
	PurposePersonalData = "personal-data"
)

// Request is VNeID's signed request as it came in, checked and normalised.
type Request struct {
	RequestID    string
	Issuer       string
	Person       Person
	Consents     []Consent
	HandoffToken string    // one-time; only a keyed digest of it is stored
	ExpiresAt    time.Time // of the token
	ReceivedAt   time.Time
	Digest       string // hex SHA-256 of the raw body
}

// Account is a citizen's account with the registration service. Its phone and e-mail are sealed.
type Account struct {
	ID           string
	SubjectID    string
	Phone        string // E.164; one account for one phone
	Email        string
	PasswordHash string // argon2id in PHC form
	CreatedAt    time.Time
	Failures     int // consecutive wrong passwords, from anywhere; see Passwords
}

// Purpose says what a one-time code is for. A code is bound to it.
type Purpose string

// The purposes of one-time codes.
const (
	PurposeAccount    Purpose = "account"    // proves the phone
	PurposeContract   Purpose = "contract"   // consent to the contract
	PurposeActivation Purpose = "activation" // activates the key; only to the registered phone
	PurposeLogin      Purpose = "login"      // logs in, with the password
	PurposeReset      Purpose = "reset"      // sets a password that was forgotten, after a cooling time
)

// Code is a one-time code without its digits: the store keeps a keyed digest, and the digits sealed until they are
// sent.
type Code struct {
	ID             string
	RegistrationID string
	Purpose        Purpose
	Phone          string // E.164, sealed in the store
	Binding        string // what else it is bound to, such as the digest of the contract
	CreatedAt      time.Time
	ExpiresAt      time.Time
	SentAt         time.Time // zero until the gateway took it
	UsedAt         time.Time // zero until accepted; set once
	Attempts       int
	Superseded     bool
}
