package changes

import (
	"crypto/sha256"
	"encoding/asn1"
	"slices"

	"kyso/internal/finding"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// maxItems bounds the entries of one list of the store. Real ones hold a handful.
const maxItems = 512

// compareStore looks at the document security store (12.8.4.3), which no reader draws. It must have its shape: what it refers
// to must be data as a certificate, an OCSP answer or a CRL is, whether or not it is of use. What is gone from it is missing
// as evidence, and no change of the document.
func (c *comparison) compareStore(before, after pdf.Object) error {
	was, err := dictOf(c.old, before)
	if err != nil {
		return err
	}
	value, damaged, err := follow(c.new, after)
	if err != nil {
		return err
	}
	store, ok := value.(*pdf.Dict)
	if damaged || value != nil && !ok {
		return refuse(storeReplaced)
	}
	if store != nil {
		if err := onlyKeys(storeShape, storeExtra, store, "Type", "Certs", "OCSPs", "CRLs", "VRI"); err != nil {
			return err
		}
	}
	if typ, old := store.Get("Type"), was.Get("Type"); store != nil && old != nil && !pdf.Equal(typ, old) || old == nil && typ != nil && typ != pdf.Name("DSS") {
		return refuse(storeReplaced)
	}
	if err := c.compareLists(was, store, "Certs", "OCSPs", "CRLs"); err != nil {
		return err
	}
	return c.compareVRI(was.Get("VRI"), store.Get("VRI"))
}

// compareVRI looks at the validation data of single signatures.
func (c *comparison) compareVRI(before, after pdf.Object) error {
	was, err := dictOf(c.old, before)
	if err != nil {
		return err
	}
	value, damaged, err := follow(c.new, after)
	if err != nil {
		return err
	}
	vri, ok := value.(*pdf.Dict)
	if damaged || value != nil && !ok || vri.HasDuplicates() || vri.Len() > maxItems {
		return refuse(vriReplaced)
	}
	for _, key := range keysOf(was, vri) {
		oldEntry, err := dictOf(c.old, was.Get(key))
		if err != nil {
			return err
		}
		entry, err := dictOf(c.new, vri.Get(key))
		if err != nil {
			return err
		}
		if entry == nil && vri.Get(key) != nil {
			return refuse(vriEntryReplaced)
		}
		if entry != nil {
			if err := onlyKeys(vriEntryShape, vriEntryExtra, entry, "Type", "Cert", "OCSP", "CRL", "TU", "TS"); err != nil {
				return err
			}
		}
		if err := c.compareLists(oldEntry, entry, "Cert", "OCSP", "CRL"); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) compareLists(before, after *pdf.Dict, lists ...pdf.Name) error {
	for _, key := range lists {
		if err := c.compareList(before.Get(key), after.Get(key)); err != nil {
			return err
		}
	}
	return nil
}

// compareList demands that a list of the store holds data only, and notes what is gone from it. Writers may store the same data
// under another number.
func (c *comparison) compareList(before, after pdf.Object) error {
	value, damaged, err := follow(c.new, after)
	if err != nil {
		return err
	}
	list, ok := value.(pdf.Array)
	if damaged || value != nil && !ok || len(list) > maxItems {
		return refuse(storeListReplaced)
	}
	there := make(map[[32]byte]bool, len(list))
	for _, item := range list {
		data, damaged, err := evidence(c.new, item)
		if err != nil {
			return err
		}
		if damaged {
			continue // no evidence, and never drawn
		}
		if !resemblesDER(data) {
			return refuse(storeForeign)
		}
		there[sha256.Sum256(data)] = true
	}
	old, err := arrayOf(c.old, before)
	if err != nil {
		return err
	}
	for _, item := range old[:min(len(old), maxItems)] {
		data, _, err := evidence(c.old, item)
		if err != nil {
			return err
		}
		c.result.Lost = c.result.Lost || data != nil && !there[sha256.Sum256(data)]
	}
	return nil
}

// evidence returns the data of a stream, nil when there is no stream; damaged says that it cannot be read, or is no longer there.
func evidence(f *pdf.File, item pdf.Object) (data []byte, damaged bool, err error) {
	value, damaged, err := follow(f, item)
	if err != nil || damaged || value == nil {
		return nil, true, err
	}
	stream, ok := value.(*pdf.Stream)
	if _, isRef := item.(pdf.Ref); !ok || !isRef {
		return nil, false, nil
	}
	data, err = f.Data(stream)
	if problem.CodeOf(err) == problem.DocumentBroken {
		return nil, true, nil
	}
	return data, false, err
}

// resemblesDER reports whether data begins as certificates, OCSP answers and CRLs do: with an ASN.1 SEQUENCE, written out or with a
// length of several bytes. What is cut off, or followed by more, is no evidence and harms no reader; content that a page could
// show does not begin so.
func resemblesDER(data []byte) bool {
	if len(data) > 2 && data[0] == 0x30 && data[1] >= 0x81 && data[1] <= 0x84 {
		return true
	}
	var whole asn1.RawValue
	rest, err := asn1.Unmarshal(data, &whole)
	return err == nil && len(rest) == 0 && whole.Class == asn1.ClassUniversal && whole.Tag == asn1.TagSequence && whole.IsCompound && len(whole.Bytes) > 0
}

// onlyKeys refuses, with shape or extra, what is no dictionary or has other keys.
func onlyKeys(shape, extra *finding.Kind, d *pdf.Dict, allowed ...pdf.Name) error {
	if d == nil || d.HasDuplicates() {
		return refuse(shape)
	}
	for _, key := range d.Keys() {
		if !slices.Contains(allowed, key) {
			return refuse(extra)
		}
	}
	return nil
}
