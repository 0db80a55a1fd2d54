package sim

import (
	"context"
	"testing"

	"github.com/braid-go/braid"
)

// points is a program of n tasks with k scheduling points each.
func points(n, k int) func(*T) {
	return func(s *T) {
		_ = braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			for range n {
				g.Go(func(ctx context.Context) error {
					for range k {
						if err := ctx.Err(); err != nil {
							return err
						}
					}
					return nil
				})
			}
			return nil
		})
	}
}

func benchmarkSchedules(b *testing.B, st Strategy, perTask int) {
	s := newSearch(b, points(3, perTask))
	r := s.runner()
	defer r.close()
	r.once(canonical{})
	prof := r.eng.profile()
	var w source = canonical{}
	if st != Exhaustive {
		w = newWalker(st)
	}
	steps, i := 0, uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		if x, ok := w.(walker); ok {
			i++
			x.begin(i, prof)
		}
		if f := r.once(w); f != nil {
			b.Fatal(f)
		}
		steps += r.eng.steps
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "schedules/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(steps), "ns/point")
}

// BenchmarkSchedule runs whole schedules on one core: 3 tasks with 33 or with 100 points each.
func BenchmarkSchedule(b *testing.B) {
	for _, k := range []struct {
		name string
		n    int
	}{{"points=100", 33}, {"points=300", 100}} {
		b.Run(k.name+"/canonical", func(b *testing.B) { benchmarkSchedules(b, Exhaustive, k.n) })
		for _, st := range portfolio {
			b.Run(k.name+"/"+st.String(), func(b *testing.B) { benchmarkSchedules(b, st, k.n) })
		}
	}
}
