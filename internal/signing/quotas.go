package signing

// Uploader is who stores an upload. A program with a key answers for itself and has no quotas.
type Uploader struct {
	Owner  string // of what the caller makes; see internal/access
	Quotas []Quota
}

// Quota is how much may wait for a signing at the same time, and how much may come in a day.
type Quota struct {
	Key       string // whom it is for; kept as a keyed digest
	Documents int
	Bytes     int64
	PerDay    int64 // bytes; 0 bounds nothing
}

// Quotas are those of a guest, or of a person who logged in: of the browser, which may be had anew, and of the network that it comes
// from, which has ten times as much, as a whole ward may be behind one address. A day brings a network four times what it has room for.
func Quotas(owner, network string, bytes int64) []Quota {
	const documents, wards, turns = 100, 10, 4
	return []Quota{
		{Key: "owner " + owner, Documents: documents, Bytes: bytes},
		{Key: "network " + network, Documents: wards * documents, Bytes: wards * bytes, PerDay: turns * wards * bytes},
	}
}
