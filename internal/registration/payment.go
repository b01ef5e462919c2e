package registration

import "time"

// FirstGateway is the payment party of records and processes that name none: they are of releases that knew no other.
const FirstGateway = "vnpay"

// Payment is one attempt to pay an order: a new attempt has a new TxnRef.
type Payment struct {
	TxnRef         string // ours, unique for ever, [A-Z0-9]
	RegistrationID string
	Attempt        int
	AmountVND      int64
	Gateway        string // the payment party that it is begun at
	Status         PaymentStatus
	CreatedAt      time.Time
	ExpiresAt      time.Time // after which it cannot be paid
	Reference      Reference
	DecidedAt      time.Time
	RefundID       string    // of the refund, recorded before it is asked for
	RefundedAt     time.Time // zero until the gateway took the refund
}

// Reference is what a gateway needs to get back about a payment. The gateway's room alone makes and reads it.
type Reference string

// PaymentStatus is where a payment stands.
type PaymentStatus string

// The statuses of a payment.
const (
	PaymentPending  PaymentStatus = "pending"
	PaymentCaptured PaymentStatus = "captured" // the money is here
	PaymentFailed   PaymentStatus = "failed"   // refused, cancelled or never begun
	PaymentReview   PaymentStatus = "review"   // the gateway is not sure, or its transaction pays another: neither paid nor failed, a person decides
	PaymentRefunded PaymentStatus = "refunded"
)

// Owed reports whether money is here that pays for nothing: another attempt paid, or the registration ended without
// this one. While a registration runs, the attempt that pays is its process's affair; one that ended without a
// certificate in use has given it back, unless the price is kept.
func Owed(r Registration, p Payment) bool {
	own := p.TxnRef == r.PaidRef || r.PaidRef == ""
	return p.Status == PaymentCaptured && GoesBack(r, p) && (r.Status != StatusClosing || !own)
}

// GoesBack reports whether money of an attempt may be given back, whoever asks: nothing else gives money back. The money
// that pays goes back when the registration is over without a certificate in use and its price is not kept; that of another
// attempt as soon as it is known that it does not pay.
func GoesBack(r Registration, p Payment) bool {
	over := r.Status == StatusClosing || r.Status.Final()
	switch {
	case p.RegistrationID != r.ID:
		return false
	case p.TxnRef != r.PaidRef:
		return over || r.PaidRef != ""
	}
	inUse := r.Issued != nil && r.Issued.Serial != "" && r.RevokedAt.IsZero()
	return over && r.Status != StatusActive && !r.KeptMoney && !inUse
}

// Decided reports whether the gateway will say nothing more of itself.
func (s PaymentStatus) Decided() bool { return s != PaymentPending && s != PaymentReview }

// PaymentNotice is a verified word of a gateway about a payment: what it told by itself, or its answer.
type PaymentNotice struct {
	Gateway   string // who says it; the room of the gateway leaves it empty
	TxnRef    string
	AmountVND int64
	Status    PaymentStatus // pending, captured, failed or review
	GivenBack bool          // AmountVND has gone back, or is on its way to the bank
	// Transaction names the money at the gateway, in one spelling: it pays one attempt and no other. Without a name it is unknown
	// whose money it is.
	Transaction string
	Reference   Reference // empty keeps what is known
	Said        string    // the gateway's own words, such as codes, for operators and the audit log
	At          time.Time
}

// GaveBack reports whether the gateway shows that the whole price was refunded, or that the refund is on its way to the bank.
func (n PaymentNotice) GaveBack(p Payment) bool { return n.GivenBack && n.AmountVND == p.AmountVND }

// Claimed reports whether the gateway says paid with a transaction that pays another attempt; p is the payment after the notice.
func (n PaymentNotice) Claimed(p Payment) bool {
	return p.Status == PaymentReview && n.Status == PaymentCaptured && n.Transaction != ""
}
