package sandbox

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// The account of the SMS gateway.
const (
	DefaultSMSAPIKey    = "SANDBOX-SMS-KEY"
	DefaultSMSSecretKey = "SANDBOX-SMS-SECRET"
)

const callSMS = "sms"

// Message is a text that a phone received.
type Message struct {
	At        time.Time `json:"at"`
	Phone     string    `json:"phone"` // digits from 84
	Text      string    `json:"text"`
	RequestID string    `json:"request_id"`
}

type smsRequest struct {
	APIKey    string `json:"ApiKey"`
	SecretKey string `json:"SecretKey"`
	Phone     string `json:"Phone"`
	Content   string `json:"Content"`
	SmsType   string `json:"SmsType"`
	Brandname string `json:"Brandname"`
	RequestID string `json:"RequestId"`
}

func (w *World) routeSMS(mux *http.ServeMux) {
	mux.HandleFunc("POST /esms/MainService.svc/json/SendMultipleMessage_V4_post_json/", w.serveSMS)
}

func (w *World) serveSMS(rw http.ResponseWriter, r *http.Request) {
	f := w.takeFault("", callSMS)
	if f.beforeEffect() {
		w.answerWithFault(rw, r, jsonAnswer{}, f)
		return
	}
	code := "99"
	var in smsRequest
	if body, err := readBody(rw, r); err == nil && json.Unmarshal(body, &in) == nil {
		code = w.takeSMS(in)
	}
	answer := map[string]any{"CodeResult": code, "CountRegenerate": 0}
	if code == "100" {
		answer["SMSID"] = in.RequestID
	} else {
		answer["ErrorMessage"] = "code " + code
	}
	if err := w.flush(); err != nil {
		w.log.Error("saving the sandbox failed", "error", err)
	}
	w.answerWithFault(rw, r, jsonAnswer{http.StatusOK, answer}, f)
}

var smsPhone = regexp.MustCompile(`^84[35789]\d{8}$`)

// phoneDigits is a phone from 84, whatever form it came in.
func phoneDigits(phone string) string {
	phone = strings.TrimPrefix(strings.TrimSpace(phone), "+")
	if strings.HasPrefix(phone, "0") {
		phone = "84" + phone[1:]
	}
	return phone
}

// takeSMS returns eSMS's code: 100 accepted, 124 known before.
func (w *World) takeSMS(in smsRequest) string {
	phone := phoneDigits(in.Phone)
	switch {
	case in.APIKey != DefaultSMSAPIKey || in.SecretKey != DefaultSMSSecretKey:
		return "101"
	case in.Brandname == "":
		return "104"
	case !smsPhone.MatchString(phone):
		return "108"
	case in.SmsType != "2":
		return "118"
	case in.Content == "" || in.RequestID == "":
		return "99"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.state.SMS {
		if m.RequestID == in.RequestID {
			return "124"
		}
	}
	w.state.SMS = append(w.state.SMS, Message{At: w.now(), Phone: phone, Text: in.Content, RequestID: in.RequestID})
	w.record(Effect{Kind: EffectSMS, Key: in.RequestID})
	return "100"
}

// Messages returns what a phone received, oldest first; every phone's when it is empty.
func (w *World) Messages(phone string) []Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := []Message{}
	for _, m := range w.state.SMS {
		if phone == "" || m.Phone == phoneDigits(phone) {
			out = append(out, m)
		}
	}
	return out
}
