package rssp769

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"regexp"
	"strings"
	"unicode"

	"kyso/internal/party"
	"kyso/internal/signing"
)

// UnmarshalJSON takes a signature in the spellings that occur: doc_id and docId, signature_value and signature, and the bare
// value where only the order says whose it is. A value that is no text is left out.
func (s *wireSignature) UnmarshalJSON(data []byte) error {
	*s = wireSignature{}
	if json.Unmarshal(data, &s.Value) == nil {
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	for name, raw := range fields {
		var value party.Text
		if json.Unmarshal(raw, &value) != nil {
			continue
		}
		switch strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name)) {
		case "docid", "documentid", "name", "filename":
			if s.DocID == "" || strings.HasSuffix(strings.ToLower(name), "id") {
				s.DocID = value
			}
		case "signaturevalue", "signature", "sig", "value":
			if value != "" {
				s.Value = string(value)
			}
		case "hash", "dochash", "digest", "datatobesigned":
			s.Hash = string(value)
		}
	}
	return nil
}

// answers returns what came for the documents. Which of it is right is for the caller to prove.
func (a answer) answers() ([]signing.ProviderAnswer, bool) {
	list := make([]signing.ProviderAnswer, len(a.data.Signatures))
	for i, s := range a.data.Signatures {
		list[i] = signing.ProviderAnswer{DocumentID: string(s.DocID), Values: readings(s.Value)}
		for _, digest := range readings(s.Hash) {
			if len(digest) == 32 {
				list[i].Digest = digest
			}
		}
		if strings.TrimSpace(s.Value) != "" && len(list[i].Values) == 0 {
			return nil, false
		}
	}
	return list, true
}

var (
	hexForm    = regexp.MustCompile(`^(?:0[xX])?[0-9a-fA-F]+$`)
	base64Form = regexp.MustCompile(`^[A-Za-z0-9+/_-]+={0,2}$`)
)

// readings returns what a text may stand for, the likelier first: hex in either case, with or without colons, base64 of both
// alphabets, padded or not, in lines, in PEM armour or behind a data: prefix, and one of these inside another. A text of hex digits
// only is also base64; which is meant shows when it is verified.
func readings(s string) [][]byte { return readingsWithin(s, 2) }

func readingsWithin(s string, depth int) [][]byte {
	if block, _ := pem.Decode([]byte(strings.TrimSpace(s))); block != nil {
		return [][]byte{block.Bytes}
	}
	if prefix, rest, found := strings.Cut(s, ";base64,"); found && strings.HasPrefix(prefix, "data:") {
		s = rest
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '"' {
			return -1
		}
		return r
	}, s)
	var list [][]byte
	add := func(value []byte, err error) {
		if err != nil || len(value) == 0 {
			return
		}
		list = append(list, value)
		if inner := string(value); depth > 1 && (hexForm.MatchString(inner) || base64Form.MatchString(inner)) && len(inner) >= 64 {
			list = append(list, readingsWithin(inner, depth-1)...)
		}
	}
	digits := strings.ReplaceAll(s, ":", "")
	isHex := hexForm.MatchString(digits)
	if isHex && len(digits) >= 64 { // a digest at least: by chance no base64 text of this length has hex digits only
		digits = strings.TrimPrefix(strings.TrimPrefix(digits, "0x"), "0X")
		add(hex.DecodeString(digits))
	}
	if base64Form.MatchString(s) {
		standard := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
		add(base64.RawStdEncoding.DecodeString(standard))
	}
	return distinct(list)
}

func distinct(list [][]byte) [][]byte {
	var out [][]byte
	for _, value := range list {
		known := false
		for _, other := range out {
			known = known || bytes.Equal(other, value)
		}
		if !known {
			out = append(out, value)
		}
	}
	return out
}
