package pdfchild

import (
	"encoding/json"

	"kyso/internal/pades"
)

// The operations, by the name that crosses the pipe.
const (
	opInspect = "inspect"
	opPrepare = "prepare"
	opExtend  = "extend"
	opNeeds   = "needs"
	opVerify  = "verify"
	opPlace   = "place"
	opArchive = "archive"
)

// prepareArgs are pades.PrepareOptions with the certificate as DER: the outer field hides the inner one from
// encoding/json, and an option added later crosses by itself. So with verifyArgs.
type prepareArgs struct {
	pades.PrepareOptions
	Certificate []byte
}

type verifyArgs struct {
	pades.VerifyOptions
	Roots         [][]byte
	Intermediates [][]byte
	Removed       [][]byte
}

type extendArgs struct {
	Evidence  pades.Evidence
	HashState []byte
}

type needResult struct {
	Certificate []byte
	Issuer      []byte
	Anchored    bool
}

// operation runs in the child. Its result is encoded as JSON.
type operation func(src pades.Source, args json.RawMessage) (any, error)

// operations is what a child can do. Tests add what a hostile file would do.
var operations = map[string]operation{
	opInspect: with(func(src pades.Source, policy pades.Policy) (any, error) { return pades.Inspect(src, policy) }),
	opPrepare: with(prepare),
	opExtend: with(func(src pades.Source, args extendArgs) (any, error) {
		return pades.Extend(src, args.Evidence, args.HashState)
	}),
	opArchive: with(func(src pades.Source, hashState []byte) (any, error) { return pades.PrepareArchive(src, hashState) }),
	opNeeds:   with(needs),
	opPlace: with(func(src pades.Source, opt pades.PrepareOptions) (any, error) {
		return nil, pades.CheckPlacement(src, opt)
	}),
	opVerify: with(verify),
}

// with decodes the arguments.
func with[A any](do func(pades.Source, A) (any, error)) operation {
	return func(src pades.Source, encoded json.RawMessage) (any, error) {
		var args A
		if err := json.Unmarshal(encoded, &args); err != nil {
			return nil, err
		}
		return do(src, args)
	}
}

func prepare(src pades.Source, args prepareArgs) (any, error) {
	certificates, err := parseAll([][]byte{args.Certificate})
	if err != nil {
		return nil, err
	}
	args.PrepareOptions.Certificate = certificates[0]
	return pades.Prepare(src, args.PrepareOptions)
}

func needs(src pades.Source, opt pades.NeedsOptions) (any, error) {
	found, err := pades.Needs(src, opt)
	if err != nil {
		return nil, err
	}
	list := make([]needResult, len(found))
	for i, n := range found {
		list[i] = needResult{Certificate: n.Certificate.Raw, Issuer: n.Issuer.Raw, Anchored: n.Anchored}
	}
	return list, nil
}

func verify(src pades.Source, args verifyArgs) (any, error) {
	opts := args.VerifyOptions
	var err error
	if opts.Roots, err = parseAll(args.Roots); err != nil {
		return nil, err
	}
	if opts.Intermediates, err = parseAll(args.Intermediates); err != nil {
		return nil, err
	}
	if opts.Removed, err = parseAll(args.Removed); err != nil {
		return nil, err
	}
	return pades.Verify(src, opts)
}
