package process

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Every business key is made here. A key is made of what it is about, never of a run: a retry, a reset or a run that begins
// again makes the same key, and who de-duplicates by it sees one effect. Each comment says who that is and how far the key
// reaches. A value that was in use once stays as it is: the records and the outside world know effects by it.

// SigningWorkflowID is the workflow id of a signing. Temporal runs one process for each, in the namespace.
func SigningWorkflowID(signingID string) string { return "signing-" + signingID }

// RegistrationWorkflowID is the workflow id of a registration. Temporal runs one process for each.
func RegistrationWorkflowID(registrationID string) string { return "registration-" + registrationID }

// RefundWorkflowID is the workflow id of the refund of one attempt to pay. Temporal runs one at a time; after its end it may
// begin again, and RefundID keeps the money from going back twice.
func RefundWorkflowID(txnRef string) string { return refundWorkflow + txnRef }

// RefundedBy returns the attempt to pay whose refund runs under a workflow id.
func RefundedBy(workflowID string) (txnRef string, ok bool) {
	return strings.CutPrefix(workflowID, refundWorkflow)
}

const refundWorkflow = "refund-"

// ArchiveWorkflowID is the workflow id of the process that keeps a signing's documents archived. Temporal runs one for each.
func ArchiveWorkflowID(signingID string) string { return "archive-" + signingID }

// ContractArchiveWorkflowID is the workflow id of the process that keeps the sealed contract of a registration archived.
func ContractArchiveWorkflowID(registrationID string) string {
	return "archive-contract-" + registrationID
}

// TextWorkflowID is the workflow id of a text message: id is that of the challenge or the notice. Temporal runs one for each.
func TextWorkflowID(id string) string { return "text-" + id }

// DeliveryWorkflowID is the workflow id of one round of a message to an endpoint. Temporal runs one for each round.
func DeliveryWorkflowID(endpointID, messageID string, round int) string {
	return fmt.Sprintf("webhook-%s-%s-%d", endpointID, messageID, round)
}

// UpdateID is the id of an update made of a key: Temporal runs a repeated act once in each run of a process. It is a digest,
// because a key is the caller's text and would stand in the history. Empty lets Temporal draw one.
func UpdateID(key string) string {
	if key == "" {
		return ""
	}
	return short(key, 16)
}

// HandOffUpdate names the one hand-off of a registration, whoever reports it: Temporal and the decisions of the store take it once.
func HandOffUpdate(registrationID string) string { return UpdateID("hand-off/" + registrationID) }

// SendCodeUpdate names the sending of one recorded code by a registration that an earlier release began.
func SendCodeUpdate(codeID string) string { return UpdateID("send/" + codeID) }

// DecisionID is the id of a decision, made of the caller, what is decided about what, and the caller's Idempotency-Key: the store
// keeps the first content, and Temporal takes the update of that id once.
func DecisionID(caller string, kind Kind, id, what, key string) string {
	return "dec-" + UpdateID(strings.Join([]string{caller, string(kind), id, what, key}, "\x00"))
}

// ReviewID is the id of an officer's decision, made of the Idempotency-Key. The store keeps one under each.
func ReviewID(key string) string { return "rev-" + UpdateID(key) }

// CorrectionID is the id of a citizen's correction, made of the Idempotency-Key. The store keeps one under each.
func CorrectionID(key string) string { return "corr-" + UpdateID(key) }

// StartID names the start of a run on a record that has not moved. The store gives it to one run; a reset finds it again.
func StartID(kind Kind, id, run string) string { return fmt.Sprintf("start-%s-%s-%s", kind, id, run) }

// AgainID is the id of a decision with which a process is told again what its record holds: one for each content and day.
func AgainID(kind Kind, id, what string, content []byte, now time.Time) string {
	return "again-" + short(fmt.Sprintf("%s\x00%s\x00%s\x00%s\x00%s", kind, id, what, content, now.UTC().Format(time.DateOnly)), 16)
}

// NoticeID is the id of the decision that lets a notice be sent. The store lets it be taken by one text.
func NoticeID(notice string) string { return "notice-" + notice }

// ResetNotice names the notice of a reset, one for each time that a reset is asked for: by TextWorkflowID and at the gateway.
func ResetNotice(accountID string, at time.Time) string {
	return "reset-" + accountID + "-" + strconv.FormatInt(at.Unix(), 10)
}

// ChangedNotice names the notice of a changed password, one for each change.
func ChangedNotice(sessionID string, at time.Time) string {
	return "changed-" + sessionID + "-" + at.Format("20060102150405.000000")
}

// ReminderKey names one reminder of a wait. The text gateway sends one for each.
func ReminderKey(registrationID, step string, number int) string {
	return fmt.Sprintf("%s-%s-%d", registrationID, step, number)
}

// MadeID is the id of what a request makes, from its Idempotency-Key: a UUID (version 8). A retry after a crash finds in the
// store what the first try made. Keys of one caller and kind of thing do not meet those of another: the API puts both into key.
func MadeID(key string) string {
	space := [16]byte{0x5d, 0x9f, 0x5a, 0x0e, 0x4b, 0x53, 0x4f, 0x0e, 0x9a, 0x53, 0x0c, 0x5d, 0x7f, 0x0f, 0x6a, 0x1b} // fixed and random
	sum := sha256.Sum256(append(space[:], key...))
	u := sum[:16]
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// Mark tells how far a run of a process has come: its id and the number of events of its history.
func Mark(runID string, events int64) string { return fmt.Sprintf("%s/%d", runID, events) }

// AcceptanceSigningID is the id of the signing of an attempt to have the acceptance record signed. The store keeps one record
// under it, and the provider one request.
func AcceptanceSigningID(registrationID string, attempt int) string {
	return fmt.Sprintf("%s%s%d", registrationID, acceptanceMark, attempt)
}

// OfAcceptance returns the registration that a signing of an acceptance record belongs to.
func OfAcceptance(signingID string) (registrationID string, ok bool) {
	registrationID, _, ok = strings.Cut(signingID, acceptanceMark)
	return registrationID, ok
}

const acceptanceMark = "-acceptance-"

// ApprovalID names the one request for the owner's approval of a signing: the provider takes it once, for ever.
func ApprovalID(signingID string) string { return "kyso-" + signingID }

// CertificatesID names the question for the certificates of a signing's user: by whom it is asked is part of it, as a provider
// requires each question to have an id of its own.
func CertificatesID(signingID, by string) string { return "kyso-" + signingID + "-" + by }

// StageID names a document of a signing at a level. The store keeps one under it, so a retry finds what is done already.
func StageID(signingID string, index int, level string) string {
	return fmt.Sprintf("%s-%d-%s", signingID, index, strings.ToLower(level))
}

// KeyID names the one request for the key of a registration. The CA makes one key for it, for ever.
func KeyID(registrationID string) string { return registrationID + "/key" }

// IssueID names the one request for a certificate with this content. The CA issues one for it.
func IssueID(registrationID string, csr []byte) string {
	return registrationID + "/issue/" + short(string(csr), 4)
}

// RevocationID names the one request to end the certificate of a registration, and its key. The CA does it once.
func RevocationID(registrationID string) string { return registrationID + "/revoke" }

// PaperNumber is the number that is printed on a paper of a registration; year is that of its making in Vietnam.
func PaperNumber(paper, registrationID string, year int) string {
	return fmt.Sprintf("%s/%d/%s-KYSO", strings.ToUpper(short(registrationID, 4)), year, paper)
}

// TxnRef names an attempt to pay, unique for ever at the gateway and in the store: 24 hex digits made of the registration, and the
// number of the attempt.
func TxnRef(registrationID string, attempt int) string {
	return fmt.Sprintf("KS%s%02d", strings.ToUpper(short(registrationID, 12)), attempt)
}

// AttemptOf returns the number of an attempt, with which its TxnRef ends; 0 for a text that is none.
func AttemptOf(ref string) int {
	n, err := strconv.Atoi(ref[max(0, len(ref)-2):])
	if err != nil {
		return 0
	}
	return n
}

// RefundID names the one refund of an attempt. The gateway gives money back once under it, for ever.
func RefundID(txnRef string) string { return "RF" + short(txnRef, 14) }

// QueryID names one question of a process about an attempt: the gateway requires an id that is unique in its day.
func QueryID(txnRef string, now time.Time) string {
	return "QR" + short(txnRef+now.UTC().Format(time.RFC3339Nano), 14)
}

// ReconcileQueryID is QueryID for a question of the reconciler, which may come in the same instant.
func ReconcileQueryID(txnRef string, now time.Time) string {
	return "RC" + short("reconcile "+txnRef+now.UTC().Format(time.RFC3339Nano), 14)
}

// TransactionKey names a transaction of a payment party apart from those of others: the store gives each to one attempt. Those of
// the first party stand alone, as they did when it was the only one.
func TransactionKey(gateway, transaction string) string { return gateway + ":" + transaction }

// IncidentID names how often a process was parked: episode counts from 1 within a series, "" for the process that a record
// began with. The store keeps one incident under it.
func IncidentID(processID, series string, episode int) string {
	if series != "" {
		processID += "-" + series
	}
	return fmt.Sprintf("%s-%d", processID, episode)
}

// RefundOf returns the attempt to pay whose refund is parked, when an incident of a registration is that of a refund and not of
// the registration's own process.
func RefundOf(registrationID, incidentID string) (txnRef string, ok bool) {
	txnRef, _, ok = strings.Cut(incidentID, "-")
	return txnRef, ok && txnRef == TxnRef(registrationID, AttemptOf(txnRef))
}

// AgainSeries is the series of incidents of a process that began again from its record: that of its run.
func AgainSeries(runID string) string { return "again-" + runID[:8] }

// ArchiveSeries is the series of incidents of a process that keeps documents archived, which has no record of its own.
func ArchiveSeries(runID string) string { return "archive-" + runID[:8] }

// MismatchID names the n-th mismatch of a process for a reason: two relays that find it at once write one incident.
func MismatchID(processID, reason string, n int) string {
	return fmt.Sprintf("%s-%s-%d", processID, reason, n)
}

// TransitionMessage is the id of the webhook message of a transition. The store keeps one, and receivers de-duplicate by it.
func TransitionMessage(kind, id string, seq int) string {
	return fmt.Sprintf("%s-%s-%d", kind, id, seq)
}

// NamedMessage is the id of the webhook message of what happens besides transitions; mark tells it from others of its name.
func NamedMessage(kind, id, name, mark string) string {
	return strings.TrimSuffix(fmt.Sprintf("%s-%s-%s-%s", kind, id, name, mark), "-")
}

// AttentionMark tells the messages of an incident that opens or closes from those of others. It is a digest, since the id of an
// incident is for operators.
func AttentionMark(incidentID string, open bool) string {
	return fmt.Sprintf("%s-%t", short(incidentID, 6), open)
}

// InboxID makes the same webhook of a party one row of the inbox, however often it is sent.
func InboxID(party string, body []byte) string {
	sum := sha256.New()
	_, _ = io.WriteString(sum, party+"\n") // a hash never fails
	_, _ = sum.Write(body)
	return hex.EncodeToString(sum.Sum(nil))
}

// short returns n bytes of the SHA-256 of a text as hex.
func short(text string, n int) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:n])
}
