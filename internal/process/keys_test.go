package process_test

import (
	"testing"
	"time"

	"kyso/internal/process"
)

// The records and the outside world know effects by these values, so none may change. The digests were made with another
// implementation of SHA-256.
func TestKeysStayAsTheyAre(t *testing.T) {
	const id = "0198a7b2-1c3d-7e4f-8a9b-0c1d2e3f4a5b"
	const ref = "KSD5754247B8B44A921FE62D6E03"
	at := time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.UTC)
	for want, got := range map[string]string{
		"signing-" + id:                                  process.SigningWorkflowID(id),
		"registration-" + id:                             process.RegistrationWorkflowID(id),
		"refund-" + ref:                                  process.RefundWorkflowID(ref),
		"archive-" + id:                                  process.ArchiveWorkflowID(id),
		"archive-contract-" + id:                         process.ContractArchiveWorkflowID(id),
		"text-login-1":                                   process.TextWorkflowID("login-1"),
		"webhook-e-m-2":                                  process.DeliveryWorkflowID("e", "m", 2),
		"8fa3aab2faa9b79e0a0398da5b5abd07":               process.UpdateID("a key"),
		"5c7149622fb185e8d41d8c6f40669457":               process.HandOffUpdate(id),
		"569ae8cb4025fe18273a360657a792a6":               process.SendCodeUpdate("code-1"),
		"dec-419ddc2fc19d272745e45442f41f03e4":           process.DecisionID("key:k1", process.Signing, id, "cancel", "a key"),
		"rev-8fa3aab2faa9b79e0a0398da5b5abd07":           process.ReviewID("a key"),
		"corr-8fa3aab2faa9b79e0a0398da5b5abd07":          process.CorrectionID("a key"),
		"start-registration-" + id + "-run":              process.StartID(process.Registration, id, "run"),
		"again-50cb5a90baa0b69881c912db006152b9":         process.AgainID(process.Signing, id, "place", []byte(`{"a":1}`), at),
		"notice-reset-a-1":                               process.NoticeID("reset-a-1"),
		"reset-acct-1-1772600767":                        process.ResetNotice("acct-1", at),
		"changed-s-20260304050607.890000":                process.ChangedNotice("s", at),
		id + "-account-2":                                process.ReminderKey(id, "account", 2),
		"4594143d-a668-8f59-943e-9b31c18c5afd":           process.MadeID("acme/key-1"),
		id + "-acceptance-3":                             process.AcceptanceSigningID(id, 3),
		"kyso-" + id:                                     process.ApprovalID(id),
		"kyso-" + id + "-cert":                           process.CertificatesID(id, "cert"),
		id + "-1-b-lta":                                  process.StageID(id, 1, "B-LTA"),
		id + "/key":                                      process.KeyID(id),
		id + "/issue/c27338c4":                           process.IssueID(id, []byte("csr")),
		id + "/revoke":                                   process.RevocationID(id),
		"D5754247/2026/HD-KYSO":                          process.PaperNumber("HD", id, 2026),
		ref:                                              process.TxnRef(id, 3),
		"RFef8a353d4445b3e8bd5408a3a09f":                 process.RefundID(ref),
		"QRe6b7c1f064332fe13d9f2826e7cd":                 process.QueryID(ref, at),
		"momo:4711":                                      process.TransactionKey("momo", "4711"),
		"RCd0a16b348339ca4310ce1c4c8cb8":                 process.ReconcileQueryID(ref, at),
		id + "-1":                                        process.IncidentID(id, "", 1),
		id + "-again-01234567-2":                         process.IncidentID(id, process.AgainSeries("0123456789"), 2),
		id + "-archive-01234567-1":                       process.IncidentID(id, process.ArchiveSeries("0123456789"), 1),
		id + "-process-missing-4":                        process.MismatchID(id, "process-missing", 4),
		"signing-" + id + "-5":                           process.TransitionMessage("signing", id, 5),
		"registration-" + id + "-pin-set":                process.NamedMessage("registration", id, "pin-set", ""),
		"signing-" + id + "-attention-186608b239fa-true": process.NamedMessage("signing", id, "attention", process.AttentionMark("inc-1", true)),
		"444f0701302605733527d2dc26d84cd7abc0f8e8ffb63dcf2c344a957356b222": process.InboxID("vnpay", []byte("body")),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if process.UpdateID("") != "" {
		t.Error("no key has an update id of its own")
	}
}

func TestKeysAreReadBack(t *testing.T) {
	ref := process.TxnRef("r-1", 12)
	if n := process.AttemptOf(ref); n != 12 || process.AttemptOf("x") != 0 {
		t.Errorf("attempt %d", n)
	}
	if got, ok := process.RefundedBy(process.RefundWorkflowID(ref)); !ok || got != ref {
		t.Errorf("refund of %s, %v", got, ok)
	}
	if got, ok := process.RefundOf("r-1", process.IncidentID(ref, "", 1)); !ok || got != ref {
		t.Errorf("incident of %s, %v", got, ok)
	}
	if got, ok := process.RefundOf("r-1", process.IncidentID("r-1", "", 1)); ok {
		t.Errorf("an incident of the registration is that of the refund %s", got)
	}
	if got, ok := process.OfAcceptance(process.AcceptanceSigningID("r-1", 2)); !ok || got != "r-1" {
		t.Errorf("signing of %s, %v", got, ok)
	}
}
