package registration

import (
	"fmt"
	"slices"

	"kyso/internal/problem"
)

// Standing is how a registration stands in four books: its record, the payment of its order, what went back of it, and its
// certificate as the CA has it. Judge says which combinations agree.
type Standing struct {
	Record      Phase
	Money       Money
	Refund      Refund
	Certificate Certificate
}

// Phase is as much of a status as money and certificates depend on.
type Phase string

// The phases.
const (
	PhaseOrdering Phase = "ordering" // up to the review: money may come, a certificate may not be
	PhaseIssuing  Phase = "issuing"  // approved: a certificate comes to be, and has to be paid
	PhaseClosing  Phase = "closing"  // its process gives back and revokes
	PhaseActive   Phase = "active"
	PhaseEnded    Phase = "ended" // without success
)

// Money is what the gateway took for an order.
type Money string

// What the gateway took.
const (
	MoneyFree   Money = "free"   // the order has no price, or there is no order yet
	MoneyUnpaid Money = "unpaid" // no attempt paid
	MoneyOpen   Money = "open"   // an attempt is not decided
	MoneyPaid   Money = "paid"   // captured, whatever became of it since
)

// Refund is what became of the money that pays.
type Refund string

// What became of it.
const (
	RefundNone  Refund = "none"
	RefundAsked Refund = "asked" // the gateway has not confirmed it
	RefundDone  Refund = "done"
	RefundKept  Refund = "kept" // kept by configuration, for a certificate that was not accepted
)

// Certificate is the certificate of a registration at its CA.
type Certificate string

// How it stands.
const (
	NoCertificate      Certificate = "none"
	CertificateInForce Certificate = "in-force"
	CertificateEnded   Certificate = "expired" // by its date
	CertificateUndone  Certificate = "revoked"
)

// Verdict is what a combination means.
type Verdict string

// The verdicts. All but the first two are problem codes of incidents.
const (
	Agrees            Verdict = ""
	GivesBack         Verdict = "owed"                             // money is here for nothing: the loop of refunds gives it back
	CertificateUnpaid         = Verdict(problem.CertificateUnpaid) // a certificate is made or in force whose price is not here
	CertificateLost           = Verdict(problem.CertificateLost)   // the citizen's certificate is not in force, and the record says that it is
	CertificateLeft           = Verdict(problem.CertificateLeft)   // a certificate is in force that no record needs
	Impossible        Verdict = "impossible"                       // money that the gateway never took has not gone back
)

// judgement is a line of the table: a combination that fits every list has the verdict. An empty list fits everything.
type judgement struct {
	record      []Phase
	money       []Money
	refund      []Refund
	certificate []Certificate
	verdict     Verdict
}

// judgements is the whole table: every combination fits exactly one line. Where a process is at work, comparing it with its record
// finds what is wrong besides money and certificate.
var judgements = []judgement{
	{nil, []Money{MoneyFree, MoneyUnpaid, MoneyOpen}, []Refund{RefundAsked, RefundDone, RefundKept}, nil, Impossible},

	// Before the approval there is no certificate, and money that has come stays.
	{[]Phase{PhaseOrdering}, []Money{MoneyFree, MoneyUnpaid, MoneyOpen}, []Refund{RefundNone}, gone, Agrees},
	{[]Phase{PhaseOrdering}, []Money{MoneyPaid}, []Refund{RefundNone, RefundKept}, gone, Agrees},
	{[]Phase{PhaseOrdering}, []Money{MoneyPaid}, []Refund{RefundAsked, RefundDone}, gone, CertificateUnpaid},
	{[]Phase{PhaseOrdering}, []Money{MoneyFree, MoneyUnpaid, MoneyOpen}, []Refund{RefundNone}, inForce, CertificateLeft},
	{[]Phase{PhaseOrdering}, []Money{MoneyPaid}, nil, inForce, CertificateLeft},

	// From the approval on the price has to be here.
	{[]Phase{PhaseIssuing}, []Money{MoneyFree}, []Refund{RefundNone}, []Certificate{NoCertificate, CertificateInForce}, Agrees},
	{[]Phase{PhaseIssuing}, []Money{MoneyPaid}, []Refund{RefundNone, RefundKept}, []Certificate{NoCertificate, CertificateInForce}, Agrees},
	{[]Phase{PhaseIssuing}, []Money{MoneyUnpaid, MoneyOpen}, []Refund{RefundNone}, []Certificate{NoCertificate, CertificateInForce}, CertificateUnpaid},
	{[]Phase{PhaseIssuing}, []Money{MoneyPaid}, []Refund{RefundAsked, RefundDone}, []Certificate{NoCertificate, CertificateInForce}, CertificateUnpaid},
	{[]Phase{PhaseIssuing}, []Money{MoneyFree, MoneyUnpaid, MoneyOpen}, []Refund{RefundNone}, over, CertificateLost},
	{[]Phase{PhaseIssuing}, []Money{MoneyPaid}, nil, over, CertificateLost},

	// The process gives back and revokes: whatever is left now is its affair.
	{[]Phase{PhaseClosing}, []Money{MoneyFree, MoneyUnpaid, MoneyOpen}, []Refund{RefundNone}, nil, Agrees},
	{[]Phase{PhaseClosing}, []Money{MoneyPaid}, nil, nil, Agrees},

	// An active registration has a certificate that is paid. One that ran to its end was in use.
	{[]Phase{PhaseActive}, []Money{MoneyFree}, []Refund{RefundNone}, used, Agrees},
	{[]Phase{PhaseActive}, []Money{MoneyPaid}, []Refund{RefundNone, RefundKept}, used, Agrees},
	{[]Phase{PhaseActive}, []Money{MoneyUnpaid, MoneyOpen}, []Refund{RefundNone}, used, CertificateUnpaid},
	{[]Phase{PhaseActive}, []Money{MoneyPaid}, []Refund{RefundAsked, RefundDone}, used, CertificateUnpaid},
	{[]Phase{PhaseActive}, []Money{MoneyFree}, []Refund{RefundNone}, []Certificate{NoCertificate, CertificateUndone}, CertificateLost},
	{[]Phase{PhaseActive}, []Money{MoneyUnpaid, MoneyOpen}, []Refund{RefundNone}, []Certificate{NoCertificate}, CertificateLost},
	{[]Phase{PhaseActive}, []Money{MoneyPaid}, nil, []Certificate{NoCertificate}, CertificateLost},
	{[]Phase{PhaseActive}, []Money{MoneyPaid}, []Refund{RefundNone, RefundKept}, []Certificate{CertificateUndone}, CertificateLost},
	// Neither paid nor in force: both are undone.
	{[]Phase{PhaseActive}, []Money{MoneyUnpaid, MoneyOpen}, []Refund{RefundNone}, []Certificate{CertificateUndone}, Agrees},
	{[]Phase{PhaseActive}, []Money{MoneyPaid}, []Refund{RefundAsked, RefundDone}, []Certificate{CertificateUndone}, Agrees},

	// One that ended otherwise has neither.
	{[]Phase{PhaseEnded}, []Money{MoneyFree, MoneyUnpaid, MoneyOpen}, []Refund{RefundNone}, gone, Agrees}, // an open attempt has a Refund that watches it
	{[]Phase{PhaseEnded}, []Money{MoneyPaid}, []Refund{RefundNone, RefundAsked}, gone, GivesBack},
	{[]Phase{PhaseEnded}, []Money{MoneyPaid}, []Refund{RefundDone, RefundKept}, gone, Agrees},
	{[]Phase{PhaseEnded}, []Money{MoneyFree, MoneyUnpaid, MoneyOpen}, []Refund{RefundNone}, inForce, CertificateLeft},
	{[]Phase{PhaseEnded}, []Money{MoneyPaid}, nil, inForce, CertificateLeft},
}

var (
	gone    = []Certificate{NoCertificate, CertificateEnded, CertificateUndone}
	inForce = []Certificate{CertificateInForce}
	over    = []Certificate{CertificateEnded, CertificateUndone}
	used    = []Certificate{CertificateInForce, CertificateEnded}
)

// Judge looks a combination up in the table.
func (s Standing) Judge() Verdict {
	for _, j := range judgements {
		if j.fits(s) {
			return j.verdict
		}
	}
	return Impossible
}

func (j judgement) fits(s Standing) bool {
	return among(s.Record, j.record) && among(s.Money, j.money) && among(s.Refund, j.refund) && among(s.Certificate, j.certificate)
}

func among[T comparable](one T, list []T) bool {
	return len(list) == 0 || slices.Contains(list, one)
}

func (s Standing) String() string {
	return fmt.Sprintf("the record is %s, the money %s, given back %s, the certificate %s", s.Record, s.Money, s.Refund, s.Certificate)
}

// StandingOf is how a registration stands by its record, its attempts to pay, and what its CA says of its certificate.
func StandingOf(r Registration, payments []Payment, at CertificateStatus) Standing {
	s := Standing{Record: phaseOf(r.Status), Money: MoneyFree, Refund: RefundNone}
	if r.PriceVND > 0 {
		s.Money = MoneyUnpaid
	}
	switch at {
	case CertificateNone:
		s.Certificate = NoCertificate
	case CertificateActive, CertificateInactive:
		s.Certificate = CertificateInForce
	case CertificateExpired:
		s.Certificate = CertificateEnded
	default:
		s.Certificate = CertificateUndone
	}
	for _, p := range payments {
		switch {
		case r.PaidRef != "" && p.TxnRef != r.PaidRef: // another attempt, whose money goes back by itself: see Owed
		case p.Status == PaymentCaptured:
			s.Money = MoneyPaid
			if s.Refund == RefundNone && p.RefundID != "" {
				s.Refund = RefundAsked
			}
		case p.Status == PaymentRefunded && p.TxnRef == r.PaidRef:
			s.Money, s.Refund = MoneyPaid, RefundDone
		case !p.Status.Decided() && s.Money == MoneyUnpaid:
			s.Money = MoneyOpen
		}
	}
	if s.Money == MoneyPaid && s.Refund == RefundNone && r.KeptMoney {
		s.Refund = RefundKept
	}
	return s
}

func phaseOf(s Status) Phase {
	switch {
	case s == StatusActive:
		return PhaseActive
	case s.Final():
		return PhaseEnded
	case s == StatusClosing:
		return PhaseClosing
	case s == StatusIssuing, s == StatusActivating, s == StatusAccepting:
		return PhaseIssuing
	}
	return PhaseOrdering
}
