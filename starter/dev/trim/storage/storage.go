// Package storage stands for the client of Google Cloud Storage, to which the Temporal server can move old histories. The engine of
// a development world keeps no archive, and this package refuses to make a client.
package storage

import (
	"context"
	"errors"

	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
)

// ScopeFullControl is the right that the server asks for.
const ScopeFullControl = "https://www.googleapis.com/auth/devstorage.full_control"

// The errors of the real package that callers compare with.
var (
	ErrBucketNotExist = errors.New("storage: bucket doesn't exist")
	ErrObjectNotExist = errors.New("storage: object doesn't exist")
)

var errLeftOut = errors.New("the engine of a development world has no Google Cloud Storage")

// The types that the server names. None of them does anything.
type (
	Client         struct{}
	BucketHandle   struct{}
	ObjectHandle   struct{}
	ObjectIterator struct{}
	Reader         struct{}
	Writer         struct{}
	Query          struct{ Prefix string }
	BucketAttrs    struct{ Name string }
	ObjectAttrs    struct{ Name string }
)

// NewClient refuses.
func NewClient(context.Context, ...option.ClientOption) (*Client, error) { return nil, errLeftOut }

func (*Client) Bucket(string) *BucketHandle { return &BucketHandle{} }

func (*BucketHandle) Object(string) *ObjectHandle                     { return &ObjectHandle{} }
func (*BucketHandle) Objects(context.Context, *Query) *ObjectIterator { return &ObjectIterator{} }
func (*BucketHandle) Attrs(context.Context) (*BucketAttrs, error)     { return nil, errLeftOut }
func (*ObjectHandle) Attrs(context.Context) (*ObjectAttrs, error)     { return nil, errLeftOut }
func (*ObjectHandle) NewReader(context.Context) (*Reader, error)      { return nil, errLeftOut }
func (*ObjectHandle) NewWriter(context.Context) *Writer               { return &Writer{} }
func (*ObjectIterator) Next() (*ObjectAttrs, error)                   { return nil, iterator.Done }
func (*Reader) Read([]byte) (int, error)                              { return 0, errLeftOut }
func (*Reader) Close() error                                          { return nil }
func (*Writer) Write([]byte) (int, error)                             { return 0, errLeftOut }
func (*Writer) Close() error                                          { return errLeftOut }
func (*Writer) CloseWithError(error) error                            { return nil }
