// Package registration is the domain of registering a certificate: what a registration is, which states it may pass
// through (status.go), who the person is (person.go), what is paid (payment.go), and which outside parties it needs
// (ports.go). It does no I/O and imports the standard library, internal/process and internal/problem only.
//
// A Registration holds no personal data: that is in Person and Account, sealed per subject by the store.
package registration

import (
	"time"

	"kyso/internal/process"
)

// Registration is one citizen's way from a request in VNeID to an active certificate.
type Registration struct {
	ID        string // UUID
	RequestID string // VNeID's id of the request, unique for ever
	SubjectID string // whose data key seals the person's data
	Issuer    string // code of the CA that was chosen in VNeID
	Status    Status
	Seq       int       // of the last transition
	Reason    string    // why it ended, a problem.Code; empty when active
	CreatedAt time.Time // UTC
	UpdatedAt time.Time
	Deadline  time.Time // when the current wait ends by itself; zero when nothing is waited for
	Attention process.Attention
	Facts
}

// Facts is what has become of each step so far. It is stored as JSON and holds ids, digests and states only.
type Facts struct {
	HandedOffAt time.Time   `json:"handed_off_at,omitzero"`
	AccountID   string      `json:"account_id,omitempty"`
	Package     string      `json:"package,omitempty"`    // code of the chosen package
	PriceVND    int64       `json:"price_vnd,omitempty"`  // as ordered; the table may change later
	Months      int         `json:"months,omitempty"`     // validity as ordered
	PaidRef     string      `json:"paid_ref,omitempty"`   // Payment.TxnRef that pays for it
	Request     *Paper      `json:"request,omitempty"`    // phiếu yêu cầu
	Contract    *Paper      `json:"contract,omitempty"`   // hợp đồng
	Consent     *Consented  `json:"consent,omitempty"`    // the citizen's consent to the contract
	Review      *Review     `json:"review,omitempty"`     // the last decision
	Reviews     int         `json:"reviews,omitempty"`    // decisions so far
	Issued      *Issued     `json:"issued,omitempty"`     // key and certificate
	Activation  *Activation `json:"activation,omitempty"` // PIN and OTP
	Acceptance  *Acceptance `json:"acceptance,omitempty"` // biên bản nghiệm thu
	RevokedAt   time.Time   `json:"revoked_at,omitzero"`
	Reported    Status      `json:"reported,omitempty"`   // the end that VNeID took; rows of earlier releases hold its own word for it
	KeptMoney   bool        `json:"kept_money,omitempty"` // by policy, for a certificate that was not accepted
	Holds       bool        `json:"holds,omitempty"`      // an active certificate of the CA already, as the CA said
}

// Paper is a PDF that kyso wrote for a registration.
type Paper struct {
	Number   string    `json:"number"`   // printed on it
	Template string    `json:"template"` // name and version of the template
	UploadID string    `json:"upload_id"`
	SHA256   string    `json:"sha256"` // hex, of the file as written
	At       time.Time `json:"at"`
	// Box is where the signature on it belongs: page, x, y, width and height in points from the lower left.
	Box      [5]float64 `json:"box"`
	SealedID string     `json:"sealed_id,omitempty"` // upload with the provider's seal, for the contract
	Sealed   string     `json:"sealed_sha256,omitempty"`
	// Level is that of the sealed file: B-LTA, or B-T while what B-LTA takes could not be had. Empty for a file that an earlier
	// release sealed, which is B-T and stays so.
	Level    string   `json:"level,omitempty"`
	Renewals int      `json:"renewals,omitempty"` // rounds in which an archive time-stamp was put over the sealed file
	Earlier  []string `json:"earlier,omitempty"`  // uploads that the sealed file was before, the oldest first
}

// Consented is the evidence of a citizen's consent to the contract by OTP.
type Consented struct {
	CodeID string    `json:"code_id"` // the one-time code that was accepted
	SHA256 string    `json:"sha256"`  // hex, of the contract that was shown
	At     time.Time `json:"at"`
}

// Review is an officer's decision. The officer's words are in the store under ID.
type Review struct {
	ID       string    `json:"id"`
	Decision Decision  `json:"decision"`
	Reason   string    `json:"reason,omitempty"` // a code of Reasons
	Fields   []string  `json:"fields,omitempty"` // for ask: names of Person fields
	Officer  string    `json:"officer"`          // opaque id
	Checks   []string  `json:"checks,omitempty"` // codes of Checks that were gone through
	At       time.Time `json:"at"`
}

// Claim is an officer's hold on a dossier, so that two do not work on it at once.
type Claim struct {
	RegistrationID string
	Officer        string // opaque id
	ClaimedAt      time.Time
	ExpiresAt      time.Time
}

// ClaimLife is how long a claim holds unless it is prolonged.
const ClaimLife = 15 * time.Minute

// Checks are what an officer has to have compared before an approval, with the Vietnamese and English words of each, in
// their order.
func Checks() []Check {
	return []Check{
		{"identity", "Họ tên, ngày sinh, giới tính, số định danh khớp với dữ liệu VNeID", "Name, birth date, sex and number agree with VNeID"},
		{"document", "Căn cước còn hiệu lực, ngày cấp và nơi cấp hợp lý", "The card is valid; date and place of issue make sense"},
		{"address", "Nơi thường trú đầy đủ và rõ ràng", "The residence is whole and clear"},
		{"consent", "Có đủ hai bản đồng ý, cho trước khi xử lý dữ liệu", "Both consents are there, given before data was used"},
		{"contract", "Hợp đồng đã được ký bằng OTP và đóng dấu số", "The contract is signed by code and sealed"},
		{"payment", "Phí đã thanh toán đủ, hoặc gói miễn phí", "The fee is paid in full, or the package is free"},
	}
}

// Check is one line of the list that an officer goes through.
type Check struct {
	Code string `json:"code"`
	VI   string `json:"text"`
	EN   string `json:"text_en"`
}

// Decision is what an officer decides.
type Decision string

// The decisions.
const (
	DecisionApprove Decision = "approve"
	DecisionAsk     Decision = "ask"
	DecisionRefuse  Decision = "refuse"
)

// Issued is the key at the RSSP and the certificate for it.
type Issued struct {
	KeyID       string    `json:"key_id"`
	SPKI        string    `json:"spki"`                  // hex SHA-256 of the public key, recorded before the certificate is asked for
	Serial      string    `json:"serial,omitempty"`      // lower-case hex
	Fingerprint string    `json:"fingerprint,omitempty"` // hex SHA-256 of the DER certificate
	NotBefore   time.Time `json:"not_before,omitzero"`
	NotAfter    time.Time `json:"not_after,omitzero"`
	InstalledAt time.Time `json:"installed_at,omitzero"`
	Certificate []byte    `json:"-"` // DER; sealed, it holds the name
}

// Activation is how the key came under the citizen's control.
type Activation struct {
	StartedAt   time.Time `json:"started_at,omitzero"` // the phone asks for a PIN
	PINSetAt    time.Time `json:"pin_set_at,omitzero"`
	CodeID      string    `json:"code_id,omitempty"` // accepted OTP
	ActivatedAt time.Time `json:"activated_at,omitzero"`
}

// Acceptance is the acceptance record and its signing.
type Acceptance struct {
	Paper
	SigningID  string `json:"signing_id,omitempty"` // the child Signing of the last attempt
	Attempt    int    `json:"attempt,omitempty"`    // counts signings
	SignedID   string `json:"signed_id,omitempty"`  // upload of the signed record
	SignedSHA  string `json:"signed_sha256,omitempty"`
	DecisionID string `json:"decision_id,omitempty"` // with which the citizen asked for the attempt; empty for the first
}

// Package is what can be bought. Packages are configuration.
type Package struct {
	Code      string `json:"code"` // PS0, PS1, …
	NameVI    string `json:"name_vi"`
	NameEN    string `json:"name_en"`
	PriceVND  int64  `json:"price_vnd"` // 0 skips payment
	Months    int    `json:"months"`    // validity of the certificate, at most 36
	SignQuota int    `json:"sign_quota"`
	Scope     string `json:"scope,omitempty"` // where it may be used, in Vietnamese
}

// Round is when an act was meant for. It holds in the same transaction as what the act writes, so an act that is refused
// leaves nothing behind. The zero Round bounds nothing.
type Round struct {
	Seq      int    // of the transition that began it; the act is refused once another follows
	Incident string // that has to be open
}

// Reasons are the closed list of what an officer may give as reason, with the Vietnamese text for the citizen.
func Reasons() map[string]string {
	return map[string]string{
		"data-mismatch":    "Thông tin đăng ký không khớp với cơ sở dữ liệu dân cư",
		"identity-expired": "Giấy tờ tùy thân đã hết hạn",
		"address-unclear":  "Địa chỉ chưa rõ ràng, cần bổ sung",
		"contact-invalid":  "Thông tin liên hệ không sử dụng được",
		"suspected-fraud":  "Hồ sơ có dấu hiệu giả mạo",
		"not-eligible":     "Không thuộc đối tượng được cấp chứng thư chữ ký số",
		"other":            "Lý do khác, vui lòng liên hệ nhà cung cấp",
	}
}
