package gen_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/gen"
)

// pages emits the pages of a book, for ever.
func pages(ctx context.Context, emit func(string) error) error {
	defer fmt.Println("the book is closed")
	for n := 1; ; n++ {
		if err := emit(fmt.Sprint("page ", n)); err != nil {
			return err
		}
	}
}

// A producer runs as a task, a few elements ahead of the loop. When the loop is left it is cancelled and joined.
func ExampleStream() {
	for page, err := range gen.Stream(context.Background(), 2, pages) {
		if err != nil || page == "page 3" {
			break
		}
		fmt.Println(page)
	}
	fmt.Println("after the loop")
	// Output:
	// page 1
	// page 2
	// the book is closed
	// after the loop
}

// All that was emitted arrives before the producer's error.
func ExampleStream_failure() {
	readings := gen.Stream(context.Background(), 10, func(_ context.Context, emit func(int) error) error {
		for i := range 3 {
			if err := emit(20 + i); err != nil {
				return err
			}
		}
		return errors.New("sensor lost")
	})
	for v, err := range readings {
		if failure, ok := errors.AsType[*braid.TaskError](err); ok {
			fmt.Println("failed:", failure.Err)
			break
		}
		fmt.Println(v)
	}
	// Output:
	// 20
	// 21
	// 22
	// failed: sensor lost
}

// A cleanup that fails when the loop has been left cannot be given to the loop. It is not lost.
func ExampleStream_cleanup() {
	rows := func(ctx context.Context, emit func(int) error) error {
		for emit(1) == nil {
		}
		return errors.New("close: connection reset")
	}
	err := braid.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		for range gen.Stream(ctx, 0, rows) {
			break
		}
		return nil
	}, braid.PanicHook(func(pe *braid.PanicError) {
		fmt.Println("hook:", strings.Contains(fmt.Sprint(pe.Value), "connection reset"))
	}))
	if err != nil {
		fmt.Println("hook:", strings.Contains(err.Error(), "connection reset"))
	}
	// Output: hook: true
}

// Up to eight calls run at the same time; results come in the order of the source.
func ExampleMap() {
	fetch := func(ctx context.Context, page string) (int, error) { return len(page), braid.Yield(ctx) }
	src := gen.Values(slices.Values([]string{"a", "bb", "ccc"}))
	for n, err := range gen.Map(context.Background(), src, 8, fetch) {
		fmt.Println(n, err)
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 3 <nil>
}

// An error ends the stream in its place: what comes before it is passed on, the rest is cancelled and joined.
func ExampleMap_failure() {
	fetch := func(_ context.Context, page string) (string, error) {
		if page == "page 3" {
			return "", errors.New("404")
		}
		return strings.ToUpper(page), nil
	}
	ctx := context.Background()
	got, err := braid.Collect(gen.Map(ctx, gen.Stream(ctx, 2, pages), 4, fetch))
	fmt.Println(got)
	failure, _ := errors.AsType[*braid.TaskError](err)
	fmt.Println(failure.Err, strings.HasSuffix(failure.Task, "#2"))
	// Output:
	// the book is closed
	// [PAGE 1 PAGE 2]
	// 404 true
}

func ExampleMapUnordered() {
	var others braid.Event
	fetch := func(ctx context.Context, name string) (string, error) {
		if name == "huge" {
			return name, others.Wait(ctx)
		}
		return name, nil
	}
	files := gen.Values(slices.Values([]string{"huge", "small"}))
	for name, err := range gen.MapUnordered(context.Background(), files, 2, fetch) {
		fmt.Println(name, err)
		others.Set()
	}
	// Output:
	// small <nil>
	// huge <nil>
}

// words is the stream of the words of a line.
func words(_ context.Context, line string) iter.Seq2[string, error] {
	return gen.Values(strings.FieldsSeq(line))
}

func ExampleFlatMap() {
	lines := gen.Values(slices.Values([]string{"to be", "or not"}))
	for word, err := range gen.FlatMap(context.Background(), lines, 2, words) {
		fmt.Println(word, err)
	}
	// Output:
	// to <nil>
	// be <nil>
	// or <nil>
	// not <nil>
}

func ExampleFlatMapUnordered() {
	lines := gen.Values(slices.Values([]string{"to be", "or not"}))
	all, err := braid.Collect(gen.FlatMapUnordered(context.Background(), lines, 2, words))
	slices.Sort(all)
	fmt.Println(all, err)
	// Output: [be not or to] <nil>
}

// Merge takes elements as they come. A source that waits for ever holds up nobody, and ends with the loop.
func ExampleMerge() {
	ctx := context.Background()
	silent := gen.Stream(ctx, 0, func(ctx context.Context, _ func(string) error) error {
		defer fmt.Println("silent has ended")
		return new(braid.Event).Wait(ctx)
	})
	for page, err := range gen.Merge(ctx, silent, gen.Values(slices.Values([]string{"a"}))) {
		fmt.Println(page, err)
		break
	}
	// Unordered output:
	// a <nil>
	// silent has ended
}

func ExampleFilter() {
	odd := gen.Filter(gen.Values(slices.Values([]int{1, 2, 3, 4})), func(v int) bool { return v%2 == 1 })
	fmt.Println(braid.Collect(odd))
	// Output: [1 3] <nil>
}

func ExampleTake() {
	fmt.Println(braid.Collect(gen.Take(gen.Stream(context.Background(), 0, pages), 2)))
	// Output:
	// the book is closed
	// [page 1 page 2] <nil>
}

// A batch is passed on when it is full, or when its first element has waited long enough.
func ExampleBatch() {
	src := gen.Values(slices.Values([]int{1, 2, 3, 4, 5}))
	for batch, err := range gen.Batch(context.Background(), src, 2, time.Minute) {
		fmt.Println(batch, err)
	}
	// Output:
	// [1 2] <nil>
	// [3 4] <nil>
	// [5] <nil>
}

// Two elements pass at once, the third when a period has passed since the first one.
func ExampleThrottle() {
	start := time.Now()
	const period = 2 * time.Millisecond
	for v, err := range gen.Throttle(context.Background(), gen.Values(slices.Values([]int{1, 2, 3})), 2, period) {
		fmt.Println(v, err, v < 3 || time.Since(start) >= period)
	}
	// Output:
	// 1 <nil> true
	// 2 <nil> true
	// 3 <nil> true
}

func ExampleZip() {
	names := gen.Values(slices.Values([]string{"a", "b", "c"}))
	for p, err := range gen.Zip(names, gen.Stream(context.Background(), 1, pages)) {
		fmt.Println(p.A, p.B, err)
	}
	// Output:
	// a page 1 <nil>
	// b page 2 <nil>
	// c page 3 <nil>
	// the book is closed
}

func ExamplePair() {
	p := gen.Pair[string, int]{A: "a", B: 1}
	fmt.Println(p.A, p.B)
	// Output: a 1
}

func ExampleReduce() {
	sum, err := gen.Reduce(gen.Values(slices.Values([]int{1, 2, 3})), 0, func(sum, v int) (int, error) { return sum + v, nil })
	fmt.Println(sum, err)
	// Output: 6 <nil>
}

func ExampleForEach() {
	ctx := context.Background()
	err := gen.ForEach(ctx, gen.Stream(ctx, 2, pages), 2, func(_ context.Context, page string) error {
		if page == "page 5" {
			return errors.New("out of paper")
		}
		return nil
	})
	fmt.Println(strings.HasSuffix(err.Error(), "#4: out of paper"))
	// Output:
	// the book is closed
	// true
}

// Tee gives one stream to several consumers, each in a task of its own.
func ExampleTee() {
	var sum, count int
	err := gen.Tee(context.Background(), gen.Values(slices.Values([]int{5, 6, 7})), 1,
		func(_ context.Context, src iter.Seq2[int, error]) (err error) {
			sum, err = gen.Reduce(src, 0, func(sum, v int) (int, error) { return sum + v, nil })
			return err
		},
		func(_ context.Context, src iter.Seq2[int, error]) error {
			for _, err := range src {
				if err != nil {
					return err
				}
				count++
			}
			return nil
		})
	fmt.Println(sum, count, err)
	// Output: 18 3 <nil>
}

// Pull2 takes a stream element by element.
func ExamplePull2() {
	book := gen.Pull2(gen.Stream(context.Background(), 1, pages))
	fmt.Println(book.Next())
	fmt.Println(book.Next())
	fmt.Println(book.Close())
	// Output:
	// page 1 true
	// page 2 true
	// the book is closed
	// <nil>
}

func ExampleValues() {
	for v, err := range gen.Values(slices.Values([]int{1, 2})) {
		fmt.Println(v, err)
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
}
