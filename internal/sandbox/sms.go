package sandbox

import (
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The account that eSMS knows, and the brand names that are registered there.
const (
	DefaultSMSAPIKey    = "sandbox-only-esms-api-key"    //nolint:gosec // opens nothing but the stand-in
	DefaultSMSSecretKey = "sandbox-only-esms-secret-key" //nolint:gosec // opens nothing but the stand-in
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

// routeSMS adds the call, below /esms and at the path of the real host.
func (w *World) routeSMS(mux *http.ServeMux) {
	mux.HandleFunc("POST "+smsPath, w.serveSMS)
	mux.HandleFunc("POST /esms"+smsPath, w.serveSMS)
}

func (w *World) serveSMS(rw http.ResponseWriter, r *http.Request) {
	body, err := readBody(rw, r)
	fault := w.takeFault("", callSMS)
	if fault.beforeEffect() {
		w.answerWithFault(rw, r, jsonAnswer{}, fault)
		return
	}
	var req smsRequest
	code, text, id := "99", "Lỗi không xác định", ""
	if err == nil && json.Unmarshal(body, &req) == nil {
		code, text, id = w.sendSMS(req)
	}
	if err := w.flush(); err != nil {
		code, text = "99", err.Error()
	}
	answer := map[string]any{"CodeResult": code, "x_unknown": "ignore me"}
	if code == "100" {
		answer["CountRegenerate"], answer["SMSID"] = 0, id
	} else {
		answer["ErrorMessage"] = text
	}
	w.answerWithFault(rw, r, jsonAnswer{http.StatusOK, answer}, fault)
}

// sendSMS puts a message into an inbox, once for each RequestId.
func (w *World) sendSMS(req smsRequest) (code, text, id string) {
	phone, ok := smsPhone(req.Phone)
	w.mu.Lock()
	defer w.mu.Unlock()
	_, known := w.state.SMSRequests[req.RequestID]
	switch {
	case req.APIKey != DefaultSMSAPIKey || req.SecretKey != DefaultSMSSecretKey:
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
	id = newUUID()
	key := req.RequestID
	if key != "" {
		w.state.SMSRequests[key] = id
	} else {
		key = id
	}
	w.state.Messages = append(w.state.Messages, Message{At: w.now(), Phone: phone, From: req.Brandname, Text: req.Content, RequestID: req.RequestID})
	w.record(Effect{Kind: EffectSMS, Key: key, Detail: phone})
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
func (w *World) Messages(phone string) []Message {
	list := []Message{}
	number, ok := smsPhone(phone)
	if phone != "" && !ok {
		return list
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.state.Messages {
		if phone == "" || m.Phone == number {
			list = append(list, m)
		}
	}
	return list
}

// PhoneOf returns the mobile number of a citizen, or nothing when there is no such citizen.
func (w *World) PhoneOf(idNumber string) string {
	c, err := w.Citizen(idNumber)
	if err != nil {
		return ""
	}
	return c.Phone
}

// phoneInbox is a phone with messages.
type phoneInbox struct {
	Phone string
	Count int
}

// phoneSMS shows the messages of a phone, latest first, or which phones have some.
func (w *World) phoneSMS(rw http.ResponseWriter, r *http.Request) {
	phone := strings.TrimSpace(r.URL.Query().Get("phone"))
	list := w.Messages(phone)
	slices.Reverse(list)
	rw.Header().Set("Refresh", "5") // a code is waited for
	if phone != "" {
		w.render(rw, http.StatusOK, "inbox", phonePage{Title: "Tin nhắn", Phone: phone, Messages: list})
		return
	}
	counts := map[string]int{}
	for _, m := range list {
		counts[m.Phone]++
	}
	page := phonePage{Title: "Tin nhắn"}
	for number, n := range counts {
		page.Inboxes = append(page.Inboxes, phoneInbox{number, n})
	}
	slices.SortFunc(page.Inboxes, func(a, b phoneInbox) int { return cmp.Compare(a.Phone, b.Phone) })
	w.render(rw, http.StatusOK, "inboxes", page)
}

// getSMS is the inbox as JSON.
func (w *World) getSMS(rw http.ResponseWriter, r *http.Request) {
	writeJSON(rw, http.StatusOK, map[string]any{"messages": w.Messages(strings.TrimSpace(r.URL.Query().Get("phone")))})
}
