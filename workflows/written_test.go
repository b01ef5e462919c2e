package workflows_test

import (
	"strings"
	"testing"
	"time"

	"kyso/internal/registration"
	"kyso/internal/sandbox"
	"kyso/internal/signing"
	"kyso/internal/storetest"
)

// written is what a flow may ask of the store and leave in it. Bounds of counts hold on every machine: one that is passed is a
// statement more, or a column.
type written struct{ statements, transactions, bytes int }

// writes runs a flow in a world without faults, on both databases, and holds it to its bounds.
func writes(t *testing.T, most written, flow func(*journey)) {
	for engine, dsn := range map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		t.Run(engine, func(t *testing.T) {
			j := newJourneyOn(t, dsn(t))
			j.must(j.world.UpdateSettings(func(s *sandbox.Settings) { s.FaultRate = 0 }))
			_, err := j.store.OpenKeys(t.Context())
			j.must(err)
			before, err := storetest.BytesOf(t.Context(), j.store.DB, engine)
			j.must(err)
			j.statements.Reset()
			flow(j)
			statements, transactions := j.statements.Count()
			for text, n := range j.statements.Texts() { // watchers ask whether or not anything waits
				switch {
				case strings.Contains(text, "INTO watchers"):
					transactions -= n
					fallthrough
				case strings.Contains(text, "FROM watchers"), strings.Contains(text, "FROM waits") && !strings.Contains(text, "kind = $1"):
					statements -= n
				}
			}
			after, err := storetest.BytesOf(t.Context(), j.store.DB, engine)
			j.must(err)
			rows := after.Less(before)
			each := rows.Sum() - rows.Table("contents") // which all signings have in common
			t.Logf("%d statements in %d transactions\n%s\nbytes of the rows:\n%s", statements, transactions, j.statements.Often(), rows)
			if statements > most.statements || transactions > most.transactions || each > most.bytes {
				t.Errorf("%d statements in %d transactions, %d bytes; at most %+v", statements, transactions, each, most)
			}
		})
	}
}

// TestWhatASigningWrites holds a headless B-LT signing of one document to what it may write.
func TestWhatASigningWrites(t *testing.T) {
	writes(t, written{statements: 182, transactions: 34, bytes: 14_000}, func(j *journey) {
		j.request(signing.Signing{Level: signing.LevelLT, Reason: "Đồng ý ký hợp đồng"}, page("one"))
		j.at(10*time.Second, j.approve(user))
		j.run(signing.StatusSigned)
	})
}

// TestWhatARegistrationWrites holds a paid registration to what it may write, its acceptance included.
func TestWhatARegistrationWrites(t *testing.T) {
	writes(t, written{statements: 630, transactions: 150, bytes: 37_500}, func(j *journey) {
		newEnrolmentOn(j, "PS1").enrol(registration.StatusActive)
	})
}
