// Package session is an HTTP client session, as users of aiohttp know it, on net/http.
//
//	err := session.Run(ctx, session.Config{
//		BaseURL: "https://api.example/v1/",
//		Retry:   &resilience.Retry{},
//		Breaker: &resilience.BreakerConfig{},
//	}, func(ctx context.Context, s *session.Session) error {
//		user, err := session.GetJSON[User](ctx, s, "users/42")
//		...
//	})
//
// A [Session] has a base URL, default headers, cookies, time limits for each phase, limits for each host, retries of what may be
// repeated, a breaker for each host, hedges of safe methods, bounded bodies, and events. It is an [http.RoundTripper]: whatever takes
// an http.Client, such as a generated API client, takes [Session.Client].
//
// # Lifetime
//
// A session belongs to a scope. [Run] is one; [Open] puts a session into a group that is there. Each request and each attempt to connect is a
// task of the session, with a name, "GET api.example" or "dial api.example:443". When the session is closed, or its scope ends,
// all requests are cancelled, all bodies are broken off, all connections are closed, and all tasks are joined.
// Requests after that fail with [ErrClosed]. A body that was still open is reported by [Session.Close], with a [*LeakError].
//
// A response is there before its body is. Its body belongs to the request's ctx: it breaks off when that ends.
// What a request holds – its place in the limit of its host, its connection, its time limits – it holds until its body has ended:
// until Read returned an error, io.EOF included, or until it was closed.
//
// net/http runs goroutines of its own for each connection. They end with the connection: Close waits until net/http has closed
// each one and neither reads from it nor writes to it any more, which is nearly the last thing that such a goroutine does.
//
// # The order
//
// From the outside in: redirects and cookies, which only [Session.Do] and [Session.Client] have, under one total time limit; retry; the limit of
// the host; the breaker of the host; the hedge; the time limit of a try; Config.Wrap; net/http.
// A response counts as soon as its header is there: a body that breaks off later is neither retried – a [Download] resumes, though – nor counted by the breaker.
//
// # Errors
//
// A time limit that ran out is a [*TimeoutError], which says which one, and matches [braid.ErrTimeout] and [context.DeadlineExceeded].
// If the caller's ctx has ended, the error is its cause. Errors of [Session.Do] stand in a [*url.Error], as those of http.Client do.
// A body that breaks off, or is larger than allowed, fails with a [*BodyError].
//
// # Panics
//
// A panic in code that the session calls – Config.Wrap, a Dial, a request's body, its progress function, a function of Retry –
// comes out of the request that it belongs to as a [*braid.PanicError] with its stack: as a panic, or, where a goroutine of net/http stands in between, as the error.
// There, runtime.Goexit is an error too, [braid.ErrGoexit]; elsewhere it ends the goroutine that makes the request.
// Such a request is not retried, and leaves neither a body open nor a place taken. A panic in OnEvent is logged.
//
// # Other schedulers
//
// net/http blocks goroutines. On the event loop a session lives on goroutines outside of it,
// and a task that makes a request, or reads or closes a body, waits for that as for a [braid.Offload]; the body is for tasks of the loop.
// The simulator cannot control net/http: a program that is simulated needs an http.RoundTripper of its own in the place of the session.
package session
