package pades

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"

	"kyso/internal/pades/cms"
	"kyso/internal/pades/document"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// Extend appends a document security store (EN 319 142-1 §5.4.2) with the evidence that the file does not hold
// yet; an existing store keeps all its entries. There is no /VRI: it is optional, and validators exist that give
// up on it. With nothing to add the increment is empty.
//
// hashState is the SHA-256 state after all of src; nil means that the file is read once.
func Extend(src document.Source, ev Evidence, hashState []byte) (*Extended, error) {
	f, err := document.OpenSigned(src)
	if err != nil {
		return nil, err
	}
	increment, err := extendStore(f, ev)
	if err != nil {
		return nil, fmt.Errorf("extending the document security store: %w", err)
	}
	h, err := document.Hash(src, hashState)
	if err != nil {
		return nil, err
	}
	h.Write(increment)
	out := &Extended{Increment: increment}
	out.SHA256, out.HashState, err = document.SumAndState(h)
	return out, err
}

// extendStore returns the increment, nil when there is nothing to add.
func extendStore(f *pdf.File, ev Evidence) ([]byte, error) {
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

// streamsOf returns the data of the streams that an array of a store refers to. One that cannot be read is evidence to nobody, and no
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

// readStore returns what the document security store of the file holds, /VRI included.
func readStore(f *pdf.File) (Evidence, error) {
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

// Need is a certificate whose revocation status must be known before a file reaches B-LT.
type Need struct {
	Certificate *x509.Certificate
	Issuer      *x509.Certificate
	Anchored    bool // its chain ends at one of NeedsOptions.Roots
}

// NeedsOptions says what is asked of Needs.
type NeedsOptions struct {
	Have Evidence // what the caller has beside the file, roots included
	// ByteRange restricts the question to the signature with this range; the zero value asks about all. Other signatures in
	// an uploaded file name services of strangers, which are none of a signer's business.
	ByteRange [4]int64
	// Roots are the trusted ones, as DER. A chain that ends elsewhere is a stranger's, and so are the addresses in it.
	Roots [][]byte
	// Fresh lists also those whose status is known: what a file carries is as old as the file.
	Fresh bool
}

// Needs lists what is still missing: the certificates of signers and time-stamp authorities in the file, their
// issuers, and the OCSP responders that do not carry id-pkix-ocsp-nocheck, as far as neither the file nor opt.Have
// holds an OCSP answer or CRL about them. Roots need nothing. The caller fetches, adds to Have and asks again,
// because an answer may name a responder that is itself in question.
func Needs(src document.Source, opt NeedsOptions) ([]Need, error) {
	f, err := document.OpenSigned(src)
	if err != nil {
		return nil, err
	}
	store, err := readStore(f)
	if err != nil {
		return nil, fmt.Errorf("reading the document security store: %w", err)
	}
	fields, err := f.SignatureFields()
	if err != nil {
		return nil, fmt.Errorf("reading the signature fields: %w", err)
	}
	pool := newPool()
	pool.add(opt.Have, false)
	pool.add(store, true)
	var leaves []*x509.Certificate
	for _, field := range fields {
		if field.Value != nil && (opt.ByteRange == [4]int64{} || opt.ByteRange[1] == field.ContentsStart && opt.ByteRange[2] == field.ContentsEnd) {
			leaves = append(leaves, signersOf(field.Value, pool)...)
		}
	}
	if len(leaves) == 0 {
		return nil, problem.New(problem.Invalid, "the file holds no signature")
	}
	return missing(leaves, pool, opt), nil
}

// signersOf adds the certificates of a signature and its time-stamps to the pool and returns those of the signer
// and the authority.
func signersOf(value *pdf.Dict, pool *pool) []*x509.Certificate {
	contents, _ := value.Get("Contents").(pdf.String)
	sd, _, err := cms.Parse([]byte(contents))
	if err != nil {
		return nil
	}
	pool.addSignedData(sd)
	var leaves []*x509.Certificate
	if cert := sd.Certificate(pool.certs); cert != nil {
		leaves = append(leaves, cert)
	}
	for _, stamp := range sd.Signer.Timestamps {
		token, _, err := cms.ParseToken(stamp)
		if err != nil {
			continue
		}
		pool.addSignedData(token.SignedData)
		if cert := token.SignedData.Certificate(pool.certs); cert != nil {
			leaves = append(leaves, cert)
		}
	}
	return leaves
}

// missing walks from the leaves to the roots and over OCSP responders.
func missing(leaves []*x509.Certificate, pool *pool, opt NeedsOptions) []Need {
	var needs []Need
	seen := map[[32]byte]bool{}
	for queue := leaves; len(queue) > 0; queue = queue[1:] {
		cert := queue[0]
		if seen[sha256.Sum256(cert.Raw)] || selfIssued(cert) {
			continue
		}
		seen[sha256.Sum256(cert.Raw)] = true
		issuer := pool.issuerOf(cert)
		if issuer == nil {
			continue // nobody could verify an answer; Verify reports the broken chain
		}
		queue = append(queue, issuer)
		statuses := pool.statuses(cert, issuer)
		if opt.Fresh || len(statuses) == 0 {
			needs = append(needs, Need{Certificate: cert, Issuer: issuer, Anchored: anchored(issuer, pool, opt.Roots)})
		}
		for _, st := range statuses {
			if st.Responder != nil && !cms.NoCheck(st.Responder) {
				queue = append(queue, st.Responder)
			}
		}
	}
	return needs
}

// longestChain bounds a walk to a root; real chains have two or three issuers.
const longestChain = 8

// anchored reports whether the chain of a certificate ends at one of the roots.
func anchored(cert *x509.Certificate, pool *pool, roots [][]byte) bool {
	for range longestChain {
		if slices.ContainsFunc(roots, func(root []byte) bool { return bytes.Equal(root, cert.Raw) }) {
			return true
		}
		if selfIssued(cert) {
			return false
		}
		if cert = pool.issuerOf(cert); cert == nil {
			return false
		}
	}
	return false
}
