package ledger

import (
	"fmt"
	"sync/atomic"
	"testing"
)

func BenchmarkOpenFresh(b *testing.B) {
	for b.Loop() {
		l, err := Open(b.Context(), place(b))
		must(b, err)
		b.StopTimer()
		must(b, l.Close())
		b.StartTimer()
	}
}

func BenchmarkOpenExisting(b *testing.B) {
	path := place(b)
	l := openAt(b, path)
	for n := range 1000 {
		promised(b, l, n)
	}
	must(b, l.Close())
	for b.Loop() {
		l, err := Open(b.Context(), path)
		must(b, err)
		b.StopTimer()
		must(b, l.Close())
		b.StartTimer()
	}
}

// BenchmarkPromise shows what sharing a sync gains: one writer pays it alone.
func BenchmarkPromise(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			l := openAt(b, place(b))
			var next atomic.Int64
			b.SetParallelism(writers)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, _, err := l.Promise(b.Context(), request(int(next.Add(1)))); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
