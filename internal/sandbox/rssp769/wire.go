package rssp769

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/fnv"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/people"
	"kyso/internal/sandbox/pki"
)

// The calls of the signing provider, as Fault.On names them.
const (
	callCertificates = "certificates"
	callSign         = "sign"
	callStatus       = "status"
)

// maxDocuments bounds a batch under one approval.
const maxDocuments = 50

// profile is one dialect of the JSON that Vietnamese providers share since decision 769/QĐ-BTTTT.
type profile struct {
	name         string
	certificates []string // paths
	sign         string
	base64       bool // digests are base64, not hex
	intrust      bool // answers as IntrustCA's gateway: integer cert_id, transaction_id next to the list
	serves       func(userID string) bool
}

var profiles = []profile{
	{
		name:         "sp769",
		certificates: []string{"/sca/sp769/v1/credentials/get_certificate", "/sca/sp769/v2/credentials/get_certificate"},
		sign:         "/sca/sp769/v1/signatures/sign",
		serves:       func(id string) bool { return !strings.HasPrefix(id, people.GatewayPrefix) },
	},
	{
		name:         "intrust",
		certificates: []string{"/gateway/ca/get_cert"},
		sign:         "/gateway/ca/sign_file",
		base64:       true, intrust: true,
		serves: func(id string) bool { return strings.HasPrefix(id, people.GatewayPrefix) },
	},
	{ // the national gateway; it takes ca_name, which is of no matter here
		name:         "neac",
		certificates: []string{"/sign_v2/get_certificate"},
		sign:         "/sign_v2/sign",
		base64:       true,
		serves:       func(string) bool { return true },
	},
}

// routes adds the calls of every profile. The status call is the sign path with an id; the method in the pattern makes
// other methods 405.
func (p *Provider) routes(mux *http.ServeMux) {
	for _, d := range profiles {
		for _, path := range d.certificates {
			mux.HandleFunc("POST "+path, p.serve(d, callCertificates))
		}
		mux.HandleFunc("POST "+d.sign, p.serve(d, callSign))
		mux.HandleFunc("POST "+d.sign+"/{tranID}/status", p.serve(d, callStatus))
	}
}

// rsspRequest is the body of all three calls. Unknown fields are tolerated, as the providers do.
type rsspRequest struct {
	SPID          string     `json:"sp_id"`
	SPPassword    string     `json:"sp_password"`
	UserID        string     `json:"user_id"`
	SerialNumber  string     `json:"serial_number"`
	TransactionID string     `json:"transaction_id"`
	Description   string     `json:"transaction_desc"`
	Files         []signFile `json:"sign_files"`
}

type signFile struct {
	Data     string `json:"data_to_be_signed"`
	DocID    string `json:"doc_id"`
	FileType string `json:"file_type"`
	SignType string `json:"sign_type"`
}

// rsspAnswer is the envelope of all answers. Grease stands for the fields that providers add without notice
// (compare RFC 8701): a client has to ignore it.
type rsspAnswer struct {
	StatusCode int    `json:"status_code"`
	Message    string `json:"message"`
	Data       any    `json:"data"`
	Grease     any    `json:"x_unknown"`
	Detail     string `json:"x_detail,omitempty"` // why; for people who debug
}

// The error texts of the provider's table, misspelling included.
func badRequest(why string) rsspAnswer {
	return rsspAnswer{StatusCode: 400, Message: "BAD_REQUEST", Detail: why}
}

func duplicate() rsspAnswer {
	return rsspAnswer{StatusCode: 400, Message: "BAD_REQUEST: duplicate transaction_id"}
}

// unauthorized is said of the account and of a user; only the words after the name tell them apart.
func unauthorized(why string) rsspAnswer {
	return rsspAnswer{StatusCode: 401, Message: "SP_CREDENTIAL_INVALID", Detail: why}
}

func unknownUser() rsspAnswer {
	return rsspAnswer{StatusCode: 401, Message: "SP_CREDENTIAL_INVALID: user is not valid"}
}

func inactive(why string) rsspAnswer {
	return rsspAnswer{StatusCode: 403, Message: "CREDENTIAL_STATUS_INVALID", Detail: why}
}

func noTransaction() rsspAnswer {
	return rsspAnswer{StatusCode: 404, Message: "TRANSACTION_NOT_FOUND"}
}

func serverError(why string) rsspAnswer {
	return rsspAnswer{StatusCode: 500, Message: "SERVAR_INTERNAL_ERROR", Detail: why}
}

// serve serves one call: read, pick a fault, have the effect, answer.
func (p *Provider) serve(d profile, call string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		req, problem := readRSSP(rw, r, call)
		p.k.Settle()
		userID, tx := req.UserID, (*transaction)(nil)
		if call == callStatus {
			if tx = p.findForStatus(r.PathValue("tranID")); tx != nil {
				userID = tx.User
			}
		}
		fault := p.k.TakeFault(userID, call)
		if fault.BeforeEffect() {
			misbehave(rw, r, fault, nil)
			return
		}
		answer := problem
		switch {
		case answer.StatusCode != 0:
		case call == callStatus:
			answer = p.status(tx)
		case req.SPID != p.opts.SPID || req.SPPassword != p.opts.SPPassword:
			answer = unauthorized("sp_id or sp_password")
		case call == callCertificates:
			answer = p.getCertificates(d, req)
		default:
			answer = p.sign(d, req)
		}
		p.answerRSSP(rw, r, answer, fault)
	}
}

func readRSSP(rw http.ResponseWriter, r *http.Request, call string) (rsspRequest, rsspAnswer) {
	var req rsspRequest
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 4<<20))
	if err != nil {
		return req, badRequest("the body cannot be read or is too big")
	}
	if call == callStatus && len(body) == 0 {
		return req, rsspAnswer{}
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return req, badRequest("Content-Type is not application/json")
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return req, badRequest("not JSON of this call")
	}
	return req, rsspAnswer{}
}

// answerRSSP writes an answer, bent by a fault that comes after the effect.
func (p *Provider) answerRSSP(rw http.ResponseWriter, r *http.Request, a rsspAnswer, f kernel.Fault) {
	a.Grease = map[string]any{"v": 769, "note": "ignore me"}
	body, err := json.Marshal(a)
	if err != nil {
		http.Error(rw, "encoding failed", http.StatusInternalServerError)
		return
	}
	if f.Do != "" {
		misbehave(rw, r, f, body)
		if f.Do != "slow" {
			return
		}
	}
	status := a.StatusCode
	if p.settings().BodyStatusOnly {
		status = http.StatusOK
	}
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = rw.Write(body) // the client is gone; nothing to do about it
}

// misbehave does what a fault says; a failure is in the provider's own words.
func misbehave(rw http.ResponseWriter, r *http.Request, f kernel.Fault, body []byte) {
	if f.Do != "500" && f.Do != "500-after" {
		kernel.AnswerFault(rw, r, f, body)
		return
	}
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(http.StatusInternalServerError)
	_, _ = rw.Write([]byte(`{"status_code":500,"message":"SERVAR_INTERNAL_ERROR","data":null}`)) // the client is gone; nothing to do about it
}

// certificateItem is one entry of user_certificates.
type certificateItem struct {
	ServiceType   string    `json:"service_type"`
	ServiceName   string    `json:"service_name"`
	CertID        any       `json:"cert_id"`
	Status        string    `json:"cert_status"`
	StatusCode    string    `json:"cert_status_code"`
	Serial        string    `json:"serial_number"`
	Subject       string    `json:"cert_subject"`
	ValidFrom     string    `json:"cert_valid_from"`
	ValidTo       string    `json:"cert_valid_to"`
	Data          string    `json:"cert_data"`
	Chain         chainData `json:"chain_data"`
	TransactionID string    `json:"transaction_id,omitempty"`
}

type chainData struct {
	CA   string  `json:"ca_cert"`
	Root *string `json:"root_cert"` // null, as live answers have it
}

func (p *Provider) getCertificates(d profile, req rsspRequest) rsspAnswer {
	if req.TransactionID == "" || req.UserID == "" {
		return badRequest("user_id and transaction_id are required")
	}
	if _, ok := people.Of(req.UserID); !ok || !d.serves(req.UserID) {
		return unknownUser()
	}
	k := p.knobsOf(req.UserID)
	owner := req.UserID
	if k.CertificatesOf != "" {
		owner = k.CertificatesOf
	}
	u, err := p.subscriber(owner)
	if err != nil {
		return serverError(err.Error())
	}
	items := []certificateItem{}
	for _, c := range u.Certificates {
		if req.SerialNumber != "" && !strings.EqualFold(req.SerialNumber, c.Serial) {
			continue
		}
		item, err := p.certificateItem(d, c, req, k)
		if err != nil {
			return serverError(err.Error())
		}
		items = append(items, item)
	}
	if len(items) == 0 && k.NoCertificateAs401 {
		return rsspAnswer{StatusCode: 401, Message: "SP_CREDENTIAL_INVALID: no certificate"}
	}
	if err := p.k.Flush(); err != nil {
		return serverError(err.Error())
	}
	data := map[string]any{"user_certificates": items}
	if d.intrust {
		data["transaction_id"] = req.TransactionID
	}
	return rsspAnswer{StatusCode: 200, Message: "Success", Data: data}
}

func (p *Provider) certificateItem(d profile, c *pki.Credential, req rsspRequest, k Knobs) (certificateItem, error) {
	issuer, err := p.pki.Authority(c.Issuer)
	if err != nil {
		return certificateItem{}, err
	}
	code := p.pki.Status(c.Serial, c.Certificate())
	owner, _ := people.Of(req.UserID)
	item := certificateItem{
		ServiceType: "SMARTCA", ServiceName: "SMARTCA PERSONAL PRO", CertID: c.ID,
		Status: statusWords[code], StatusCode: code, Serial: c.Serial, Subject: subject(owner),
		ValidFrom: c.Certificate().NotBefore.UTC().Format(time.RFC3339), ValidTo: c.Certificate().NotAfter.UTC().Format(time.RFC3339),
		Data: encodeCert(c.Cert, k.CRLFInCert), Chain: chainData{CA: encodeCert(issuer.Cert.Raw, k.CRLFInCert)},
	}
	if owner.Organisation {
		item.ServiceType, item.ServiceName = "ESEAL", "SMARTCA ESEAL"
	}
	if d.intrust {
		h := fnv.New32a()
		h.Write([]byte(c.ID))
		item.CertID = h.Sum32()
	} else {
		item.TransactionID = req.TransactionID
	}
	return item, nil
}

// subject is the name as the provider's answer writes it, for display only.
func subject(of people.Person) string {
	return "C=VN,ST=" + of.Province + ",L=" + of.Locality + ",CN=" + of.Name + ",UID=" + of.UID
}

var statusWords = map[string]string{
	"VALID": "Đang hoạt động", "EXPIRED": "Đã hết hạn", "REVOKED": "Đã thu hồi", "SUSPENDED": "Tạm dừng",
}

// encodeCert is base64 of DER without armour; with crlf in lines of 64 with a line end at the end, too.
func encodeCert(der []byte, crlf bool) string {
	s := base64.StdEncoding.EncodeToString(der)
	if !crlf {
		return s
	}
	var b strings.Builder
	for line := range slices.Chunk([]byte(s), 64) {
		b.Write(line)
		b.WriteString("\r\n")
	}
	return b.String()
}

var errDigest = errors.New("data_to_be_signed is not a SHA-256 digest in the encoding of this profile")

// decodeDigest reads data_to_be_signed.
func (p profile) decodeDigest(s string, k Knobs) ([]byte, error) {
	var digest []byte
	var err error
	if p.base64 {
		digest, err = base64.StdEncoding.Strict().DecodeString(s)
	} else {
		digest, err = hex.DecodeString(s)
	}
	if err != nil || len(digest) != 32 || (!p.base64 && k.UppercaseHexRejected && s != strings.ToLower(s)) {
		return nil, errDigest
	}
	return digest, nil
}
