// Package esms is the client of the gateway of text messages eSMS.
package esms

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"kyso/internal/party"
	"kyso/internal/problem"
	"kyso/internal/registration"
)

const (
	who      = "eSMS"
	sendPath = "/MainService.svc/json/SendMultipleMessage_V4_post_json/"
)

// Client sends texts through eSMS (rest.esms.vn). It implements registration.SMS.
//
// Accepted is not delivered: the gateway says no more here, and the citizen asks for another code.
type Client struct {
	BaseURL     string // such as https://rest.esms.vn
	APIKey      string
	SecretKey   string
	Brandname   string // registered, together with the templates of the texts
	CallbackURL string // gets deliveries when set
	Sandbox     bool   // the gateway takes the text and sends nothing
	HTTP        *http.Client
	Timeout     time.Duration    // 0 means 15 s
	Clock       func() time.Time // nil means time.Now; only for Retry-After dates
}

var _ registration.SMS = (*Client)(nil)

type sendRequest struct {
	APIKey      string `json:"ApiKey"`
	SecretKey   string `json:"SecretKey"`
	Phone       string `json:"Phone"`
	Content     string `json:"Content"`
	Brandname   string `json:"Brandname"`
	SMSType     string `json:"SmsType"` // 2: customer care under a brand name
	IsUnicode   string `json:"IsUnicode"`
	Sandbox     string `json:"Sandbox"`
	Campaign    string `json:"campaignid"`
	RequestID   string `json:"RequestId"`
	CallbackURL string `json:"CallbackUrl,omitempty"`
}

// meanings are the results that eSMS documents. What is not here may pass: 99 says unknown, too.
var meanings = map[string]struct {
	code problem.Code // "" is success
	says string
}{
	"100": {"", "accepted"},
	"124": {"", "this RequestId was accepted before"},
	"101": {problem.ProviderCredentials, "wrong key"},
	"102": {problem.ProviderCredentials, "the account is locked or has no price"},
	"103": {problem.ProviderCredentials, "the balance is used up"},
	"104": {problem.ProviderCredentials, "the brand name is not ours"},
	"140": {problem.ProviderCredentials, "our address is not allowed"},
	"108": {problem.ProviderRefused, "the phone number is wrong"},
	"118": {problem.ProviderRefused, "the type of text is wrong"},
	"146": {problem.ProviderRefused, "the text is not of a registered template"},
	"177": {problem.ProviderRefused, "the brand name is not registered with the phone's network"},
}

// Send implements registration.SMS. A phone that is not Vietnamese is problem.ProviderRefused.
func (s *Client) Send(ctx context.Context, requestID, phone, text string) error {
	local, ok := localPhone(phone)
	if !ok {
		return problem.New(problem.ProviderRefused, "sending a text: the phone is not a Vietnamese number")
	}
	r, err := party.Call{
		Party: who, HTTP: s.HTTP, Timeout: s.Timeout, Clock: s.Clock, URL: strings.TrimRight(s.BaseURL, "/") + sendPath,
	}.DoJSON(ctx, sendRequest{
		APIKey: s.APIKey, SecretKey: s.SecretKey, Phone: local, Content: text, Brandname: s.Brandname, SMSType: "2",
		IsUnicode: flag(!ascii(text)), Sandbox: flag(s.Sandbox), Campaign: "otp", RequestID: requestID, CallbackURL: s.CallbackURL,
	})
	if err == nil {
		err = resultOf(r)
	}
	if err != nil {
		return fmt.Errorf("sending a text: %w", err)
	}
	return nil
}

// resultOf reads CodeResult. ErrorMessage is left alone: it may quote the text or the phone.
func resultOf(r party.Reply) error {
	if err := r.Failure(who); err != nil {
		return err
	}
	var answer struct {
		Code party.Text `json:"CodeResult"`
	}
	if err := r.Read(who, &answer); err != nil {
		return err
	}
	result, known := meanings[string(answer.Code)]
	switch {
	case !known:
		return r.Unavailable("%s answered %s", who, party.ShortCode(string(answer.Code)))
	case result.code == "":
		return nil
	}
	return problem.New(result.code, "%s answered %s: %s", who, answer.Code, result.says)
}

var vietnamesePhone = regexp.MustCompile(`^(?:\+84|0)([1-9][0-9]{8,9})$`)

// localPhone turns +84901234567 into 0901234567.
func localPhone(phone string) (string, bool) {
	m := vietnamesePhone.FindStringSubmatch(phone)
	if m == nil {
		return "", false
	}
	return "0" + m[1], true
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}
