package prepare

import (
	"slices"

	"kyso/internal/pades/form"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
	"kyso/internal/vn"
)

// checkRules refuses options that make no sense whatever the file is.
func (opt *Options) checkRules() error {
	if opt.Certify < form.Approval || opt.Certify > form.CertifyFormsAndNote {
		return problem.New(problem.Invalid, "a certification is 1, 2 or 3")
	}
	if err := opt.checkEmptyFields(); err != nil {
		return err
	}
	lock := opt.Lock
	if lock == nil {
		return nil
	}
	switch {
	case lock.Action == form.LockAll && len(lock.Fields) == 0:
	case (lock.Action == form.LockInclude || lock.Action == form.LockExclude) && len(lock.Fields) > 0:
	default:
		return problem.New(problem.Invalid, "a lock is all, or include or exclude with names of fields")
	}
	return nil
}

// checkFirst refuses a certification of a file that is signed already.
func (opt *Options) checkFirst(fm *form.Form) error {
	if opt.Certify != form.Approval && fm.Signed() > 0 {
		return problem.New(problem.DocumentLocked, "only the first signature of a file can certify it")
	}
	return nil
}

// signature returns the signature dictionary (12.8.1, table 255; ETSI EN 319 142-1, 6.3).
func (b *builder) signature() *pdf.Dict {
	b.byteRange = &pdf.Slot{Fill: ' ', Size: byteRangeLength}
	b.contents = &pdf.Slot{Open: "<", Fill: '0', Size: 2 * b.opt.HoleSize, Close: ">"}
	if b.archive {
		return archiveSignature(b.byteRange, b.contents)
	}
	d := pdf.NewDict("Type", pdf.Name("Sig"), "Filter", pdf.Name("Adobe.PPKLite"),
		"SubFilter", pdf.Name("ETSI.CAdES.detached"), "ByteRange", b.byteRange, "Contents", b.contents,
		"M", pdf.Date(b.opt.SigningTime.In(vn.Zone)))
	for _, item := range []struct{ key, value string }{
		{"Name", b.opt.SignerName}, {"Reason", b.opt.Reason}, {"Location", b.opt.Location},
	} {
		if item.value != "" {
			d.Set(pdf.Name(item.key), pdf.TextString(item.value))
		}
	}
	if references := b.references(); len(references) > 0 {
		d.Set("Reference", references)
	}
	return d
}

// references are the signature reference dictionaries (12.8.1, table 256) that say what the signature forbids.
func (b *builder) references() pdf.Array {
	var out pdf.Array
	reference := func(method pdf.Name, params *pdf.Dict) *pdf.Dict {
		params.Set("V", pdf.Name("1.2"))
		return pdf.NewDict("Type", pdf.Name("SigRef"), "TransformMethod", method, "TransformParams", params)
	}
	if b.opt.Certify != form.Approval {
		out = append(out, reference("DocMDP", pdf.NewDict("Type", pdf.Name("TransformParams"), "P", int64(b.opt.Certify))))
	}
	if b.opt.Lock != nil {
		d := reference("FieldMDP", b.opt.Lock.Dict("TransformParams"))
		d.Set("Data", b.file.RootRef())
		out = append(out, d)
	}
	return out
}

// certify names the certification in the catalog (12.8.6).
func (b *builder) certify(root *pdf.Dict) error {
	if b.opt.Certify == form.Approval {
		return nil
	}
	perms, err := b.file.Dict(root.Get("Perms"))
	if err != nil {
		return err
	}
	perms = perms.Clone()
	perms.Set("DocMDP", b.value)
	root.Set("Perms", perms)
	return nil
}

// keepLock takes over the lock that the author of the form gave to the field: the signature has to repeat it (12.7.5.5).
func (b *builder) keepLock(field *pdf.SignatureField) error {
	own, err := b.file.Dict(field.Field.Get("Lock"))
	if err != nil || own == nil {
		return err
	}
	if b.opt.Lock != nil {
		return problem.New(problem.DocumentLocked, "the field brings its own lock along")
	}
	b.opt.Lock, err = form.ReadLock(b.file, own)
	return err
}

// Bits of /Ff in a seed value dictionary: which of its wishes are orders (12.7.5.5, table 237).
const (
	seedFilter    = 1 << 0
	seedSubFilter = 1 << 1
	seedReasons   = 1 << 3
	seedDigest    = 1 << 6
)

// checkSeed refuses a field whose author demands another signature than the one asked for.
func checkSeed(f *pdf.File, field *pdf.Dict, opt Options) error {
	seed, err := f.Dict(field.Get("SV"))
	if err != nil || seed == nil {
		return err
	}
	orders, _, err := f.IntOf(seed.Get("Ff"))
	if err != nil {
		return err
	}
	for _, wish := range []struct {
		bit   int64
		key   pdf.Name
		value string
		say   string
	}{
		{seedFilter, "Filter", "Adobe.PPKLite", "filter"},
		{seedSubFilter, "SubFilter", "ETSI.CAdES.detached", "kind of signature"},
		{seedDigest, "DigestMethod", "SHA256", "digest"},
		{seedReasons, "Reasons", opt.Reason, "reason"},
	} {
		if orders&wish.bit == 0 || seed.Get(wish.key) == nil {
			continue
		}
		allowed, err := seedValues(f, seed.Get(wish.key))
		if err != nil {
			return err
		}
		if !slices.Contains(allowed, wish.value) {
			return problem.New(problem.DocumentLocked, "the author of the field demands another %s", wish.say)
		}
	}
	return checkSeedMDP(f, seed, opt)
}

// checkSeedMDP holds the wish for a certification, which is always an order, against what was asked for.
func checkSeedMDP(f *pdf.File, seed *pdf.Dict, opt Options) error {
	mdp, err := f.Dict(seed.Get("MDP"))
	if err != nil || mdp == nil {
		return err
	}
	p, ok, err := f.IntOf(mdp.Get("P"))
	if err != nil {
		return err
	}
	if ok && p != int64(opt.Certify) {
		return problem.New(problem.DocumentLocked, "the author of the field demands a certification of kind %d", p)
	}
	return nil
}

// seedValues reads a name, a string, or an array of them.
func seedValues(f *pdf.File, o pdf.Object) ([]string, error) {
	o, err := f.Resolve(o)
	if err != nil {
		return nil, err
	}
	list, ok := o.(pdf.Array)
	if !ok {
		list = pdf.Array{o}
	}
	var out []string
	for _, item := range list {
		item, err := f.Resolve(item)
		if err != nil {
			return nil, err
		}
		if name, ok := item.(pdf.Name); ok {
			out = append(out, string(name))
			continue
		}
		text, err := f.TextOf(item)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}
