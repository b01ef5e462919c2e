package document

// Extended is an increment that adds a document security store.
type Extended struct {
	Increment []byte
	SHA256    [32]byte
	HashState []byte
}
