package resilience

import (
	"context"
	"fmt"
)

// Part is one policy that guards functions of any result type: a [*Breaker], [*Retry], [Timeout], [*Bulkhead], [*RateLimit]
// or [*Chaos]. There are no others. [Fallback] and [Hedge] know the type of the result and have a method Do of their own.
type Part interface {
	checker
	isPart()
}

func (*Breaker) isPart()   {}
func (*Retry) isPart()     {}
func (Timeout) isPart()    {}
func (*Bulkhead) isPart()  {}
func (*RateLimit) isPart() {}
func (*Chaos) isPart()     {}

// checker says what is wrong with the numbers of a policy, or "".
type checker interface{ check() string }

// Do calls fn under one policy and returns what fn returned, or the policy's own error.
//
// Except for waits that the policy is there for, fn runs in the calling goroutine and as part of the calling task:
// a panic in fn passes through with its stack, and Do does not return before fn has.
// Do panics if part or fn is nil, or if part has numbers that make no sense.
//
// # Cancellation
//
// If ctx is done already, Do returns its cause and does not call fn. If ctx ends while Do waits, before fn or between
// two tries, Do returns the cause and leaves nothing behind. If ctx ends while fn runs, Do returns what fn returns.
func Do[T any](ctx context.Context, part Part, fn func(context.Context) (T, error)) (T, error) {
	if b, ok := part.(*Breaker); ok && b != nil && fn != nil && b.check() == "" { // without a Policy around it: it is often the only one
		if err := causeOf(ctx); err != nil {
			var zero T
			return zero, err
		}
		return guard(ctx, b, fn)
	}
	return single[T](part).Do(ctx, fn)
}

// single returns the policy of one part.
func single[T any](part Part) *Policy[T] {
	p := &Policy[T]{}
	switch part := part.(type) {
	case *Breaker:
		p.parts.Breaker = must(part)
	case *Retry:
		p.parts.Retry = must(part)
	case Timeout:
		if part <= 0 {
			p.spent = true // Compose takes 0 for none; as the only policy it is a limit that has run out
		}
		p.parts.Timeout = part
	case *Bulkhead:
		p.parts.Bulkhead = must(part)
	case *RateLimit:
		p.parts.RateLimit = must(part)
	case *Chaos:
		p.parts.Chaos = must(part)
	default:
		panic(fmt.Sprintf("resilience: Do needs a policy; the one given is %v", part))
	}
	return p
}

// must returns part. It panics if part is nil or has numbers that make no sense.
func must[P interface {
	comparable
	checker
}](part P) P {
	var none P
	if part == none {
		panic(fmt.Sprintf("resilience: Do needs a policy; the %T given is nil", part))
	}
	valid(part)
	return part
}

// valid panics if part has numbers that make no sense. It may be nil.
func valid[P interface {
	comparable
	checker
}](part P) {
	var none P
	if part == none {
		return
	}
	if wrong := part.check(); wrong != "" {
		panic("resilience: " + wrong)
	}
}

func needFunc(isNil bool) {
	if isNil {
		panic("resilience: a policy needs a function; the one given is nil")
	}
}

// causeOf returns why ctx is done, or nil.
func causeOf(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// explains reports whether err says no more than that a ctx has ended with cause: it is, or wraps one by one,
// one of the two; a joined error counts if each member does. It is the rule by which package braid tells
// who was cancelled from who has failed.
func explains(err, ctxErr, cause error) bool {
	for err != nil {
		if same(err, ctxErr) || same(err, cause) {
			return true
		}
		switch x := err.(type) { //nolint:errorlint // walks the chain itself
		case interface{ Unwrap() error }:
			err = x.Unwrap()
		case interface{ Unwrap() []error }:
			members := x.Unwrap()
			for _, m := range members {
				if !explains(m, ctxErr, cause) {
					return false
				}
			}
			return len(members) > 0
		default:
			return false
		}
	}
	return false
}
