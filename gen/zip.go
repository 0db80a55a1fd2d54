package gen

import "iter"

// Pair is an element of [Zip].
type Pair[A, B any] struct {
	A A
	B B
}

// Zip pairs the elements of a with those of b, in their order, until one of them ends.
//
// It runs in the goroutine of the loop and reads nothing ahead, a before b. So if b ends first, one element of a more
// has been read. An error of either ends the stream. When the loop ends, both are broken off and have returned.
func Zip[A, B any](a iter.Seq2[A, error], b iter.Seq2[B, error]) iter.Seq2[Pair[A, B], error] {
	mustHave("Zip", "two sources", a != nil && b != nil)
	return func(yield func(Pair[A, B], error) bool) {
		as, bs := Pull2(onBehalf(a, yield)), Pull2(onBehalf(b, yield))
		failure := zip(as, bs, yield)
		if failure != nil {
			yield(Pair[A, B]{}, failure)
		}
	}
}

// zip returns the error that ends the stream. Both generators have ended then.
func zip[A, B any](as *Generator[A], bs *Generator[B], yield func(Pair[A, B], error) bool) (failure error) {
	defer func() { _ = as.Close() }()
	defer func() { _ = bs.Close() }()
	for {
		va, ok := as.Next()
		if !ok {
			_, err := as.Result()
			return err
		}
		vb, ok := bs.Next()
		if !ok {
			_, err := bs.Result()
			return err
		}
		if !yield(Pair[A, B]{va, vb}, nil) {
			return nil
		}
	}
}

// onBehalf makes a source that is read on behalf of the loop that yield belongs to; see through.
func onBehalf[In, Out any](src iter.Seq2[In, error], yield func(Out, error) bool) iter.Seq2[In, error] {
	return func(each func(In, error) bool) { through(src, yield, each) }
}
