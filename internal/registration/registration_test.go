package registration_test

import (
	"slices"
	"testing"
	"time"

	"kyso/internal/problem"
	"kyso/internal/registration"
)

// Whatever ends without success goes through closing, where money and certificates are made good.
func TestNoWayRoundClosing(t *testing.T) {
	for _, from := range registration.Statuses() {
		for _, to := range registration.Statuses() {
			err := from.Check(to)
			if err != nil && problem.CodeOf(err) != problem.Conflict {
				t.Errorf("%s to %s: %v", from, to, err)
			}
			if err == nil && to.Final() && to != registration.StatusActive && from != registration.StatusClosing {
				t.Errorf("%s may become %s without being made good", from, to)
			}
			if err == nil && from.Final() {
				t.Errorf("%s may become %s", from, to)
			}
		}
	}
}

func chain(n int) []registration.AuditEntry {
	prev := registration.FirstPrev
	var list []registration.AuditEntry
	for i := range n {
		e := registration.AuditEntry{Seq: int64(i + 1), At: time.Unix(int64(i), 0), Kind: "transition", Object: "r-1", Detail: "x", Prev: prev}
		e.Hash = e.Digest()
		prev = e.Hash
		list = append(list, e)
	}
	return list
}

func TestAuditChainNoticesEveryChange(t *testing.T) {
	if err := registration.VerifyAudit(registration.FirstPrev, 0, chain(5)); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func([]registration.AuditEntry) []registration.AuditEntry{
		"changed":   func(l []registration.AuditEntry) []registration.AuditEntry { l[2].Detail = "y"; return l },
		"removed":   func(l []registration.AuditEntry) []registration.AuditEntry { return slices.Delete(l, 2, 3) },
		"reordered": func(l []registration.AuditEntry) []registration.AuditEntry { l[1], l[2] = l[2], l[1]; return l },
		"time": func(l []registration.AuditEntry) []registration.AuditEntry {
			l[4].At = l[4].At.Add(time.Second)
			return l
		},
	} {
		if err := registration.VerifyAudit(registration.FirstPrev, 0, spoil(chain(5))); problem.CodeOf(err) != problem.VerificationFailed {
			t.Errorf("%s: %v", name, err)
		}
	}
}
