package registration

import (
	"strings"
	"time"
)

// Payment is one attempt to pay an order: a new attempt has a new TxnRef.
type Payment struct {
	TxnRef         string // ours, unique for ever, [A-Z0-9]
	RegistrationID string
	Attempt        int
	AmountVND      int64
	Status         PaymentStatus
	CreatedAt      time.Time // vnp_CreateDate
	ExpiresAt      time.Time // vnp_ExpireDate
	TransactionNo  string    // the gateway's, once known
	ResponseCode   string    // vnp_ResponseCode of the deciding answer
	BankStatus     string    // vnp_TransactionStatus of it
	DecidedAt      time.Time
	RefundID       string    // vnp_RequestId of the refund, recorded before it is asked for
	RefundedAt     time.Time // zero until the gateway took the refund
}

// PaymentStatus is where a payment stands.
type PaymentStatus string

// The statuses of a payment.
const (
	PaymentPending  PaymentStatus = "pending"
	PaymentCaptured PaymentStatus = "captured" // the money is here
	PaymentFailed   PaymentStatus = "failed"   // refused, cancelled or never begun
	PaymentReview   PaymentStatus = "review"   // 04, 05, 06, 07, or a transaction that pays another: neither paid nor failed, a person decides
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

// Claimed reports whether the gateway says paid with a transaction that pays another attempt.
func (p Payment) Claimed() bool {
	return p.Status == PaymentReview && p.TransactionNo != "" && StatusOf(p.ResponseCode, p.BankStatus) == PaymentCaptured
}

// StatusOf turns the gateway's two codes into a status: paid only when both are 00, review for money whose fate is not
// clear.
func StatusOf(responseCode, transactionStatus string) PaymentStatus {
	switch {
	case responseCode == "00" && transactionStatus == "00":
		return PaymentCaptured
	case responseCode == "07", transactionStatus == "04", transactionStatus == "05", transactionStatus == "06", transactionStatus == "07":
		return PaymentReview
	case transactionStatus == "01" && responseCode == "00":
		return PaymentPending
	}
	return PaymentFailed
}

// PaymentNotice is a verified word of the gateway about a payment: an IPN or the answer of querydr.
type PaymentNotice struct {
	TxnRef            string
	AmountVND         int64
	TransactionNo     string
	ResponseCode      string
	TransactionStatus string
	At                time.Time
}

// GivenBack reports whether the gateway shows that the whole price was refunded, or that the refund is on its way to the bank
// (the gateway 2.1.0: vnp_TransactionStatus 05 and 06).
func (n PaymentNotice) GivenBack(p Payment) bool {
	return n.ResponseCode == "00" && (n.TransactionStatus == "05" || n.TransactionStatus == "06") && n.AmountVND == p.AmountVND
}

// TransactionNumber is the one spelling of a number that the gateway gave to a transaction: 014 is 14, and 0 is none.
func TransactionNumber(text string) string { return strings.TrimLeft(text, "0") }
