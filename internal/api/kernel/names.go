package kernel

import (
	"net/url"
	"path"
	"strings"
	"unicode/utf8"
)

// maxFileName is how many bytes a name may have in the usual file systems. People count letters, file systems bytes.
const maxFileName = 255

// FileName puts a word behind the name of a PDF file. A name that gets too long loses letters at its end, whole ones.
func FileName(name, word string) string {
	stem, extension := name, path.Ext(name)
	switch {
	case strings.EqualFold(extension, ".pdf"):
		stem = strings.TrimSuffix(name, extension)
	case word != "" || len(name) > maxFileName:
		extension = ".pdf"
	default:
		return name
	}
	for len(stem)+len(word)+len(extension) > maxFileName {
		_, last := utf8.DecodeLastRuneInString(stem)
		stem = stem[:len(stem)-last]
	}
	return stem + word + extension
}

// Attachment is a Content-Disposition of RFC 6266: an ASCII name for old readers, the true one in UTF-8 (RFC 8187).
// It is never inline, so that a browser does not show foreign content under our name.
func Attachment(name string) string {
	ascii := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\%`, r) {
			return '_'
		}
		return r
	}, name)
	return `attachment; filename="` + ascii + `"; filename*=UTF-8''` + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
}

// SignedName is the name of the signed file made from the name of the original.
func SignedName(name string) string {
	return FileName(name, "-signed")
}
