package store_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode/utf16"
)

// spellings returns the ways in which a text might stand in a file: UTF-8, UTF-16 of both orders, hex, and base64
// at each of the three alignments (without the ends, which depend on what stands beside it).
func spellings(text string) [][]byte {
	var little, big []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		little = append(little, byte(unit), byte(unit>>8))
		big = append(big, byte(unit>>8), byte(unit))
	}
	all := [][]byte{[]byte(text), little, big}
	for _, raw := range [][]byte{[]byte(text), little, big} {
		all = append(all, []byte(hex.EncodeToString(raw)), []byte(strings.ToUpper(hex.EncodeToString(raw))))
		for shift := range 3 {
			padded := append(make([]byte, shift), raw...)
			padded = padded[:len(padded)/3*3]
			all = append(all, []byte(base64.StdEncoding.EncodeToString(padded)[4:]),
				[]byte(base64.URLEncoding.EncodeToString(padded)[4:]))
		}
	}
	return all
}

func containsCanary(data []byte, canary string) bool {
	for _, spelling := range spellings(canary) {
		if bytes.Contains(data, spelling) {
			return true
		}
	}
	return false
}
