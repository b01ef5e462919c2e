package child

import (
	"encoding/json"

	"kyso/internal/pades"
	"kyso/internal/pdfchild/wire"
)

// Operation is what a child does with a document. Its result is encoded as JSON.
type Operation func(src pades.Source, args json.RawMessage) (any, error)

// operations is what a child can do.
var operations = map[string]Operation{
	wire.Inspect: With(func(src pades.Source, policy pades.Policy) (any, error) { return pades.Inspect(src, policy) }),
	wire.Prepare: With(prepare),
	wire.Extend: With(func(src pades.Source, args wire.ExtendArgs) (any, error) {
		return pades.Extend(src, args.Evidence, args.HashState)
	}),
	wire.Archive: With(func(src pades.Source, hashState []byte) (any, error) { return pades.PrepareArchive(src, hashState) }),
	wire.Needs:   With(needs),
	wire.Place: With(func(src pades.Source, opt pades.PrepareOptions) (any, error) {
		return nil, pades.CheckPlacement(src, opt)
	}),
	wire.Verify: With(verify),
}

// With decodes the arguments.
func With[A any](do func(pades.Source, A) (any, error)) Operation {
	return func(src pades.Source, encoded json.RawMessage) (any, error) {
		var args A
		if err := json.Unmarshal(encoded, &args); err != nil {
			return nil, err
		}
		return do(src, args)
	}
}

func prepare(src pades.Source, args wire.PrepareArgs) (any, error) {
	certificates, err := wire.ParseAll([][]byte{args.Certificate})
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
	list := make([]wire.NeedResult, len(found))
	for i, n := range found {
		list[i] = wire.NeedResult{Certificate: n.Certificate.Raw, Issuer: n.Issuer.Raw, Anchored: n.Anchored}
	}
	return list, nil
}

func verify(src pades.Source, args wire.VerifyArgs) (any, error) {
	opts := args.VerifyOptions
	var err error
	if opts.Roots, err = wire.ParseAll(args.Roots); err != nil {
		return nil, err
	}
	if opts.Intermediates, err = wire.ParseAll(args.Intermediates); err != nil {
		return nil, err
	}
	if opts.Removed, err = wire.ParseAll(args.Removed); err != nil {
		return nil, err
	}
	return pades.Verify(src, opts)
}
