package store_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"kyso/internal/registration"
	"kyso/internal/storetest"
)

// BenchmarkRegistrationWrites measures what sixteen writers of registrations of their own do in a second on PostgreSQL:
//
//	go test ./internal/store -run '^$' -bench RegistrationWrites -cpu 16
func BenchmarkRegistrationWrites(b *testing.B) {
	s := open(b, storetest.Postgres(b), masterKey(b))
	r := s.Registrations()
	var writers atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		id := fmt.Sprintf("reg-%d", writers.Add(1))
		_, err := r.CreateRegistration(b.Context(), id, storetest.Request(id, storetest.Start))
		if err != nil {
			b.Error(err)
			return
		}
		for n := 1; pb.Next(); n++ {
			if err := r.SaveCode(b.Context(), newCode(fmt.Sprintf("%s-%d", id, n), id, n), "123456"); err != nil {
				b.Error(err)
				return
			}
			if err := r.Change(b.Context(), id, func(one *registration.Registration) error { one.AccountID = fmt.Sprint(n); return nil }); err != nil {
				b.Error(err)
				return
			}
			if err := r.NoteAccess(b.Context(), id, "officer", "dossier", storetest.Start); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(3*float64(b.N)/b.Elapsed().Seconds(), "writes/s")
}
