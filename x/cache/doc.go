// Package cache puts a TTL cache around a function: whoever asks for a key gets the value that is there, and if there is none,
// all who ask wait for one call of the function.
//
//	users := cache.New(g, func(ctx context.Context, id int) (User, error) { return fetch(ctx, id) },
//		cache.Config[int, User]{Name: "users", Size: 10_000, TTL: time.Minute})
//
//	user, err := users.Get(ctx, 42)
//
// [New] is for functions of a comparable key, [NewMemo] for those of anything that a key can be made of.
// Values are kept by otter (github.com/maypok86/otter/v2), which decides what goes when there is no room; when an entry may still be used,
// who loads it and who waits is decided here.
//
// # What an entry goes through
//
// A load makes it fresh. For its TTL, less some jitter, each Get returns it at once.
// In the last part of that time, [Config].RefreshAhead, a Get also starts a reload, and still returns at once.
// Then it is stale: the next Get waits for a load, but if that fails, it gets the stale value, for [Config].Stale at most.
// Then it is gone. A failure is kept, too, for a time of its own, so that a dependency that is down is not asked again by each Get:
// [ErrNotFound] for [Config].NegativeTTL, other errors for [Config].ErrorTTL.
//
// # Lifetime
//
// A load is a task of the group that was given to New, called "load" and the cache's name. It has the values of that group's ctx and none of
// its callers': what it finds is for everybody. It ends after [Config].LoadTimeout, and is cancelled when nobody waits for it any more, when the
// cache is closed, and when the group is. Run of the group waits for it, as for each task. There is no task, timer or goroutine at rest:
// a cache that nobody uses costs its memory, and a scope is not held up by one that was never closed.
//
// Upkeep of otter – what to evict, what has expired – is done now and then by a goroutine that waits for nothing and calls no code of the user's.
// Close waits for it.
//
// # Cancellation
//
// A Get that has to wait ends with its own ctx. The load goes on while others wait for it.
// One that is cancelled because the last of them has left is out of the way by then: a Get that comes later begins a new one.
//
// # Errors
//
// What the function returned comes back as it is, to all who waited. A panic is never kept: all who waited get the
// [*braid.PanicError], with its stack, and the group's PanicHook hears of it; so it is with runtime.Goexit and braid.ErrGoexit.
// A load that asks its own cache for something that waits for this very load gets braid.ErrSelfDeadlock, instead of waiting for ever;
// that is known by the ctx of the load, so a load must pass it on.
//
// # What may be seen when
//
// A Get that begins when Set has returned gets that value or a newer one. A Get that begins when Invalidate has returned
// gets what a load has found that began after it. A load that began before a Set or Invalidate goes on for those who wait, and is not kept.
// With a [Tier] this holds for the process that made the call; others keep what they have in memory for as long as it lasts.
//
// # What it does not do
//
// Values are shared, not copied: who gets a pointer must not change what it leads to.
// How many loads of different keys run at a time is not bounded here: use a limited group, or a resilience.Bulkhead in the function.
// Nothing is loaded twice: to try again is up to the function, for instance with resilience.Retry.
package cache
