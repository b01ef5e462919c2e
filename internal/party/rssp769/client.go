// Package rssp769 is the client of remote signing providers that speak the 769 profile.
package rssp769

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/party"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// HashEncoding is how a provider reads a digest.
type HashEncoding string

// The encodings that occur: VNPT takes hex, the national gateway and IntrustCA take base64.
const (
	HashHex    HashEncoding = "hex" // lower case; upper case is refused by some
	HashBase64 HashEncoding = "base64"
)

// tranID is replaced in a StatusPath by the id of the request. A StatusPath without it sends the id in the body.
const tranID = "{tranId}"

// Profile is what differs between providers that speak the 769 profile (decision 769/QĐ-BTTTT and Annex III of
// Circular 15/2025/TT-BKHCN).
type Profile struct {
	CertificatesPath string
	SignPath         string
	StatusPath       string // with {tranId}, or the id goes into the body as transaction_id
	StatusWithLogin  bool   // the status call requires sp_id and sp_password, too
	Hash             HashEncoding
	CAName           string // sent as ca_name when set; the national gateway routes by it
	AddPrefix        string // put before a user id that does not begin with it, such as "ICA."
	DropPrefix       string // taken off a user id that begins with it
	ExtraOK          []int  // status_code values that mean success besides 200
	ExtraCredentials []int  // status_code values that mean our account was turned away, besides 401
	Window           time.Duration
	MaxDocuments     int // in one request; 0 means signing.MaxDocuments
}

// VNPT is SmartCA's third-party API, sp769: hex digests, bare citizen or tax numbers as user ids. The document
// gives no window; its sibling API and its app give 299 seconds.
func VNPT() Profile {
	return Profile{
		CertificatesPath: "/v1/credentials/get_certificate", SignPath: "/v1/signatures/sign",
		StatusPath: "/v1/signatures/sign/" + tranID + "/status", Hash: HashHex, DropPrefix: "ICA.",
		Window: 300 * time.Second,
	}
}

// IntrustCA is the gateway of IntrustCA: the same JSON with base64 digests, user ids of the form
// ICA.<citizen number>, and the status codes of the system behind it (0 ok, 6 login failed). No public document
// exists; its status call is taken to be the sign path with an id, as VNPT's is.
func IntrustCA() Profile {
	return Profile{
		CertificatesPath: "/gateway/ca/get_cert", SignPath: "/gateway/ca/sign_file",
		StatusPath: "/gateway/ca/sign_file/" + tranID + "/status", StatusWithLogin: true,
		Hash: HashBase64, AddPrefix: "ICA.", ExtraOK: []int{0}, ExtraCredentials: []int{6},
		Window: 300 * time.Second,
	}
}

// NEAC is the national gateway, which passes requests on to the CA named caName. Its status call is not public;
// the path is that of the calls that are.
func NEAC(caName string) Profile {
	return Profile{
		CertificatesPath: "/sign_v2/get_certificate", SignPath: "/sign_v2/sign",
		StatusPath: "/sign_v2/sign/" + tranID + "/status", StatusWithLogin: true,
		Hash: HashBase64, CAName: caName, Window: 300 * time.Second,
	}
}

// Client is a remote signing provider of the 769 profile. It implements signing.RemoteSigner.
//
// The wire has no idempotency and no cancel: a request whose answer was lost may be on the phone already. So a
// request is sent again with the same id only, and only after its status was asked for.
type Client struct {
	Name       string // for error texts
	BaseURL    string // such as https://gwsca.vnpt.vn/sca/sp769
	SPID       string
	SPPassword string
	// WebhookToken is the last part of the address that the provider calls; empty means that no webhook is accepted.
	WebhookToken string
	Profile      Profile
	Timeout      time.Duration    // of each call; 0 means 15 s
	HTTP         *http.Client     // nil means a plain one
	Clock        func() time.Time // nil means time.Now
}

var _ signing.RemoteSigner = (*Client)(nil)

// Certificates implements signing.RemoteSigner. Subject, issuer and dates come from the certificates themselves;
// the texts next to them (cert_status, cert_subject) are for display and not believed.
func (p *Client) Certificates(ctx context.Context, requestID, userID, serial string) ([]signing.Certificate, error) {
	answer, err := p.post(ctx, p.Profile.CertificatesPath, certificatesRequest{
		login: p.login(), UserID: p.wireUser(userID), Serial: serial, TransactionID: requestID, CAName: p.Profile.CAName,
	})
	if err != nil {
		return nil, fmt.Errorf("looking up certificates: %w", err)
	}
	if err := p.failure(answer); err != nil {
		if p.saysNoCertificate(answer) {
			return nil, nil
		}
		return nil, fmt.Errorf("looking up certificates: %w", err)
	}
	if !answer.dataGiven && answer.statusCode == "" {
		return nil, answer.reply.Unavailable("%s sent an answer that makes no sense", p.Name)
	}
	list, broken := parseCertificates(answer.data.Certificates, serial)
	if len(list) == 0 && broken > 0 {
		return nil, answer.reply.Unavailable("%s sent %d certificates that cannot be read", p.Name, broken)
	}
	return list, nil
}

// Request implements signing.RemoteSigner. Besides the port's codes it returns problem.TooLarge for more
// documents than the provider takes.
func (p *Client) Request(ctx context.Context, req signing.ApprovalRequest) (signing.Accepted, error) {
	if limit := party.OrDefault(p.Profile.MaxDocuments, signing.MaxDocuments); len(req.Documents) > limit {
		return signing.Accepted{}, problem.New(problem.TooLarge, "%d documents; %s takes %d in one request", len(req.Documents), p.Name, limit)
	}
	if req.Retry {
		accepted, known, err := p.lookUp(ctx, req.ID)
		if err != nil {
			return signing.Accepted{}, fmt.Errorf("asking whether the request is known: %w", err)
		}
		if known {
			return accepted, nil
		}
	}
	answer, err := p.post(ctx, p.Profile.SignPath, p.signRequest(req))
	if err != nil {
		return signing.Accepted{}, fmt.Errorf("requesting approval: %w", err)
	}
	if p.saysDuplicate(answer) {
		return p.afterDuplicate(ctx, req.ID, answer)
	}
	if err := p.failure(answer); err != nil {
		return signing.Accepted{}, fmt.Errorf("requesting approval: %w", err)
	}
	if !answer.namesTransaction() {
		return signing.Accepted{}, answer.reply.Unavailable("%s accepted without naming the transaction", p.Name)
	}
	return p.accepted(req.ID, answer), nil
}

// afterDuplicate treats "this id was used" as "already started": the ids are taken from the answer or from the
// status. Nothing new is sent, the owner would be asked twice.
func (p *Client) afterDuplicate(ctx context.Context, id string, duplicate answer) (signing.Accepted, error) {
	if duplicate.namesTransaction() {
		return p.accepted(id, duplicate), nil
	}
	accepted, known, err := p.lookUp(ctx, id)
	if err != nil {
		return signing.Accepted{}, fmt.Errorf("asking for the status of a repeated request: %w", err)
	}
	if !known {
		return signing.Accepted{}, duplicate.reply.Unavailable("%s knows the request but not its status", p.Name)
	}
	return accepted, nil
}

// lookUp asks for the status of a request by our own id, for want of an answer that named another.
func (p *Client) lookUp(ctx context.Context, id string) (signing.Accepted, bool, error) {
	answer, verdict, err := p.status(ctx, id)
	if err != nil || verdict == unknown {
		return signing.Accepted{}, false, err
	}
	if verdict == undecided && !answer.namesTransaction() {
		return signing.Accepted{}, false, answer.reply.Unavailable("%s does not say whether it knows the request", p.Name)
	}
	return p.accepted(id, answer), true, nil
}

// maxWindow is the longest window that is believed. Known ones are minutes; a number beyond this is not seconds.
const maxWindow = 30 * 24 * time.Hour

func (p *Client) accepted(id string, a answer) signing.Accepted {
	window := p.Profile.Window
	if given := time.Duration(a.data.ExpiredIn.Int()) * time.Second; given > 0 && given <= maxWindow {
		window = given
	}
	ref := reference{Transaction: party.OrDefault(string(a.data.TransactionID), id), Code: string(a.data.TranCode)}
	return signing.Accepted{Reference: ref.text(), Names: ref.names(), Window: window}
}

// Poll implements signing.RemoteSigner. The id in the path is the one from the provider's answer; some
// installations want tran_code there, so that is tried once when the first is not found.
func (p *Client) Poll(ctx context.Context, ref signing.ApprovalRef) (signing.Poll, error) {
	known := readReference(ref.Reference)
	id := party.OrDefault(known.Transaction, ref.OurID)
	answer, verdict, err := p.status(ctx, id)
	if err == nil && verdict == unknown && known.Code != "" && known.Code != id {
		answer, verdict, err = p.status(ctx, known.Code)
	}
	if err != nil {
		return signing.Poll{}, fmt.Errorf("asking for the answer: %w", err)
	}
	poll := signing.Poll{Message: p.redact(answer.message)}
	switch verdict {
	case done:
		poll.Outcome = signing.OutcomeApproved
		var readable bool
		if poll.Answers, readable = answer.answers(); !readable {
			return signing.Poll{}, answer.reply.Unavailable("%s: a signature value can be read in no usual form", p.Name)
		}
	case declined:
		poll.Outcome = signing.OutcomeDeclined
	case expired:
		poll.Outcome = signing.OutcomeExpired
	case unknown:
		return signing.Poll{}, problem.New(problem.ProviderRefused, "%s does not know the request (%s)", p.Name, answer.codes())
	}
	return poll, nil
}

// status asks once and reads the answer by the decision table; a verdict of none comes with an error.
func (p *Client) status(ctx context.Context, id string) (answer, verdict, error) {
	if id == "" {
		return answer{}, none, problem.New(problem.Invalid, "no transaction id to ask %s for", p.Name)
	}
	var body statusRequest
	if p.Profile.StatusWithLogin {
		body.login = p.login()
	}
	path := strings.ReplaceAll(p.Profile.StatusPath, tranID, url.PathEscape(id))
	if !strings.Contains(p.Profile.StatusPath, tranID) {
		body.TransactionID = id
	}
	a, err := p.post(ctx, path, body)
	if err != nil {
		return answer{}, none, err
	}
	v, err := p.decide(a)
	return a, v, err
}

func (p *Client) post(ctx context.Context, path string, body any) (answer, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return answer{}, fmt.Errorf("writing a request: %w", err)
	}
	r, err := party.Call{
		Party: p.Name, HTTP: p.HTTP, Timeout: p.Timeout, Clock: p.Clock, Body: data,
		URL: strings.TrimRight(p.BaseURL, "/") + path, ContentType: "application/json", Accept: "application/json",
	}.Do(ctx)
	if err != nil {
		return answer{}, err
	}
	return readAnswer(r), nil
}

func (p *Client) login() login { return login{SPID: p.SPID, SPPassword: p.SPPassword} }

func (p *Client) wireUser(id string) string {
	id = strings.TrimSpace(id)
	if p.Profile.DropPrefix != "" {
		id = strings.TrimPrefix(id, p.Profile.DropPrefix)
	}
	if !strings.HasPrefix(id, p.Profile.AddPrefix) {
		id = p.Profile.AddPrefix + id
	}
	return id
}

func (p *Client) signRequest(req signing.ApprovalRequest) signRequest {
	files := make([]signFile, len(req.Documents))
	for i, d := range req.Documents {
		files[i] = signFile{Data: p.hash(d.Digest), DocID: d.DocumentID, FileType: "pdf", SignType: "hash"}
	}
	return signRequest{
		login: p.login(), UserID: p.wireUser(req.UserID), TransactionID: req.ID,
		Description: norm.NFC.String(req.Description), Serial: req.Serial, CAName: p.Profile.CAName,
		TimeStamp: party.Now(p.Clock).UTC().Format("20060102150405Z"), Files: files,
	}
}

func (p *Client) hash(digest [32]byte) string {
	if p.Profile.Hash == HashBase64 {
		return base64.StdEncoding.EncodeToString(digest[:])
	}
	return hex.EncodeToString(digest[:])
}
