// Package resilience keeps calls to a dependency from failing the program that makes them:
// circuit breaker, retry, timeout, hedge, bulkhead, rate limit, fallback, and chaos to try them out.
//
//	var users = resilience.Compose(resilience.Parts[User]{
//		Timeout: resilience.Timeout(2 * time.Second),
//		Retry:   &resilience.Retry{Idempotent: true},
//		Breaker: resilience.NewBreaker(resilience.BreakerConfig{Name: "users"}),
//	})
//
//	user, err := users.Do(ctx, func(ctx context.Context) (User, error) { return fetch(ctx, id) })
//
// Each policy guards a function func(ctx) (T, error). [Do] calls it under one policy, a [Policy] under several, in one fixed order.
// Policies with state – [Breaker], [Bulkhead], [RateLimit], [Budget] – are made once for a dependency and shared by all calls, of whatever
// result type. The others are values. A [Keyed] holds one for each host or tenant, within a bound.
//
// # Lifetime
//
// All work belongs to the call. The function runs in the calling goroutine and as part of the calling task; only a [Hedge] starts
// tasks, in a scope of its own, and joins them. Nothing that this package starts outlives the call, there is no goroutine or timer at rest,
// and no function is left running: a function that ignores its ctx holds the call for as long as it likes, whatever the time limit.
// To go on without it, use braid.Abandon, which says so in its name.
//
// # Errors
//
// What the function returned comes back as it is, or wrapped where a policy has to add something: errors.Is and errors.As find it.
// Errors that match [ErrRejected] mean that the function was not called; [OpenError] and [LimitError] say when to come back.
// A function can mark its error as [Permanent], as [Unsent], and with the time [After] which to try again.
//
// "Cancelled by the caller" is judged by the ctx given to the call, as package braid does: by that ctx being done, and by an error that says no more.
// Such a call is neutral to a breaker, is not retried, and not covered up by a fallback.
//
// # Panics
//
// No policy recovers a panic of the function. It passes through with its stack, or as the [*braid.PanicError] of a hedge; permits and slots
// are given back on the way, as they are when the function calls runtime.Goexit.
//
// # Time
//
// Time passes on the clock of the scheduler that ctx runs on: goroutines, a bubble of testing/synctest, the event loop, the simulator.
// A policy with state may be used on several, but their clocks should not be far apart: to it, another clock is one that has jumped.
// A jump back makes nothing wait for longer than its own limit: the breaker's open time, the probe's lease, the interval of the rate.
//
// # What it does not do
//
// Policies judge errors, not results: a function that gets a bad answer should say so with an error.
// State is that of one process. Nothing adapts by itself: limits are the ones that were given.
package resilience
