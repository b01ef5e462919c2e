package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"kyso/internal/problem"
)

const (
	flushEvery    = time.Second
	patience      = 5 * time.Second // for the last flush of a stopping program
	maxUnwritten  = 20_000          // notes that wait in memory while the store is away
	atOnce        = 500             // notes of one statement
	fileAtOnce    = 500
	checkpointGap = time.Minute
)

// Recorder collects notes in memory and writes many at once, takes what waits into the chain, and signs checkpoints:
// at the start, at the end, and each minute in which entries came. Several may run at once on one store.
type Recorder struct {
	Log    Log
	Key    ed25519.PrivateKey // nil signs no checkpoints
	File   string             // checkpoints are copied to its end; empty copies none
	Logger *slog.Logger
	Now    func() time.Time

	mu      sync.Mutex
	notes   []Entry
	counted map[Entry]int // what happened more than once since the last flush
	writing sync.Mutex    // one flush at a time

	last Checkpoint // signed or seen by this program
	told time.Time  // when a difference was last logged

	inFile  int64 // number of the last checkpoint in the file; 0 until it is known
	inHeads Head  // that the file of heads ends with, if this program wrote it

	strange map[Entry]int // what strangers did in this minute, see Stranger
	others  map[string]int
	minute  int64
	// stopping sums up at once.
	stopping bool
}

// Note keeps an entry until the next flush, at most a second. It takes no time.
func (r *Recorder) Note(kind, object, actor, detail string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, Entry{At: r.Now(), Kind: kind, Object: object, Actor: actor, Detail: detail})
}

// Count is Note for what a stranger can make happen as often as he likes: the same again before the next flush makes one
// entry with its number.
func (r *Recorder) Count(kind, object, actor, detail string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counted == nil {
		r.counted = map[Entry]int{}
	}
	r.counted[Entry{Kind: kind, Object: object, Actor: actor, Detail: detail}]++
}

// mostStrange is how many different acts of strangers are noted in one minute; the others are one entry of each kind.
const mostStrange = 120

// Stranger is Count for whoever did not prove who he is: he may also make as many names and addresses of himself as he likes.
// So many different acts of a minute have an entry; what goes beyond is summed up when the minute is over.
func (r *Recorder) Stranger(kind, object, actor, detail string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := Entry{Kind: kind, Object: object, Actor: actor, Detail: detail}
	_, known := r.strange[e]
	switch {
	case r.others == nil:
		r.strange, r.others, r.minute = map[Entry]int{e: 0}, map[string]int{}, r.Now().Unix()/60
		fallthrough
	case known:
		r.strange[e]++
	case len(r.strange) < mostStrange:
		r.strange[e] = 1
	default:
		r.others[kind]++
	}
}

// summed takes what was counted. The caller holds mu.
func (r *Recorder) summed() (notes []Entry) {
	add := func(e Entry, n int) {
		if e.At = r.Now(); n > 1 {
			e.Detail += " ×" + strconv.Itoa(n)
		}
		if n > 0 {
			notes = append(notes, e)
		}
	}
	for e, n := range r.counted {
		add(e, n)
	}
	r.counted = nil
	for e, n := range r.strange {
		add(e, n)
		r.strange[e] = 0 // its place in this minute stays taken
	}
	if r.others == nil || r.Now().Unix()/60 == r.minute && !r.stopping {
		return notes
	}
	for kind, n := range r.others {
		add(Entry{Kind: kind, Detail: "others"}, n)
	}
	r.strange, r.others = nil, nil
	return notes
}

// Room returns problem.ProviderUnavailable when so many notes wait for the store that no more should be made.
func (r *Recorder) Room() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.notes) < maxUnwritten {
		return nil
	}
	return &problem.Error{Code: problem.ProviderUnavailable, Message: "the audit log cannot be written", RetryAfter: 10 * time.Second}
}

// Flush writes what waits in memory and takes everything that waits into the chain. What cannot be written stays.
func (r *Recorder) Flush(ctx context.Context) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mu.Lock()
	notes := slices.Concat(r.notes, r.summed())
	r.notes = nil
	r.mu.Unlock()
	for len(notes) > 0 {
		some := notes[:min(atOnce, len(notes))]
		if err := r.Log.Note(ctx, some...); err != nil {
			r.mu.Lock()
			r.notes = append(notes, r.notes...)
			r.mu.Unlock()
			return err
		}
		notes = notes[len(some):]
	}
	for {
		n, err := r.Log.Chain(ctx)
		if n == 0 || err != nil {
			return err
		}
	}
}

// Run flushes and signs until ctx ends, and once more then. What fails is logged and tried again.
func (r *Recorder) Run(ctx context.Context) {
	r.logged(ctx, true)
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
			r.logged(ctx, false)
		}
	}
	r.mu.Lock()
	r.stopping = true
	r.mu.Unlock()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	r.logged(last, true)
}

func (r *Recorder) logged(ctx context.Context, sign bool) {
	if err := r.round(ctx, sign); err != nil && ctx.Err() == nil {
		r.Logger.ErrorContext(ctx, "keeping the audit log", "error", err.Error())
	}
}

// Round flushes, signs when it is time, and copies checkpoints out.
func (r *Recorder) Round(ctx context.Context) error { return r.round(ctx, false) }

func (r *Recorder) round(ctx context.Context, sign bool) error {
	if err := r.Flush(ctx); err != nil {
		return err
	}
	if r.Key != nil {
		if err := r.checkpoint(ctx, sign); err != nil {
			return err
		}
	}
	if r.File == "" {
		return nil
	}
	if err := r.export(ctx); err != nil || r.Key == nil {
		return err
	}
	return r.keepHead(ctx)
}

// checkpoint signs what the chain ends with when entries came since the last checkpoint. Another program may be faster:
// then there is one, too.
func (r *Recorder) checkpoint(ctx context.Context, now bool) error {
	if !now && r.Now().Sub(r.last.At) < checkpointGap {
		return nil
	}
	before, err := r.Log.LastCheckpoint(ctx)
	if err != nil {
		return err
	}
	head, err := r.Log.Head(ctx)
	if err != nil {
		return err
	}
	r.compare(ctx, before, head)
	if before.Number > 0 && before.Seq == head.Seq && before.Hash == head.Hash {
		r.last = before
		return nil
	}
	c := Checkpoint{Number: before.Number + 1, Seq: head.Seq, Hash: head.Hash, At: r.Now()}
	if before.Number > 0 {
		c.Previous = before.Digest()
	}
	c = Sign(r.Key, c)
	if err := r.Log.SaveCheckpoint(ctx, c); err != nil {
		if problem.CodeOf(err) == problem.Conflict {
			return nil
		}
		return err
	}
	r.last = c
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	r.Logger.InfoContext(ctx, "audit checkpoint", "checkpoint", json.RawMessage(text))
	return nil
}

// compare logs loudly when the database has gone back behind what this program saw. It signs on all the same: the
// checkpoints that follow show when it was.
func (r *Recorder) compare(ctx context.Context, before Checkpoint, head Head) {
	if before.Number < r.last.Number || head.Seq < max(before.Seq, r.last.Seq) {
		r.tellCut(ctx, before, head)
	}
}

// tellCut logs at most once a minute that the log is not the one that was signed.
func (r *Recorder) tellCut(ctx context.Context, before Checkpoint, head Head) {
	if r.Now().Sub(r.told) < checkpointGap {
		return
	}
	r.told = r.Now()
	r.Logger.ErrorContext(ctx, "the audit log was cut or an older copy was put back; run: kyso audit verify",
		"checkpoint_seen", r.last.Number, "checkpoint_now", before.Number, "entry_signed", max(before.Seq, r.last.Seq), "entry_now", head.Seq)
}

// export adds to the file what it lacks. Each program keeps a whole copy.
func (r *Recorder) export(ctx context.Context) error {
	last, err := r.exported()
	if err != nil {
		return err
	}
	for {
		list, err := r.Log.Checkpoints(ctx, last, fileAtOnce)
		if err != nil || len(list) == 0 {
			return err
		}
		if err := appendFile(r.File, list); err != nil {
			return err
		}
		last = list[len(list)-1].Number
		r.inFile = last
	}
}

// exported is the number of the last checkpoint in the file, which is read once.
func (r *Recorder) exported() (int64, error) {
	if r.inFile > 0 {
		return r.inFile, nil
	}
	list, err := ReadFile(r.File)
	if err != nil && !absent(err) {
		return 0, err
	}
	for _, c := range list {
		r.inFile = max(r.inFile, c.Number)
	}
	return r.inFile, nil
}

// Exported returns the checkpoints of the file, and whether there is one.
func (r *Recorder) Exported() ([]Checkpoint, bool, error) {
	if r.File == "" {
		return nil, false, nil
	}
	list, err := ReadFile(r.File)
	if absent(err) {
		return nil, true, nil
	}
	return list, true, err
}

// PublicKey is what checkpoints are verified with, as text; empty when none are signed.
func (r *Recorder) PublicKey() string {
	if r.Key == nil {
		return ""
	}
	return EncodeKey(r.Key.Public().(ed25519.PublicKey))
}
