package audit

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"time"

	"kyso/internal/registration"
)

// The kinds of findings.
const (
	Changed    = "changed"     // an entry is not what it was when it was written
	Missing    = "missing"     // entries were taken out
	Reordered  = "reordered"   // entries changed places
	CutTail    = "cut-tail"    // the newest entries are gone
	Emptied    = "emptied"     // no entry is left
	Forked     = "forked"      // the chain is whole in itself, but it is not the one that was signed
	Untrusted  = "untrusted"   // a checkpoint is not signed by the key
	CutOff     = "checkpoints" // checkpoints are missing in the database, as after an older copy was put back
	FileBehind = "file"        // checkpoints are missing in the exported file
)

// Finding is one thing that is wrong.
type Finding struct {
	Kind string `json:"kind"`
	Seq  int64  `json:"seq"` // of the entry, or of the checkpoint's entry
	Text string `json:"text"`
}

// maxFindings bounds a report; what follows the first faults of a broken log says little.
const maxFindings = 50

// settle is how long the exported file may lack a checkpoint that the database has.
const settle = 2 * time.Minute

// Evidence is what a chain is held against.
type Evidence struct {
	Key   ed25519.PublicKey
	Head  Head         // what the database says is the newest entry
	Table []Checkpoint // of the database, by number
	// File are the exported checkpoints, in the order of the file; Exported reports whether there is such a file.
	File     []Checkpoint
	Exported bool
	Heads    []Checkpoint // signed heads that the server keeps next to the file; any number, in any order
	Kept     []Checkpoint // checkpoints that were kept elsewhere; any of them, in any order
	Known    []Head       // entries that were seen before
	Now      time.Time
}

// Checker holds a chain against the evidence while it is read page by page.
type Checker struct {
	evidence Evidence
	claims   map[int64][]claim // by the entry that they speak of
	head     Head
	computed string // what the hash of the newest entry should be
	broken   []Entry
	findings []Finding
	covered  int64 // the newest entry that a signature speaks of
	after    Uncovered
}

// Uncovered are the entries at the end of a log that no signature speaks of: that some of them were cut off would not be seen.
type Uncovered struct {
	Entries int64     `json:"entries"`
	Since   time.Time `json:"since,omitzero"` // when the first of them was written
}

// claim says which hash an entry had.
type claim struct{ hash, by string }

// NewChecker checks the checkpoints and prepares for the entries.
func NewChecker(e Evidence) *Checker {
	c := &Checker{evidence: e, claims: map[int64][]claim{}, head: Head{Hash: registration.FirstPrev}}
	c.claim(e.Head.Seq, e.Head.Hash, "the head of the log")
	c.checkpoints("of the database", e.Table)
	c.checkpoints("of the exported file", e.File)
	if e.Exported {
		c.compareFile()
	}
	for _, p := range e.Heads {
		if c.trusted("of the signed heads", p) {
			c.claim(p.Seq, p.Hash, "the signed head of "+p.At.Format(time.RFC3339))
		}
	}
	for _, p := range e.Kept {
		if c.trusted("kept elsewhere", p) {
			c.claim(p.Seq, p.Hash, fmt.Sprintf("checkpoint %d, which was kept elsewhere,", p.Number))
		}
	}
	for _, known := range e.Known {
		c.claim(known.Seq, known.Hash, "the entry that was seen before")
	}
	return c
}

func (c *Checker) findf(kind string, seq int64, format string, args ...any) {
	if len(c.findings) < maxFindings {
		c.findings = append(c.findings, Finding{kind, seq, fmt.Sprintf(format, args...)})
	}
}

func (c *Checker) claim(seq int64, hash, by string) {
	if seq > 0 && !slices.ContainsFunc(c.claims[seq], func(k claim) bool { return k.hash == hash }) {
		c.claims[seq] = append(c.claims[seq], claim{hash, by})
	}
}

// checkpoints checks signatures and order of one list. An exported file may begin later, when the one before was put
// away; it has no gaps after that.
func (c *Checker) checkpoints(where string, list []Checkpoint) {
	var before Checkpoint
	for i, p := range list {
		if !c.trusted(where, p) {
			continue
		}
		name := fmt.Sprintf("checkpoint %d %s", p.Number, where)
		switch {
		case i > 0 && p.Number > before.Number+1:
			c.findf(CutOff, p.Seq, "%s follows checkpoint %d: those between are gone", name, before.Number)
		case i > 0 && (p.Number <= before.Number || p.Previous != before.Digest()):
			c.findf(Forked, p.Seq, "%s does not continue checkpoint %d", name, before.Number)
		case i > 0 && p.Seq < before.Seq:
			c.findf(Forked, p.Seq, "%s speaks of entry %d, the one before of entry %d", name, p.Seq, before.Seq)
		}
		before = p
		c.claim(p.Seq, p.Hash, name)
	}
}

// trusted reports whether the key signed a checkpoint.
func (c *Checker) trusted(where string, p Checkpoint) bool {
	signed := len(c.evidence.Key) == ed25519.PublicKeySize && p.SignedBy(c.evidence.Key)
	if signed {
		c.covered = max(c.covered, p.Seq)
	} else {
		c.findf(Untrusted, p.Seq, "checkpoint %d %s is not signed by the key %s", p.Number, where, KeyID(c.evidence.Key))
	}
	return signed
}

// compareFile compares the two lists of checkpoints.
func (c *Checker) compareFile() {
	table, file := map[int64]Checkpoint{}, map[int64]Checkpoint{}
	for _, p := range c.evidence.Table {
		table[p.Number] = p
	}
	var first, last int64
	for _, p := range c.evidence.File {
		if first == 0 {
			first = p.Number
		}
		last, file[p.Number] = max(last, p.Number), p
		twin, ok := table[p.Number]
		switch {
		case !ok:
			c.findf(CutOff, p.Seq, "checkpoint %d of %s (entry %d) stands in the exported file and not in the database: an older copy was put back, or checkpoints were taken out",
				p.Number, p.At.Format(time.RFC3339), p.Seq)
		case twin.Digest() != p.Digest():
			c.findf(Forked, p.Seq, "checkpoint %d says one thing in the database and another in the exported file", p.Number)
		}
	}
	for _, p := range c.evidence.Table {
		if _, ok := file[p.Number]; !ok && p.Number >= first && c.evidence.Now.Sub(p.At) > settle {
			c.findf(FileBehind, p.Seq, "checkpoint %d of %s is not in the exported file, which ends with %d", p.Number, p.At.Format(time.RFC3339), last)
			return // the others are missing for the same reason
		}
	}
}

// Read checks the entries that follow those read before.
func (c *Checker) Read(entries []Entry) {
	for _, e := range entries {
		switch {
		case e.Hash != e.Digest():
			c.broken = append(c.broken, e)
		case e.Seq != c.head.Seq+1:
			c.findf(Missing, e.Seq, "entry %d follows entry %d", e.Seq, c.head.Seq)
		case e.Prev != c.head.Hash && e.Prev != c.computed:
			c.findf(Forked, e.Seq, "entry %d does not continue entry %d", e.Seq, c.head.Seq)
		}
		for _, k := range c.claims[e.Seq] {
			if k.hash != e.Hash && k.hash != e.Digest() {
				c.findf(Forked, e.Seq, "entry %d is not the one that %s speaks of: the log was written anew", e.Seq, k.by)
			}
		}
		if c.head, c.computed = (Head{e.Seq, e.Hash}), e.Digest(); e.Seq > c.covered {
			if c.after.Entries++; c.after.Entries == 1 {
				c.after.Since = e.At
			}
		}
	}
}

// Uncovered returns what of the entries that were read no signature speaks of.
func (c *Checker) Uncovered() Uncovered { return c.after }

// Done returns what is wrong, and the newest entry.
func (c *Checker) Done() (Head, []Finding) {
	c.nameBroken()
	newest, by := int64(0), ""
	for seq, claims := range c.claims {
		if seq > newest {
			newest, by = seq, claims[0].by
		}
	}
	switch {
	case c.head.Seq == 0 && newest > 0:
		c.findf(Emptied, newest, "no entry is left; %s speaks of entry %d", by, newest)
	case c.head.Seq < newest:
		c.findf(CutTail, newest, "the log ends with entry %d; %s speaks of entry %d", c.head.Seq, by, newest)
	}
	return c.head, c.findings
}

// nameBroken says of entries whose hash is wrong whether they were changed or only stand in another's place.
func (c *Checker) nameBroken() {
	for _, e := range c.broken {
		kind, text := Changed, fmt.Sprintf("entry %d was changed", e.Seq)
		for _, other := range c.broken {
			moved := e
			moved.Seq = other.Seq
			if moved.Seq != e.Seq && moved.Digest() == e.Hash {
				kind, text = Reordered, fmt.Sprintf("entry %d stands in the place of entry %d", other.Seq, e.Seq)
			}
		}
		c.findf(kind, e.Seq, "%s", text)
	}
}
