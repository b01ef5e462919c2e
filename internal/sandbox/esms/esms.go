// Package esms is the SMS gateway eSMS with the inboxes of the phones that it reaches.
package esms

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"kyso/internal/sandbox/kernel"
)

// The account that eSMS knows, and the brand names that are registered there.
const (
	DefaultAPIKey    = "sandbox-only-esms-api-key"    //nolint:gosec // opens nothing but the stand-in
	DefaultSecretKey = "sandbox-only-esms-secret-key" //nolint:gosec // opens nothing but the stand-in
)

var smsBrandnames = []string{"KYSO", "DEMO"}

// callSMS is the name of the call for Fault.On.
const callSMS = "sms"

// smsPath is the call below the host of eSMS.
const smsPath = "/MainService.svc/json/SendMultipleMessage_V4_post_json/"

// mobileNumber are the numbers that a text message can reach.
var mobileNumber = regexp.MustCompile(`^(?:\+?84|0)((?:3[2-9]|5[25689]|7[06-9]|8[1-9]|9\d)\d{7})$`)

// Message is a text message in the inbox of a phone.
type Message struct {
	At        time.Time `json:"at"`
	Phone     string    `json:"phone"` // as 84901234567
	From      string    `json:"from"`  // the brand name
	Text      string    `json:"text"`
	RequestID string    `json:"request_id"`
}

// smsRequest is what is read of a call.
type smsRequest struct {
	APIKey    string `json:"ApiKey"`
	SecretKey string `json:"SecretKey"`
	Phone     string `json:"Phone"`
	Content   string `json:"Content"`
	Brandname string `json:"Brandname"`
	SmsType   string `json:"SmsType"`
	RequestID string `json:"RequestId"`
}

// Inbox takes text messages and shows them on phones. Make one with New.
type Inbox struct {
	k *kernel.Kernel

	mu    sync.Mutex
	state state
}

type state struct {
	Messages []Message         `json:"messages"`     // oldest first
	Requests map[string]string `json:"sms_requests"` // SMSID by RequestId
}

// New makes a gateway.
func New(k *kernel.Kernel) *Inbox {
	return &Inbox{k: k, state: state{Requests: map[string]string{}}}
}

// Party is what the kernel knows of it. The wire lies below /esms and at the path of the real host.
func (g *Inbox) Party() kernel.Party {
	return kernel.Party{Name: "esms", Lock: &g.mu, State: &g.state, Calls: []kernel.Call{{Name: callSMS}},
		Parties: func(mux *http.ServeMux) {
			mux.HandleFunc("POST "+smsPath, g.serveSMS)
			mux.HandleFunc("POST /esms"+smsPath, g.serveSMS)
		},
		Phone: func(mux *http.ServeMux) {
			mux.HandleFunc("GET /sms", g.phoneSMS)
			mux.HandleFunc("GET /api/sms", g.getSMS)
		},
		Control: []kernel.Verb{{Pattern: "GET /sms", Help: "GET /sms?phone=", Do: g.getSMS}}}
}

func (g *Inbox) serveSMS(rw http.ResponseWriter, r *http.Request) {
	body, err := kernel.ReadBody(rw, r)
	fault := g.k.TakeFault("", callSMS)
	if fault.BeforeEffect() {
		kernel.Answer{}.WriteWithFault(rw, r, fault)
		return
	}
	var req smsRequest
	code, text, id := "99", "Lỗi không xác định", ""
	if err == nil && json.Unmarshal(body, &req) == nil {
		code, text, id = g.sendSMS(req)
	}
	if err := g.k.Flush(); err != nil {
		code, text = "99", err.Error()
	}
	answer := map[string]any{"CodeResult": code, "x_unknown": "ignore me"}
	if code == "100" {
		answer["CountRegenerate"], answer["SMSID"] = 0, id
	} else {
		answer["ErrorMessage"] = text
	}
	kernel.OK(answer).WriteWithFault(rw, r, fault)
}

// sendSMS puts a message into an inbox, once for each RequestId.
func (g *Inbox) sendSMS(req smsRequest) (code, text, id string) {
	phone, ok := smsPhone(req.Phone)
	g.mu.Lock()
	defer g.mu.Unlock()
	_, known := g.state.Requests[req.RequestID]
	switch {
	case req.APIKey != DefaultAPIKey || req.SecretKey != DefaultSecretKey:
		return "101", "Sai ApiKey hoặc SecretKey", ""
	case !slices.Contains([]string{"1", "2", "8"}, req.SmsType):
		return "118", "Loại tin nhắn không hợp lệ", ""
	case req.SmsType != "8" && !slices.Contains(smsBrandnames, req.Brandname):
		return "104", "Brandname không tồn tại", ""
	case !ok || strings.HasPrefix(req.Phone, "+"):
		return "108", "Số điện thoại không hợp lệ", ""
	case known:
		return "124", "RequestId đã tồn tại", ""
	case req.Content == "":
		return "99", "Không có nội dung", ""
	}
	id = kernel.NewUUID()
	key := req.RequestID
	if key != "" {
		g.state.Requests[key] = id
	} else {
		key = id
	}
	g.state.Messages = append(g.state.Messages, Message{At: g.k.Now(), Phone: phone, From: req.Brandname, Text: req.Content, RequestID: req.RequestID})
	g.k.Record(kernel.Effect{Kind: kernel.EffectSMS, Key: key, Detail: phone})
	return "100", "", id
}

// smsPhone writes a mobile number with 84 in front, and reports whether it is one.
func smsPhone(s string) (string, bool) {
	m := mobileNumber.FindStringSubmatch(strings.ReplaceAll(s, " ", ""))
	if m == nil {
		return "", false
	}
	return "84" + m[1], true
}

// Messages returns the inbox of a phone (0…, 84… or +84…), oldest first; of all phones when it is empty.
func (g *Inbox) Messages(phone string) []Message {
	list := []Message{}
	number, ok := smsPhone(phone)
	if phone != "" && !ok {
		return list
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.state.Messages {
		if phone == "" || m.Phone == number {
			list = append(list, m)
		}
	}
	return list
}
