package registration

import (
	"slices"
	"testing"
)

var (
	phases       = []Phase{PhaseOrdering, PhaseIssuing, PhaseClosing, PhaseActive, PhaseEnded}
	moneys       = []Money{MoneyFree, MoneyUnpaid, MoneyOpen, MoneyPaid}
	refunds      = []Refund{RefundNone, RefundAsked, RefundDone, RefundKept}
	certificates = []Certificate{NoCertificate, CertificateInForce, CertificateEnded, CertificateUndone}
)

// Every combination of record, money, refund and certificate fits exactly one line of the table, and no verdict lets money
// and certificate part: what agrees at the end is paid and in use, or neither.
func TestEveryCombinationIsJudgedOnce(t *testing.T) {
	count := map[Verdict]int{}
	for _, phase := range phases {
		for _, money := range moneys {
			for _, refund := range refunds {
				for _, certificate := range certificates {
					s := Standing{phase, money, refund, certificate}
					lines := 0
					for _, j := range judgements {
						if j.fits(s) {
							lines++
						}
					}
					verdict := s.Judge()
					count[verdict]++
					if lines != 1 {
						t.Errorf("%s: %d lines of the table", s, lines)
					}
					if want := allowed(s); !slices.Contains(want, verdict) {
						t.Errorf("%s: %q, want one of %q", s, verdict, want)
					}
				}
			}
		}
	}
	t.Logf("%v", count)
}

// allowed says the rule in other words than the table: captured ⇔ in use or given back.
func allowed(s Standing) []Verdict {
	if s.Money != MoneyPaid && s.Refund != RefundNone {
		return []Verdict{Impossible}
	}
	here := s.Money == MoneyPaid && (s.Refund == RefundNone || s.Refund == RefundKept) // or nothing is to be paid
	exists := s.Certificate == CertificateInForce
	switch s.Record {
	case PhaseClosing:
		return []Verdict{Agrees}
	case PhaseEnded:
		switch {
		case exists:
			return []Verdict{CertificateLeft}
		case here && s.Refund == RefundNone || s.Refund == RefundAsked:
			return []Verdict{GivesBack}
		}
		return []Verdict{Agrees}
	case PhaseOrdering:
		switch {
		case exists:
			return []Verdict{CertificateLeft}
		case s.Refund == RefundAsked || s.Refund == RefundDone:
			return []Verdict{CertificateUnpaid}
		}
		return []Verdict{Agrees}
	}
	lost := s.Certificate == CertificateUndone || s.Record == PhaseActive && s.Certificate == NoCertificate || s.Record == PhaseIssuing && s.Certificate == CertificateEnded
	switch {
	case s.Record == PhaseActive && s.Certificate == CertificateUndone && s.Money != MoneyFree && !here:
		return []Verdict{Agrees}
	case lost:
		return []Verdict{CertificateLost}
	case s.Money != MoneyFree && !here:
		return []Verdict{CertificateUnpaid}
	}
	return []Verdict{Agrees}
}

// Every status has its phase, and what is stored of attempts and of the certificate becomes a combination that can be.
func TestStandings(t *testing.T) {
	paid := func(status PaymentStatus, refundID string) []Payment {
		return []Payment{{TxnRef: "T1", Status: PaymentFailed}, {TxnRef: "T2", Status: status, RefundID: refundID}}
	}
	for _, status := range Statuses() {
		for _, p := range []PaymentStatus{PaymentPending, PaymentCaptured, PaymentFailed, PaymentReview, PaymentRefunded} {
			for _, ref := range []string{"", "T2"} {
				for _, price := range []int64{0, 1} {
					for _, at := range []CertificateStatus{CertificateNone, CertificateActive, CertificateInactive, CertificateRevoked, CertificateExpired} {
						r := Registration{Status: status, Facts: Facts{PriceVND: price, PaidRef: ref}}
						if s := StandingOf(r, paid(p, ""), at); s.Judge() == Impossible || !slices.Contains(phases, s.Record) {
							t.Errorf("%s %s paid %q: %s", status, p, ref, s)
						}
					}
				}
			}
		}
	}
	for name, c := range map[string]struct {
		r        Registration
		payments []Payment
		at       CertificateStatus
		want     Verdict
	}{
		"active and paid":           {Registration{Status: StatusActive, Facts: Facts{PriceVND: 1, PaidRef: "T2"}}, paid(PaymentCaptured, ""), CertificateActive, Agrees},
		"active and given back":     {Registration{Status: StatusActive, Facts: Facts{PriceVND: 1, PaidRef: "T2"}}, paid(PaymentRefunded, "RF"), CertificateActive, CertificateUnpaid},
		"active, never paid":        {Registration{Status: StatusActive, Facts: Facts{PriceVND: 1}}, nil, CertificateActive, CertificateUnpaid},
		"active and free":           {Registration{Status: StatusActive}, nil, CertificateActive, Agrees},
		"active, revoked at the CA": {Registration{Status: StatusActive, Facts: Facts{PriceVND: 1, PaidRef: "T2"}}, paid(PaymentCaptured, ""), CertificateRevoked, CertificateLost},
		"active, twice paid":        {Registration{Status: StatusActive, Facts: Facts{PriceVND: 1, PaidRef: "T2"}}, append(paid(PaymentCaptured, ""), Payment{TxnRef: "T3", Status: PaymentRefunded}), CertificateActive, Agrees},
		"refused and paid":          {Registration{Status: StatusRefused, Facts: Facts{PriceVND: 1, PaidRef: "T2"}}, paid(PaymentCaptured, ""), CertificateNone, GivesBack},
		"refused and given back":    {Registration{Status: StatusRefused, Facts: Facts{PriceVND: 1, PaidRef: "T2"}}, paid(PaymentRefunded, "RF"), CertificateNone, Agrees},
		"expired, price kept":       {Registration{Status: StatusExpired, Facts: Facts{PriceVND: 1, PaidRef: "T2", KeptMoney: true}}, paid(PaymentCaptured, ""), CertificateRevoked, Agrees},
		"withdrawn, in force":       {Registration{Status: StatusWithdrawn}, nil, CertificateInactive, CertificateLeft},
		"in review, given back":     {Registration{Status: StatusInReview, Facts: Facts{PriceVND: 1, PaidRef: "T2"}}, paid(PaymentRefunded, "RF"), CertificateNone, CertificateUnpaid},
	} {
		if got := StandingOf(c.r, c.payments, c.at).Judge(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
