package rssp769

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/party"
	"kyso/internal/party/partytest"
	"kyso/internal/signing"
)

// valueOf is the likeliest reading of a document's answer.
func valueOf(poll signing.Poll, id string) []byte {
	for _, a := range poll.Answers {
		if a.DocumentID == id && len(a.Values) > 0 {
			return a.Values[0]
		}
	}
	return nil
}

// spellings are the usual ones of bytes in JSON.
var spellings = map[string]func([]byte) string{
	"base64":                 base64.StdEncoding.EncodeToString,
	"base64 without padding": base64.RawStdEncoding.EncodeToString,
	"base64url":              base64.URLEncoding.EncodeToString,
	"base64url, bare":        base64.RawURLEncoding.EncodeToString,
	"base64 in lines": func(b []byte) string {
		var lines []string
		for line := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(b)), 64) {
			lines = append(lines, string(line))
		}
		return strings.Join(lines, "\r\n") + "\r\n"
	},
	"hex":             hex.EncodeToString,
	"hex, upper case": func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) },
	"hex with 0x":     func(b []byte) string { return "0x" + hex.EncodeToString(b) },
	"hex with colons": func(b []byte) string {
		var parts []string
		for _, x := range b {
			parts = append(parts, hex.EncodeToString([]byte{x}))
		}
		return strings.Join(parts, ":")
	},
	"base64 of hex": func(b []byte) string { return base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(b))) },
	"base64 of base64": func(b []byte) string {
		return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString(b)))
	},
	"PEM": func(b []byte) string {
		return "-----BEGIN PKCS7-----\n" + base64.StdEncoding.EncodeToString(b) + "\n-----END PKCS7-----\n"
	},
	"data URI": func(b []byte) string {
		return "data:application/octet-stream;base64," + base64.StdEncoding.EncodeToString(b)
	},
}

func TestEverySpellingOfAValueIsRead(t *testing.T) {
	for _, size := range []int{64, 70, 71, 72, 256, 384, 512, 2500} { // ECDSA raw and DER, RSA, a CMS
		value := bytes.Repeat([]byte{0}, size)
		for i := range value {
			sum := sha256.Sum256([]byte{byte(i), byte(i >> 8), byte(size)})
			value[i] = sum[0]
		}
		for name, spell := range spellings {
			if !slices.ContainsFunc(readings(spell(value)), func(b []byte) bool { return bytes.Equal(b, value) }) {
				t.Errorf("%s of %d bytes is not read", name, size)
			}
		}
	}
	for _, nothing := range []string{"", " ", "?", "=", "không có", "data:;base64,", "{}"} {
		if got := readings(nothing); len(got) > 0 {
			t.Errorf("%q is read as %x", nothing, got)
		}
	}
}

// TestEveryNamingOfAValueIsRead: by id, by the digest in hex and base64, by order alone.
func TestEveryNamingOfAValueIsRead(t *testing.T) {
	value, digest := bytes.Repeat([]byte{0xa7}, 256), sha256.Sum256([]byte("a"))
	spelt := base64.StdEncoding.EncodeToString(value)
	for name, element := range map[string]any{
		"the document's names": map[string]any{"doc_id": "a", "signature_value": spelt, "timestamp_signature": nil},
		"camel case":           map[string]any{"docId": "a", "signatureValue": spelt},
		"other names":          map[string]any{"documentId": "a", "signature": spelt},
		"a hash in hex":        map[string]any{"hash": hex.EncodeToString(digest[:]), "sig": spelt},
		"a hash in base64":     map[string]any{"data_to_be_signed": base64.StdEncoding.EncodeToString(digest[:]), "signature_value": spelt},
		"nothing but order":    spelt,
		"an id that is a number, and further fields": map[string]any{"doc_id": 7, "signature_value": spelt, "x": map[string]any{"signature": "no"}, "files": []string{"a"}},
	} {
		body, _ := json.Marshal(map[string]any{"status_code": 200, "message": "SUCCESS", "data": map[string]any{"signatures": []any{element}}})
		poll, err := script(t, VNPT(), partytest.OK(string(body))).Poll(context.Background(), signing.ApprovalRef{OurID: "x"})
		if err != nil || poll.Outcome != signing.OutcomeApproved || len(poll.Answers) != 1 || len(poll.Answers[0].Values) == 0 || !bytes.Equal(poll.Answers[0].Values[0], value) {
			t.Errorf("%s: %+v, %v", name, poll, err)
			continue
		}
		if a := poll.Answers[0]; strings.HasPrefix(name, "a hash") && !bytes.Equal(a.Digest, digest[:]) || strings.Contains(name, "names") && a.DocumentID != "a" {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func TestWordsOfBothLanguages(t *testing.T) {
	for words, want := range map[string]verdict{
		"sig_wait_for_user_confirm": pending, "WAITING_FOR_SIGNER_CONFIRM": pending, "PENDING": pending, "Chờ người dùng xác nhận": pending,
		"Đang chờ xác nhận": pending, "Chưa xác nhận": pending, "Dang cho xac nhan": pending, "Đang đợi phê duyệt trên điện thoại": pending,
		"Waiting for user to confirm or reject": pending, "Chờ xác nhận hoặc từ chối": pending, "Chờ người dùng xác nhận/từ chối": pending,
		"Đang chờ, giao dịch chưa hết hạn": pending, "not rejected, still waiting": pending, "Chưa bị từ chối": pending,
		"Waiting, will expire at 10:05": pending, "Đang chờ, sẽ hết hạn lúc 10:05": pending, "waiting, timeout in 10s": pending,
		"expires in 200 s": pending, "Chờ xác nhận, hết hạn sau 200 giây": pending, "Chờ xác nhận. Nếu muốn từ chối, bấm nút Từ chối trên điện thoại.": pending,
		"SIGNER_REJECTED": declined, "sig_user_rejected": declined, "User declined while waiting": declined, "Denied": declined,
		"Người dùng từ chối, không chờ xác nhận nữa": declined, "Đã từ chối yêu cầu đang chờ": declined, "Giao dịch chờ ký đã bị hủy": declined,
		"Yêu cầu bị huỷ": declined, "Nguoi dung tu choi": declined, "Giao dich da huy": declined, "Người dùng không đồng ý": declined,
		"cancelled, expired": declined, "Rejected before timeout": declined, "Từ chối trước khi hết hạn": declined,
		"EXPIRED": expired, "sig_transaction_expired": expired, "User Timeout": expired, "Request timed out": expired, "time-out": expired,
		"Timed out waiting for user": expired, "Hết thời gian chờ xác nhận": expired, "Quá thời gian chờ": expired, "Quá hạn xác nhận": expired,
		"Giao dịch hết hiệu lực": expired, "Het thoi gian cho": expired, "Qua thoi gian cho xac nhan": expired, "Cancelled due to timeout": expired,
		"Giao dịch bị hủy do hết thời gian chờ": expired, "Tự động hủy": expired, "Auto-cancelled": expired,
		"": undecided, "sig_processing": undecided, "Đang chuyển tiếp": undecided, "Success": undecided, "Nguyễn Quang Huy": undecided,
	} {
		for form, spelt := range map[string]string{"composed": norm.NFC.String(words), "decomposed": norm.NFD.String(words), "upper": strings.ToUpper(words)} {
			if got := meaning(fold(spelt)); got != want {
				t.Errorf("%q, %s: %d, want %d", words, form, got, want)
			}
		}
	}
}

// FuzzAnswer: an answer of any bytes is read or refused, and never takes a value that is not in it.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(finished))
	f.Add([]byte(`{"status_code":200,"message":"SUCCESS","data":{"signatures":["QUJD",{"docId":1,"sig":"00"},null,7,{"signature_value":null}]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a := readAnswer(party.Reply{Status: 200, Body: body})
		list, readable := a.answers()
		if readable && len(list) != len(a.data.Signatures) {
			t.Errorf("%d answers of %d", len(list), len(a.data.Signatures))
		}
		for _, one := range list {
			for _, value := range one.Values {
				if len(value) == 0 || len(value) > len(body) {
					t.Errorf("a value of %d bytes out of %d", len(value), len(body))
				}
			}
		}
		_ = meaning(fold(a.message))
	})
}
