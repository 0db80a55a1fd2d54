package gen_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/gen"
)

var batchCases = []testCase{
	{"Batch: by size alone, and the rest at the end", func(t *testing.T, ctx context.Context) {
		s := source{n: 7}
		got, err := collect(t, gen.Batch(ctx, s.stream(ctx, 1), 3, 0))
		wantList(t, "batches", got, []int{0, 1, 2}, []int{3, 4, 5}, []int{6})
		want(t, "err", err, nil)
	}},
	{"Batch: each batch is the loop's own", func(t *testing.T, ctx context.Context) {
		for _, wait := range []time.Duration{0, time.Hour} {
			got, _ := collect(t, gen.Batch(ctx, gen.Values(upTo(6)), 2, wait))
			wantList(t, "batches", got, []int{0, 1}, []int{2, 3}, []int{4, 5})
		}
	}},
	{"Batch: what has been collected comes before an error", func(t *testing.T, ctx context.Context) {
		for _, wait := range []time.Duration{0, time.Hour} {
			s := source{n: 5, last: failing(errBoom)}
			got, err := collect(t, gen.Batch(ctx, s.stream(ctx, 1), 3, wait))
			wantList(t, "batches", got, []int{0, 1, 2}, []int{3, 4})
			isErr(t, "err", err, errBoom)
		}
	}},
	{"Batch: a batch that is not full comes when its time is over", func(t *testing.T, ctx context.Context) {
		s := source{n: 5, last: never}
		for batch, err := range gen.Batch(ctx, s.stream(ctx, 10), 100, aMoment) {
			want(t, "err", err, nil)
			if len(batch) == 0 || len(batch) > 5 {
				t.Errorf("batch %v", batch)
			}
			if batch[len(batch)-1] == 4 {
				break
			}
		}
		s.gone(t)
	}},
	{"Batch: when ctx ends, the cause comes", func(t *testing.T, ctx context.Context) {
		for _, wait := range []time.Duration{0, time.Hour} {
			s := source{n: 2, last: never}
			err := braid.Timeout(ctx, aMoment, func(ctx context.Context) error {
				got, err := collect(t, gen.Batch(ctx, s.stream(ctx, 0), 10, wait))
				want(t, "batches", len(got), 0)
				return err
			})
			isErr(t, "err", err, braid.ErrTimeout)
			s.gone(t)
		}
	}},
	{"Batch: arguments", func(t *testing.T, ctx context.Context) {
		panics(t, "size 0", func() { gen.Batch(ctx, naturals(), 0, 0) }, "Batch with size = 0")
		panics(t, "wait -1", func() { gen.Batch(ctx, naturals(), 1, -1) }, "wait of -1ns")
		panics(t, "no source", func() { gen.Batch[int](ctx, nil, 1, 0) }, "Batch")
	}},
}

// FuzzBatch gives Batch a source that takes its time, in virtual time, and compares the batches and when they come with a slow model.
func FuzzBatch(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3}, uint8(2), uint8(3), false)
	f.Add([]byte{0, 0, 0, 0, 0, 9, 9}, uint8(4), uint8(5), true)
	f.Add([]byte{200, 1, 1, 200}, uint8(1), uint8(0), false)
	f.Add([]byte{}, uint8(3), uint8(7), true)
	f.Fuzz(func(t *testing.T, gaps []byte, size, wait uint8, fails bool) {
		if len(gaps) > 100 || size == 0 {
			t.Skip()
		}
		braidtest.CheckLeaks(t)
		limit := time.Duration(0)
		if wait > 0 {
			limit = time.Duration(wait)*time.Second + time.Second/2 // never at the moment at which an element comes
		}
		var got []string
		var last error
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			src := gen.Stream(t.Context(), 0, func(ctx context.Context, emit func(int) error) error {
				for i, gap := range gaps {
					if err := errors.Join(braid.Sleep(ctx, time.Duration(gap)*time.Second), emit(i)); err != nil {
						return err
					}
				}
				if fails {
					return errBoom
				}
				return nil
			})
			for batch, err := range gen.Batch(t.Context(), src, int(size), limit) {
				if last = err; err == nil {
					got = append(got, fmt.Sprint(batch, time.Since(start)))
				}
			}
		})
		wantList(t, "batches", got, batches(gaps, int(size), limit)...)
		want(t, "failed", errors.Is(last, errBoom), fails)
	})
}

// batches is the model: it walks through time, second by half second.
func batches(gaps []byte, size int, limit time.Duration) (list []string) {
	var arrivals []time.Duration
	end := time.Duration(0)
	for _, gap := range gaps {
		end += time.Duration(gap) * time.Second
		arrivals = append(arrivals, end)
	}
	var batch []int
	var first time.Duration
	pass := func(now time.Duration) {
		list = append(list, fmt.Sprint(batch, now))
		batch = nil
	}
	for now := time.Duration(0); now <= end; now += time.Second / 2 {
		for i, at := range arrivals {
			if at != now {
				continue
			}
			if len(batch) == 0 {
				first = now
			}
			if batch = append(batch, i); len(batch) == size {
				pass(now)
			}
		}
		if limit > 0 && len(batch) > 0 && now == first+limit {
			pass(now)
		}
	}
	if len(batch) > 0 {
		pass(end)
	}
	return list
}

// What came while the loop was at work is passed on at once if its time is over, and waits for the rest of its time if not.
func TestBatchWhileTheLoopWorks(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		src := gen.Stream(t.Context(), 0, func(ctx context.Context, emit func(int) error) error {
			for i, at := range []int{0, 1, 6, 7, 8, 24} {
				due := start.Add(time.Duration(at) * time.Second)
				if err := errors.Join(braid.Sleep(ctx, time.Until(due)), emit(i)); err != nil {
					return err
				}
			}
			return braid.Sleep(ctx, time.Hour)
		})
		var got []string
		for batch, err := range gen.Batch(t.Context(), src, 100, 5*time.Second) {
			want(t, "err", err, nil)
			got = append(got, fmt.Sprint(batch, time.Since(start)))
			if len(got) == 3 {
				break
			}
			if err := braid.Sleep(t.Context(), 10*time.Second); err != nil {
				t.Error(err)
			}
		}
		wantList(t, "batches", got, "[0 1] 5s", "[2 3 4] 15s", "[5] 29s")
	})
}

// ctx ends when src has come to its end: the batch that is lost must not be lost in silence.
func TestBatchBySizeCutOffAtTheEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	src := func(yield func(int, error) bool) {
		if yield(1, nil) && yield(2, nil) && yield(3, nil) {
			cancel(errStop)
		}
	}
	got, last := collect(t, gen.Batch(ctx, src, 2, 0))
	want(t, "batches", len(got), 1)
	isErr(t, "last", last, errStop)
}
