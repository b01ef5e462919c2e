// Package dss reads and extends the document security store of a PDF (ISO 32000-2, 12.8.4.3; ETSI EN 319 142-1, 5.4.2).
//
// It imports the standard library, internal/problem, and of internal/pades document and pdf only.
package dss

import (
	"crypto/sha256"

	"kyso/internal/pades/document"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// Evidence is validation material: DER certificates, OCSP responses and CRLs.
type Evidence struct {
	Certificates [][]byte `json:"certificates,omitempty"`
	OCSPs        [][]byte `json:"ocsps,omitempty"`
	CRLs         [][]byte `json:"crls,omitempty"`
}

// Extend returns the increment that adds what the store does not hold yet, nil when there is nothing to add.
func Extend(f *pdf.File, ev Evidence) ([]byte, error) {
	root, err := f.Catalog()
	if err != nil {
		return nil, err
	}
	old, err := f.Dict(root.Get("DSS"))
	if err != nil {
		return nil, err
	}
	store := old.Clone()
	if old == nil {
		store.Set("Type", pdf.Name("DSS"))
	}
	update := pdf.NewUpdate(f)
	changed := false
	for _, list := range storeLists(&ev) {
		added, err := addToStore(f, update, store, list.key, list.items)
		if err != nil {
			return nil, err
		}
		changed = changed || added
	}
	if !changed {
		return nil, nil
	}
	if ref, ok := root.Get("DSS").(pdf.Ref); ok && old != nil {
		update.Set(ref, store)
	} else {
		root = root.Clone()
		root.Set("DSS", update.Add(store))
		document.DeclarePAdES(f, root)
		update.Set(f.RootRef(), root)
	}
	return update.Bytes()
}

type storeList struct {
	key   pdf.Name
	items [][]byte
}

func storeLists(ev *Evidence) []storeList {
	return []storeList{{"Certs", ev.Certificates}, {"OCSPs", ev.OCSPs}, {"CRLs", ev.CRLs}}
}

// addToStore adds the items that are not in the store's array yet, told apart by digest.
func addToStore(f *pdf.File, update *pdf.Update, store *pdf.Dict, key pdf.Name, items [][]byte) (bool, error) {
	array, err := f.Array(store.Get(key))
	if err != nil {
		return false, err
	}
	held, err := streamsOf(f, array)
	if err != nil {
		return false, err
	}
	known := make(map[[32]byte]bool, len(held)+len(items))
	for _, data := range held {
		known[sha256.Sum256(data)] = true
	}
	array = append(pdf.Array{}, array...)
	before := len(array)
	for _, item := range items {
		if sum := sha256.Sum256(item); !known[sum] {
			known[sum] = true
			array = append(array, update.AddStream(pdf.NewDict(), item))
		}
	}
	if len(array) == before {
		return false, nil
	}
	store.Set(key, array)
	return true, nil
}

// maxStoreItems bounds how many entries of a store are read. Real ones hold a handful.
const maxStoreItems = 512

// streamsOf returns the data of the streams that an array of a store refers to. One that cannot be read is no evidence, and no
// reason to do without the others.
func streamsOf(f *pdf.File, array pdf.Array) ([][]byte, error) {
	if len(array) > maxStoreItems {
		return nil, problem.New(problem.DocumentTooComplex, "the document security store has more than %d entries", maxStoreItems)
	}
	var list [][]byte
	seen := map[pdf.Ref]bool{}
	for _, item := range array {
		ref, ok := item.(pdf.Ref)
		if !ok || seen[ref] {
			continue
		}
		seen[ref] = true
		object, err := f.Peek(ref.Num)
		if stream, ok := object.(*pdf.Stream); ok && err == nil {
			var data []byte
			if data, err = f.Data(stream); err == nil {
				list = append(list, data)
			}
		}
		if err != nil && problem.CodeOf(err) != problem.DocumentBroken {
			return nil, err
		}
	}
	return list, nil
}

// Read returns what the document security store of the file holds, /VRI included.
func Read(f *pdf.File) (Evidence, error) {
	var ev Evidence
	root, err := f.Catalog()
	if err != nil {
		return ev, err
	}
	store, err := f.Dict(root.Get("DSS"))
	if err != nil || store == nil {
		return ev, err
	}
	if err := readStoreLists(f, store, &ev, "Certs", "OCSPs", "CRLs"); err != nil {
		return ev, err
	}
	vri, err := f.Dict(store.Get("VRI"))
	if err != nil || vri == nil {
		return ev, err
	}
	for i, key := range vri.Keys() {
		if i == maxStoreItems {
			break
		}
		entry, err := f.Dict(vri.Get(key))
		if err == nil {
			err = readStoreLists(f, entry, &ev, "Cert", "OCSP", "CRL")
		}
		if err != nil && problem.CodeOf(err) != problem.DocumentBroken {
			return ev, err
		}
	}
	return ev, nil
}

func readStoreLists(f *pdf.File, d *pdf.Dict, ev *Evidence, certs, ocsps, crls pdf.Name) error {
	for _, list := range []struct {
		key    pdf.Name
		target *[][]byte
	}{{certs, &ev.Certificates}, {ocsps, &ev.OCSPs}, {crls, &ev.CRLs}} {
		array, err := f.Array(d.Get(list.key))
		if problem.CodeOf(err) == problem.DocumentBroken {
			continue
		}
		if err != nil {
			return err
		}
		data, err := streamsOf(f, array)
		if err != nil {
			return err
		}
		*list.target = append(*list.target, data...)
	}
	return nil
}
