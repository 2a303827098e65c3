package store

import (
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
	"github.com/rowan-authz/rowan/identity"
)

var benchmarked = []struct {
	name string
	url  func(testing.TB) string
}{
	{"memory", func(testing.TB) string { return "memory:" }},
	{"sqlite", newSQLite},
	{"postgres", needs.FlushingPostgres},
}

// BenchmarkView reads one record of a thousand.
func BenchmarkView(b *testing.B) {
	for _, engine := range benchmarked {
		b.Run(engine.name, func(b *testing.B) {
			s := open(b, engine.url(b))
			require.NoError(b, s.Update(b.Context(), func(tx identity.Tx) error {
				for i := range 1000 {
					if err := tx.Put(identity.Record{Kind: "k", Key: strconv.Itoa(i), Group: "g", Value: make([]byte, 500)}); err != nil {
						return err
					}
				}
				return nil
			}))
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(p *testing.PB) {
				for i := 0; p.Next(); i++ {
					err := s.View(b.Context(), func(tx identity.Tx) error {
						_, err := tx.Get("k", strconv.Itoa(i%1000))
						return err
					})
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkUpdate signs one user up after another: three records that belong
// together, of which all users share one.
func BenchmarkUpdate(b *testing.B) {
	for _, engine := range benchmarked {
		b.Run(engine.name, func(b *testing.B) {
			s := open(b, engine.url(b))
			for i := 0; b.Loop(); i++ {
				require.NoError(b, signUp(b.Context(), s, strconv.Itoa(i)))
			}
		})
	}
}

// BenchmarkUpdateParallel writes records that have nothing to do with each
// other, sixteen at a time.
func BenchmarkUpdateParallel(b *testing.B) {
	for _, engine := range benchmarked {
		b.Run(engine.name, func(b *testing.B) {
			s := open(b, engine.url(b))
			b.SetParallelism(8)
			var n atomic.Int64
			b.ResetTimer()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					key := strconv.FormatInt(n.Add(1), 10)
					err := s.Update(b.Context(), func(tx identity.Tx) error {
						return tx.Insert(identity.Record{Kind: "k", Key: key, Group: key, Value: make([]byte, 500)})
					})
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
