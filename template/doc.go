// Package template is a small service that runs on braid, complete enough to
// begin a real one with: HTTP, a database, a background task, logs, health,
// and an orderly end.
//
// # The tree
//
// Everything that runs is a task with a name and an owner:
//
//	main
//	└── service              its components, see package service
//	    ├── database/start   opens the database, and is gone when it has
//	    ├── http
//	    │   ├── accept       takes connections
//	    │   ├── GET /        one task for each request,
//	    │   └── POST /users  on net/http's own goroutine
//	    ├── heartbeat        the background task
//	    └── stop             when the service stops: stops the others
//
// # The end
//
// SIGINT or SIGTERM stops the service, and so does the failure of one of its
// components. They end in the reverse of the order in which they were started.
//
//  1. /readyz says 503 and so does every request for work that is new; the
//     background task ends.
//  2. The requests that are under way go on as if nothing had happened.
//  3. When the last of them has been answered, the listener and then the
//     database close, and [Serve] returns: exit status 0 after a signal.
//
// If something still runs when the grace is over, [Serve] gives up: its error
// holds a [*braid.StuckError] that says who was there, for how long, and on
// what it waited, and the exit status is 1. The requests are cancelled then
// and have a last moment to tell their clients. A second signal does the same
// at once.
//
// # The folders
//
//   - cmd/service is the program
//   - httptask makes each request a task
//   - problem writes errors as RFC 9457 problem documents
//   - sqlite keeps users in a SQLite file
//   - tasklog puts the task's path on every log line
//   - user says what a user is
//   - web has the routes
package template
