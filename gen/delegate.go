package gen

import "iter"

// YieldFrom lets sub take the place of the body that calls it until sub ends, and returns the result of sub.
//
// What sub yields goes to the caller of the outer coroutine; what the caller sends or throws goes to sub.
// If the outer coroutine is closed, so is sub: YieldFrom returns [ErrClosed] then,
// or what went wrong in sub's cleanup. When YieldFrom returns or panics, sub has ended.
// A sub that is suspended already is resumed by Next; one that has ended yields nothing, and its result is returned.
//
// It is what Python calls "yield from". If the inner part is a plain function, there is a shorter way:
// a body may pass its Yielder on, "ret, err := inner(y)", which does the same at no cost.
// YieldFrom is for a coroutine that exists already, or that is resumed by others too.
func YieldFrom[In, Out, Ret any](y *Yielder[In, Out], sub *Coroutine[In, Out, Ret]) (Ret, error) {
	var zero Ret
	for v, ok := sub.Next(); ok; {
		in, err := pass(y, sub, v)
		switch {
		case err == nil:
			v, ok = sub.Send(in)
		case onlyClosed(err):
			if failure := sub.Close(); failure != nil {
				return zero, failure
			}
			return zero, err
		default:
			v, ok = sub.Throw(err)
		}
	}
	return sub.Result()
}

// pass yields v, and closes sub if it is the outer body's last yield.
func pass[In, Out, Ret any](y *Yielder[In, Out], sub *Coroutine[In, Out, Ret], v Out) (in In, err error) {
	returned := false
	defer func() {
		if !returned {
			_ = sub.Close() // the outer body fails by itself, and says so
		}
	}()
	in, err = y.Yield(v)
	returned = true
	return in, err
}

// YieldAll yields the elements of seq, and returns when seq has.
//
// Elements that are sent are dropped. An error that is thrown, or [ErrClosed], ends the loop over seq and is returned.
func YieldAll[In, Out any](y *Yielder[In, Out], seq iter.Seq[Out]) error {
	for v := range seq {
		if _, err := y.Yield(v); err != nil {
			return err
		}
	}
	return nil
}
