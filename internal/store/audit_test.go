package store_test

import (
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/audit"
	"kyso/internal/signing"
	"kyso/internal/store"
)

// logbook is an audit log with its recorder, and a clock that the test turns.
type logbook struct {
	t   *testing.T
	s   *store.Store
	key ed25519.PrivateKey
	*audit.Recorder
	now time.Time
}

func newLogbook(t *testing.T, s *store.Store) *logbook {
	l := &logbook{t: t, s: s, key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), now: day0}
	l.Recorder = l.recorder()
	return l
}

// recorder is that of another program with the same key and file.
func (l *logbook) recorder() *audit.Recorder {
	file := filepath.Join(l.t.TempDir(), "checkpoints.jsonl")
	if l.Recorder != nil {
		file = l.File
	}
	return &audit.Recorder{Log: l.s.AuditLog(), Key: l.key, File: file, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return l.now }}
}

// fill notes n entries, a minute and a checkpoint after each ten.
func (l *logbook) fill(n int) {
	for i := range n {
		l.Note("test", fmt.Sprint("object-", i), "someone", "")
		if i%10 == 9 {
			l.now = l.now.Add(time.Minute)
			must(l.t, l.Round(l.t.Context()))
		}
	}
}

// findings are the kinds of what is wrong, without repetitions.
func (l *logbook) findings(change ...func(*audit.Evidence)) []string {
	l.t.Helper()
	ctx, log := l.t.Context(), l.s.AuditLog()
	head, err := log.Head(ctx)
	must(l.t, err)
	table, err := log.Checkpoints(ctx, 0, 10_000)
	must(l.t, err)
	file, exported, err := l.Exported()
	must(l.t, err)
	heads, err := l.Heads()
	must(l.t, err)
	e := audit.Evidence{Key: l.key.Public().(ed25519.PublicKey), Head: head, Table: table, File: file, Heads: heads, Exported: exported, Now: l.now.Add(time.Hour)}
	for _, c := range change {
		c(&e)
	}
	checker := audit.NewChecker(e)
	entries, err := log.Entries(ctx, 0, 10_000)
	must(l.t, err)
	for page := range slices.Chunk(entries, 7) {
		checker.Read(page)
	}
	_, found := checker.Done()
	var kinds []string
	for _, f := range found {
		if !slices.Contains(kinds, f.Kind) {
			kinds = append(kinds, f.Kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

func (l *logbook) execute(statements ...string) {
	l.t.Helper()
	for _, statement := range statements {
		_, err := l.s.DB().ExecContext(l.t.Context(), statement)
		must(l.t, err)
	}
}

// TestTamperedAuditLogs does to whole logs what a person with the database may do, and wants each named. Nobody says
// what the head was.
func TestTamperedAuditLogs(t *testing.T) {
	const zero = "0000000000000000000000000000000000000000000000000000000000000000"
	for name, c := range map[string]struct {
		do   func(l *logbook)
		want []string
	}{
		"nothing": {func(*logbook) {}, nil},
		"edited":  {func(l *logbook) { l.execute(`UPDATE audit SET actor = 'x' WHERE seq = 7`) }, []string{audit.Changed}},
		"edited in its hash alone": {func(l *logbook) { l.execute(`UPDATE audit SET hash = prev WHERE seq = 7`) },
			[]string{audit.Changed}},
		"one taken out": {func(l *logbook) { l.execute(`DELETE FROM audit WHERE seq = 7`) }, []string{audit.Missing}},
		"two swapped": {func(l *logbook) {
			l.execute(`UPDATE audit SET seq = -1 WHERE seq = 5`, `UPDATE audit SET seq = 5 WHERE seq = 9`, `UPDATE audit SET seq = 9 WHERE seq = -1`)
		}, []string{audit.Forked, audit.Reordered}},
		"tail cut":                  {func(l *logbook) { l.execute(`DELETE FROM audit WHERE seq > 22`) }, []string{audit.CutTail}},
		"tail cut with its head":    {cutTo(22), []string{audit.CutTail}},
		"tail cut, then written on": {func(l *logbook) { cutTo(22)(l); l.fill(20) }, []string{audit.Forked}},
		"emptied":                   {func(l *logbook) { l.execute(`DELETE FROM audit`) }, []string{audit.Emptied}},
		"emptied with its head":     {func(l *logbook) { l.execute(`DELETE FROM audit`, `UPDATE audit_head SET seq = 0, hash = '`+zero+`'`) }, []string{audit.Emptied}},
		"emptied with its evidence": {func(l *logbook) {
			l.execute(`DELETE FROM audit`, `DELETE FROM audit_checkpoints`, `UPDATE audit_head SET seq = 0, hash = '`+zero+`'`)
		}, []string{audit.CutOff, audit.Emptied}},
		"emptied, then written anew": {func(l *logbook) { emptied(l, zero); l.fill(40) }, []string{audit.Forked}},
		"older copy put back": {func(l *logbook) {
			cutTo(20)(l)
			l.execute(`DELETE FROM audit_checkpoints WHERE number > 2`)
		}, []string{audit.CutOff, audit.CutTail}},
		"older copy, then written on": {func(l *logbook) {
			cutTo(20)(l)
			l.execute(`DELETE FROM audit_checkpoints WHERE number > 2`)
			l.Recorder = l.recorder()
			l.fill(20)
		}, []string{audit.Forked}},
		"chain computed anew":        {func(l *logbook) { rewrite(l, 15) }, []string{audit.Forked}},
		"checkpoint of another key":  {func(l *logbook) { l.execute(`UPDATE audit_checkpoints SET seq = seq - 1 WHERE number = 2`) }, []string{audit.CutOff, audit.Forked, audit.Untrusted}},
		"tail cut within the minute": {within(func(l *logbook) { cutTo(42)(l) }), []string{audit.CutTail}},
		"tail cut within the minute, then written on": {within(func(l *logbook) {
			cutTo(42)(l)
			for i := range 5 {
				l.Note("test", fmt.Sprint("later-", i), "someone", "")
				must(l.t, l.Round(l.t.Context()))
			}
		}), []string{audit.Forked}},
		"tail cut within the minute, then written on by another start": {within(func(l *logbook) {
			cutTo(42)(l)
			l.Recorder = l.recorder()
			l.fill(20)
		}), []string{audit.Forked}},
		"head of another key": {within(func(l *logbook) {
			l.key = ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), 1))
			cutTo(42)(l)
			l.Recorder = l.recorder()
			l.Note("test", "later", "", "")
			must(l.t, l.Round(l.t.Context()))
			l.key = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
		}), []string{audit.CutTail, audit.Untrusted}},
		"exported file cut": {func(l *logbook) {
			file, err := os.ReadFile(l.File)
			must(l.t, err)
			must(l.t, os.WriteFile(l.File, file[:len(file)/2], 0o600))
		}, []string{audit.FileBehind}},
		"exported file gone": {func(l *logbook) { must(l.t, os.Remove(l.File)) }, []string{audit.FileBehind}},
	} {
		t.Run(name, func(t *testing.T) {
			onBothStores(t, func(t *testing.T, s *store.Store) {
				l := newLogbook(t, s)
				l.fill(40)
				c.do(l)
				wantEqual(t, "findings", l.findings(), c.want)
			})
		})
	}
}

// within notes five more entries that no checkpoint covers yet.
func within(do func(l *logbook)) func(l *logbook) {
	return func(l *logbook) {
		for i := range 5 {
			l.Note("test", fmt.Sprint("fresh-", i), "someone", "")
			must(l.t, l.Round(l.t.Context()))
		}
		do(l)
	}
}

func cutTo(seq int) func(l *logbook) {
	return func(l *logbook) {
		l.execute(fmt.Sprintf(`DELETE FROM audit WHERE seq > %d`, seq),
			fmt.Sprintf(`UPDATE audit_head SET seq = %d, hash = (SELECT hash FROM audit WHERE seq = %d)`, seq, seq))
	}
}

func emptied(l *logbook, zero string) {
	l.execute(`DELETE FROM audit`, `DELETE FROM audit_checkpoints`, `UPDATE audit_head SET seq = 0, hash = '`+zero+`'`)
	l.Recorder = l.recorder()
	l.now = l.now.Add(time.Hour) // the new entries are not the old ones
}

// rewrite changes an entry and computes every hash after it anew, as a person can who has the database and the program.
func rewrite(l *logbook, seq int64) {
	entries, err := l.s.AuditLog().Entries(l.t.Context(), seq-1, 10_000)
	must(l.t, err)
	prev := entries[0].Prev
	for i, e := range entries {
		if i == 0 {
			e.Actor = "someone else"
		}
		e.Prev = prev
		e.Hash = e.Digest()
		prev = e.Hash
		_, err := l.s.DB().ExecContext(l.t.Context(), `UPDATE audit SET actor = $1, prev = $2, hash = $3 WHERE seq = $4`, e.Actor, e.Prev, e.Hash, e.Seq)
		must(l.t, err)
	}
	l.execute(`UPDATE audit_head SET hash = '` + prev + `'`)
}

// TestCheckpointsAreSigned looks at when there are checkpoints: at the start, after each minute in which something came,
// and at the end; not when nothing happened. Of several programs, one signs and all copy.
func TestCheckpointsAreSigned(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, l := t.Context(), newLogbook(t, s)
		second := l.recorder()
		second.File = filepath.Join(t.TempDir(), "second.jsonl")
		numbers := func(r *audit.Recorder) (list []int64) {
			file, _, err := r.Exported()
			must(t, err)
			for _, c := range file {
				list = append(list, c.Seq)
			}
			return list
		}
		must(t, l.Round(ctx))
		wantEqual(t, "at the start", numbers(l.Recorder), []int64{0})
		for range 3 {
			l.now = l.now.Add(time.Minute)
			must(t, l.Round(ctx))
		}
		wantEqual(t, "when nothing came", numbers(l.Recorder), []int64{0})
		l.Note("test", "1", "", "")
		must(t, l.Round(ctx))
		wantEqual(t, "after a minute", numbers(l.Recorder), []int64{0, 1})
		l.Note("test", "2", "", "")
		l.now = l.now.Add(59 * time.Second)
		must(t, l.Round(ctx))
		wantEqual(t, "before a minute", numbers(l.Recorder), []int64{0, 1})
		l.now = l.now.Add(time.Second)
		must(t, second.Round(ctx))
		must(t, l.Round(ctx))
		wantEqual(t, "two programs", [][]int64{numbers(l.Recorder), numbers(second)}, [][]int64{{0, 1, 2}, {0, 1, 2}})
		wantEqual(t, "findings", len(l.findings()), 0)
	})
}

// TestHeadsAreKeptSmall: the file of heads holds one line, whatever comes, and covers every entry that was flushed. Without a file
// the entries since the last checkpoint are counted as uncovered.
func TestHeadsAreKeptSmall(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, l := t.Context(), newLogbook(t, s)
		uncovered := func() audit.Uncovered {
			table, err := s.AuditLog().Checkpoints(ctx, 0, 1000)
			must(t, err)
			heads, err := l.Heads()
			must(t, err)
			c := audit.NewChecker(audit.Evidence{Key: l.key.Public().(ed25519.PublicKey), Table: table, Heads: heads, Now: l.now})
			entries, err := s.AuditLog().Entries(ctx, 0, 1000)
			must(t, err)
			c.Read(entries)
			return c.Uncovered()
		}
		l.fill(10)
		for i := range 20 {
			l.now = l.now.Add(time.Second)
			l.Note("test", fmt.Sprint(i), "", "")
			must(t, l.Round(ctx))
		}
		heads, err := l.Heads()
		must(t, err)
		wantEqual(t, "heads", len(heads), 1)
		wantEqual(t, "uncovered", uncovered(), audit.Uncovered{})
		since := l.now.Add(time.Second).UTC()
		l.File = ""
		for range 3 {
			l.now = l.now.Add(time.Second)
			l.Note("test", "", "", "")
		}
		must(t, l.Round(ctx))
		got := uncovered()
		wantEqual(t, "uncovered without a file", got.Entries, 23)
		if !got.Since.Before(since) {
			t.Errorf("uncovered since %s", got.Since)
		}
	})
}

// TestStrangersFillNoLog: 5,000 different acts of strangers in one minute leave a bounded number of entries, and none is lost from the
// sum. A caller who is proven is never summed up with others.
func TestStrangersFillNoLog(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, l := t.Context(), newLogbook(t, s)
		for i := range 5000 {
			l.Stranger("refused", "", fmt.Sprintf("guest:%d", i), "logIn denied")
			if i%500 == 499 {
				must(t, l.Flush(ctx))
			}
		}
		for i := range 200 {
			l.Count("read", fmt.Sprint(i), "officer", "getDossier")
		}
		l.now = l.now.Add(time.Minute)
		must(t, l.Flush(ctx))
		entries, err := s.AuditLog().Entries(ctx, 0, 10_000)
		must(t, err)
		found := map[string]int{}
		for _, e := range entries {
			found[e.Kind+" "+strings.Split(e.Actor, ":")[0]]++
			if strings.HasPrefix(e.Detail, "others") {
				wantEqual(t, "summed up", e.Detail, "others ×4880")
			}
		}
		if fmt.Sprint(found) != "map[read officer:200 refused :1 refused guest:120]" {
			t.Errorf("entries %v", found)
		}
	})
}

// TestNotesAreChainedOnce lets several programs note and chain at once, while registrations write to the chain, too.
func TestNotesAreChainedOnce(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, l := t.Context(), newLogbook(t, s)
		enrolled(t, s.Registrations(), "r")
		var group sync.WaitGroup
		for program := range 4 {
			r := l.recorder()
			r.File = ""
			group.Go(func() {
				for i := range 100 {
					r.Note("test", fmt.Sprintf("%d/%03d", program, i), "", "")
					if i%10 == 0 {
						must(t, r.Flush(ctx))
						must(t, s.Registrations().NoteAccess(ctx, "r", "officer", "dossier", day0))
					}
				}
				must(t, r.Flush(ctx))
			})
		}
		group.Wait()
		seen := map[string][]string{}
		for _, e := range auditOf(t, s.Registrations(), "") { // verifies the chain
			if e.Kind == "test" {
				seen[e.Object[:1]] = append(seen[e.Object[:1]], e.Object)
			}
		}
		for program, objects := range seen {
			if len(objects) != 100 || !slices.IsSorted(objects) {
				t.Errorf("program %s: %d entries, in order %v", program, len(objects), slices.IsSorted(objects))
			}
		}
		wantEqual(t, "programs, accesses", []int{len(seen), len(auditOf(t, s.Registrations(), "access"))}, []int{4, 40})
	})
}

// TestSigningsHaveTheirChain folds the log of a signing and finds the record.
func TestSigningsHaveTheirChain(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, l := t.Context(), newLogbook(t, s)
		live(t, s)
		must(t, s.SaveApproval(ctx, "s", signing.Approval{OurID: "s/1", Outcome: signing.OutcomeApproved}))
		must(t, s.SaveApproval(ctx, "s", signing.Approval{OurID: "s/1", Outcome: signing.OutcomeApproved})) // a retry
		must(t, l.Flush(ctx))
		kinds := map[string]int{}
		var steps []string
		for _, e := range auditOf(t, s.Registrations(), "") {
			if e.Object == "s" {
				kinds[e.Kind]++
			}
			if e.Object == "s" && e.Kind == "transition" {
				steps = append(steps, e.Detail)
			}
		}
		wantEqual(t, "entries", fmt.Sprint(kinds), "map[approval:2 incident:2 request:1 signature:1 transition:5]")
		transitions, err := s.Transitions(ctx, "s", 0)
		must(t, err)
		for i, tr := range transitions {
			if want := fmt.Sprintf("%d ", tr.Seq); !strings.HasPrefix(steps[i], want) || !strings.HasSuffix(steps[i], "→"+string(tr.Status)) {
				t.Errorf("transition %d %s was noted as %q", tr.Seq, tr.Status, steps[i])
			}
		}
	})
}

// TestActorsAreThoseOfTheContext wants the caller of the API as the actor of what the store does for him.
func TestActorsAreThoseOfTheContext(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, l := access.WithActor(t.Context(), "team-a"), newLogbook(t, s)
		a := s.Access()
		must(t, only(a.CreateKey(ctx, access.Key{ID: "k", Owner: "team-b", Scopes: access.Scopes(), CreatedAt: day0, ExpiresAt: day0.Add(time.Hour)}, "d")))
		must(t, a.CreateLink(ctx, "l", access.Object{Kind: access.Signing, ID: "s"}, day0.Add(time.Hour)))
		_, err := a.UseLink(ctx, "l", "guest", day0)
		must(t, err)
		must(t, a.RevokeKey(ctx, "k", day0))
		must(t, l.Flush(ctx))
		entries := auditOf(t, s.Registrations(), "")
		wantEqual(t, "entries", len(entries), 4)
		for _, e := range entries {
			if e.Actor != "team-a" {
				t.Errorf("%s %s: the actor is %q", e.Kind, e.Detail, e.Actor)
			}
		}
	})
}
