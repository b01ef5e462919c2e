package rssp769

import (
	"encoding/json"
	"regexp"
	"strings"

	"kyso/internal/party"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// userForm is what providers of the profile take as a user id: a citizen number (CCCD, 12 digits) or the older identity number
// (CMND, 9), a tax code (10 digits, a branch has 3 more), a passport number, or IntrustCA's form with its prefix. Each profile puts
// the prefix there, or takes it off.
var userForm = regexp.MustCompile(`^(\d{9}|\d{12}|\d{10}(-?\d{3})?|[A-Z]{1,2}\d{6,8}|ICA\.[0-9A-Za-z][0-9A-Za-z._-]{2,59})$`)

var _ signing.Front = (*Client)(nil)

// Needs implements signing.Front.
func (p *Client) Needs() signing.Needs { return signing.NeedsNothing }

// CheckUser implements signing.Front.
func (p *Client) CheckUser(userID string) (string, error) {
	userID = strings.TrimSpace(userID)
	if !userForm.MatchString(userID) {
		return userID, problem.OfField(problem.Invalid, "user",
			"must be a citizen number of 12 digits (or 9), a tax code, a passport number, or ICA. and the provider's id", "Mã người dùng không đúng dạng")
	}
	return userID, nil
}

// UserOf is the user id of a citizen at a provider that has a profile here.
func UserOf(name, idNumber string) string { return known[name].profile("").AddPrefix + idNumber }

// Open implements signing.Front. The profile signs nothing, so the token proves the sender.
func (p *Client) Open(call signing.Call) (signing.Hint, error) {
	if err := party.CheckToken(p.WebhookToken, call.Token); err != nil {
		return signing.Hint{}, err
	}
	type ids struct {
		TransactionID string `json:"transaction_id"`
		TranCode      string `json:"tran_code"`
	}
	var hook struct {
		ids
		Data ids `json:"data"`
	}
	if err := json.Unmarshal(call.Body, &hook); err != nil {
		return signing.Hint{}, problem.New(problem.Invalid, "the body is not the JSON of a webhook")
	}
	for _, id := range []string{hook.TransactionID, hook.Data.TransactionID, hook.TranCode, hook.Data.TranCode} {
		switch {
		case len(id) > maxID || strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }):
			return signing.Hint{}, problem.OfField(problem.Invalid, "transaction_id", "must be a provider's id", "")
		case id != "":
			return signing.Hint{Request: id}, nil
		}
	}
	return signing.Hint{}, nil
}

// maxID is how many bytes an id of a provider has at most.
const maxID = 512
