package cms

// Limits of the BER reader: far above any signature, far below what could hurt.
const (
	maxBERDepth = 32
	maxBERSize  = 8 << 20
)

// firstElement cuts the first DER or BER element off b. BER (indefinite lengths, strings in pieces, lengths that
// are longer than needed), which some signers still write, is turned into DER; DER is returned as it stands, so
// that bytes under a signature stay the same bytes.
func firstElement(b []byte) (element, rest []byte, err error) {
	if len(b) > maxBERSize {
		return nil, nil, cmsTooLarge.Err()
	}
	if len(b) < 2 {
		return nil, nil, cmsEmpty.Err()
	}
	if b[1] == 0x80 {
		return berToDER(b, 0)
	}
	header, length, err := berLength(b)
	if err != nil {
		return nil, nil, err
	}
	if length > len(b)-header {
		return nil, nil, cmsCutOff.Err()
	}
	return b[:header+length], b[header+length:], nil
}

// berToDER converts the first element of b and returns what follows it.
func berToDER(b []byte, depth int) (der, rest []byte, err error) {
	if depth > maxBERDepth {
		return nil, nil, berTooDeep.Err()
	}
	header, length, err := berLength(b)
	if err != nil {
		return nil, nil, err
	}
	tag, constructed := b[0], b[0]&0x20 != 0
	var content []byte
	switch {
	case length >= 0 && length > len(b)-header:
		return nil, nil, berMalformed.Err()
	case !constructed:
		if length < 0 {
			return nil, nil, berMalformed.Err()
		}
		content, rest = b[header:header+length], b[header+length:]
	default:
		if content, rest, err = berChildren(b[header:], length, tag, depth); err != nil {
			return nil, nil, err
		}
		if tag == 0x24 { // OCTET STRING in pieces becomes one
			tag = 0x04
		}
	}
	return append(derHeader(tag, len(content)), content...), rest, nil
}

// berChildren converts the children of a constructed element. A negative length means indefinite: up to the
// end-of-contents octets. For an OCTET STRING in pieces it returns the joined contents.
func berChildren(b []byte, length int, tag byte, depth int) (content, rest []byte, err error) {
	body := b
	if length >= 0 {
		body, rest = b[:length], b[length:]
	}
	for {
		if length >= 0 && len(body) == 0 {
			return content, rest, nil
		}
		if length < 0 && len(body) >= 2 && body[0] == 0 && body[1] == 0 {
			return content, body[2:], nil
		}
		var child []byte
		if child, body, err = berToDER(body, depth+1); err != nil {
			return nil, nil, err
		}
		if tag == 0x24 {
			header, _, err := berLength(child)
			if err != nil || child[0] != 0x04 {
				return nil, nil, berMalformed.Err()
			}
			child = child[header:]
		}
		content = append(content, child...)
	}
}

// berLength reads tag and length octets. The length is -1 when indefinite.
func berLength(b []byte) (header, length int, err error) {
	switch {
	case len(b) < 2:
		return 0, 0, berMalformed.Err()
	case b[0]&0x1f == 0x1f:
		return 0, 0, berTag.Err()
	case b[1] < 0x80:
		return 2, int(b[1]), nil
	case b[1] == 0x80:
		return 2, -1, nil
	}
	n := int(b[1] & 0x7f)
	if n > 8 || len(b) < 2+n {
		return 0, 0, berMalformed.Err()
	}
	for _, c := range b[2 : 2+n] {
		if length > maxBERSize {
			return 0, 0, berMalformed.Err()
		}
		length = length<<8 | int(c)
	}
	if length > maxBERSize {
		return 0, 0, berMalformed.Err()
	}
	return 2 + n, length, nil
}

// derHeader encodes tag and length.
func derHeader(tag byte, length int) []byte {
	if length < 0x80 {
		return []byte{tag, byte(length)}
	}
	var octets []byte
	for n := length; n > 0; n >>= 8 {
		octets = append([]byte{byte(n)}, octets...)
	}
	return append([]byte{tag, 0x80 | byte(len(octets))}, octets...)
}
