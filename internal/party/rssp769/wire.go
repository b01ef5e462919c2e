package rssp769

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/party"
	"kyso/internal/signing"
)

// login is in clear in each body; the wire has no tokens.
type login struct {
	SPID       string `json:"sp_id,omitempty"`
	SPPassword string `json:"sp_password,omitempty"`
}

type certificatesRequest struct {
	login
	UserID        string `json:"user_id"`
	Serial        string `json:"serial_number"` // empty means all
	TransactionID string `json:"transaction_id"`
	CAName        string `json:"ca_name,omitempty"`
}

type signRequest struct {
	login
	UserID        string     `json:"user_id"`
	TransactionID string     `json:"transaction_id"`
	Description   string     `json:"transaction_desc"`
	Serial        string     `json:"serial_number"` // optional in the document, needed in practice
	CAName        string     `json:"ca_name,omitempty"`
	TimeStamp     string     `json:"time_stamp"` // yyyyMMddHHmmssZ, UTC
	Files         []signFile `json:"sign_files"`
}

type signFile struct {
	Data     string `json:"data_to_be_signed"`
	DocID    string `json:"doc_id"` // shown on the phone
	FileType string `json:"file_type"`
	SignType string `json:"sign_type"`
}

type statusRequest struct {
	login
	TransactionID string `json:"transaction_id,omitempty"`
}

// answer is any answer of the wire. Fields that are not there are zero; unknown fields are ignored.
type answer struct {
	reply      party.Reply
	readable   bool // a JSON object
	statusCode party.Text
	message    string
	data       answerData
	dataGiven  bool
}

type answerData struct {
	TransactionID party.Text        `json:"transaction_id"`
	TranCode      party.Text        `json:"tran_code"`
	ExpiredIn     party.Text        `json:"expired_in"` // seconds
	Signatures    []wireSignature   `json:"signatures"`
	Certificates  []wireCertificate `json:"user_certificates"`
}

// wireSignature is read by UnmarshalJSON.
type wireSignature struct {
	DocID party.Text
	Value string
	Hash  string // the digest that the provider says it signed
}

type wireCertificate struct {
	Serial party.Text `json:"serial_number"`
	Data   string     `json:"cert_data"`
	Chain  struct {
		CA   string `json:"ca_cert"`
		Root string `json:"root_cert"`
	} `json:"chain_data"`
}

// readAnswer reads what can be read. An error answer may carry anything in data, so data that does not fit is
// taken as absent.
func readAnswer(r party.Reply) answer {
	var envelope struct {
		StatusCode   party.Text      `json:"status_code"`
		Message      party.Text      `json:"message"`
		Data         json.RawMessage `json:"data"`
		Certificates json.RawMessage `json:"user_certificates"` // IntrustCA's gateway has no data around it
	}
	a := answer{reply: r}
	if err := json.Unmarshal(r.Body, &envelope); err != nil {
		return a
	}
	a.readable, a.statusCode, a.message = true, envelope.StatusCode, string(envelope.Message)
	switch {
	case party.Given(envelope.Data):
		a.dataGiven = json.Unmarshal(envelope.Data, &a.data) == nil
	case party.Given(envelope.Certificates):
		a.dataGiven = json.Unmarshal(r.Body, &a.data) == nil
	}
	if !a.dataGiven {
		a.data = answerData{}
	}
	return a
}

func (a answer) namesTransaction() bool { return a.data.TransactionID != "" || a.data.TranCode != "" }

// codes names both codes of an answer, for error texts. A status_code is shown only when it is a number.
func (a answer) codes() string {
	if _, err := strconv.Atoi(string(a.statusCode)); err != nil {
		return fmt.Sprintf("HTTP %d", a.reply.Status)
	}
	return fmt.Sprintf("HTTP %d, status_code %s", a.reply.Status, a.statusCode)
}

// signed reports whether the signatures are there. A list with an empty value is taken for an answer only when
// the provider says that it is done; the caller then misses the value and says so.
func (a answer) signed() bool {
	if strings.Contains(fold(a.message), "success") {
		return len(a.data.Signatures) > 0
	}
	for _, s := range a.data.Signatures {
		if strings.TrimSpace(s.Value) == "" {
			return false
		}
	}
	return len(a.data.Signatures) > 0
}

// parseCertificates reads the certificates themselves. One that cannot be read does not hide the others; broken
// counts them. With a serial, others are left out, for providers that ignore the filter.
func parseCertificates(items []wireCertificate, serial string) (list []signing.Certificate, broken int) {
	for _, item := range items {
		der, err := decodeBase64(item.Data)
		if err != nil {
			broken++
			continue
		}
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			broken++
			continue
		}
		if serial != "" && !sameSerial(serial, parsed.SerialNumber) {
			continue
		}
		list = append(list, signing.Certificate{
			Fingerprint: signing.Fingerprint(der), Serial: serialOf(string(item.Serial), parsed.SerialNumber),
			Subject: norm.NFC.String(parsed.Subject.CommonName), Issuer: norm.NFC.String(parsed.Issuer.CommonName),
			NotBefore: parsed.NotBefore.UTC(), NotAfter: parsed.NotAfter.UTC(),
			DER: der, Chain: chainOf(item),
		})
	}
	return list, broken
}

// chainOf returns issuer and root as far as they were sent and can be read; the caller has its own trust bundle.
func chainOf(item wireCertificate) [][]byte {
	var chain [][]byte
	for _, encoded := range []string{item.Chain.CA, item.Chain.Root} {
		der, err := decodeBase64(encoded)
		if err != nil || len(der) == 0 {
			continue
		}
		if _, err := x509.ParseCertificate(der); err == nil {
			chain = append(chain, der)
		}
	}
	return chain
}

// serialOf prefers the provider's spelling, because it compares the serial of a sign request with it as a string
// (leading zeros differ). It must be the certificate's number anyway.
func serialOf(spelt string, number *big.Int) string {
	if sameSerial(spelt, number) {
		return strings.ToLower(spelt)
	}
	return hex.EncodeToString(number.Bytes())
}

func sameSerial(spelt string, number *big.Int) bool {
	n, ok := new(big.Int).SetString(spelt, 16)
	return ok && n.Cmp(number) == 0
}

// decodeBase64 accepts the white space that live answers hold inside and at the end.
func decodeBase64(s string) ([]byte, error) {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
	return base64.StdEncoding.DecodeString(s)
}
