// Package sqlite keeps the service's data in one SQLite file.
//
// # Durability
//
// The file is in WAL mode with synchronous=FULL: when a write returns without
// error it is in the log on the disk, and neither a kill -9 nor a power cut
// loses it. (synchronous=NORMAL would survive the kill as well and spare one
// fsync a write, but a power cut could take back what a caller was told.)
//
// # One writer
//
// SQLite has one writer at a time. Writers queue here, first come first
// served and obeying their ctx, on a [braid.Mutex] in front of the single
// writing connection, instead of in SQLite's busy handler, which polls and
// knows neither order nor ctx. Readers have connections of their own and never
// wait for the writer.
//
// # Cancellation
//
// A call whose ctx ends returns that ctx's error. A write that was still
// queued has not happened then; one that was under way may have happened or
// not, as a whole.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/braid-go/braid"

	_ "modernc.org/sqlite" // the driver "sqlite", in Go alone
)

// DB is an open database file. Its methods are safe for concurrent use.
type DB struct {
	read *sql.DB

	// turn is held around each use of write, which has one connection only.
	turn  braid.Mutex
	write *sql.DB
}

// Open opens the database file at path, creates it if it is missing, and
// brings its schema up to date. The folder must exist. A database that was
// killed in the middle of its work is recovered here.
func Open(ctx context.Context, path string) (_ *DB, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("open database %s: %w", path, err)
		}
	}()
	write, err := connect(path, "_journal_mode", "WAL", "_synchronous", "FULL", "_txlock", "immediate")
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	if err := migrate(ctx, write); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read, err := connect(path, "_query_only", "true")
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	readers := max(4, runtime.GOMAXPROCS(0))
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return &DB{read: read, write: write}, nil
}

// connect returns a pool whose connections all have the given settings, pairs
// of name and value, beside those that every connection here has.
func connect(path string, settings ...string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// A URI, not the plain path: the driver would cut a path at its first "?".
	abs = filepath.ToSlash(abs)
	if !strings.HasPrefix(abs, "/") {
		abs = "/" + abs // a Windows drive: file:///C:/...
	}
	q := url.Values{
		"_busy_timeout": {"5000"}, // another program, such as the sqlite3 shell, may hold the lock
		"_foreign_keys": {"on"},
		"_defensive":    {"true"},
		"_dqs":          {"false"}, // a misspelt column is an error, not a string
		"_error_rc":     {"true"},  // say what happened, without remains of earlier errors
	}
	for i := 0; i < len(settings); i += 2 {
		q.Set(settings[i], settings[i+1])
	}
	uri := url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}
	return sql.Open("sqlite", uri.String())
}

// Ping reports whether the database answers. It reads from the file, which a
// mere "SELECT 1" does not.
func (db *DB) Ping(ctx context.Context) error {
	var some bool
	return db.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM users)").Scan(&some)
}

// Close waits for the calls that are under way and closes the file. The last
// connection to go folds the log back into the file.
func (db *DB) Close() error {
	return errors.Join(db.read.Close(), db.write.Close())
}

// exec runs one writing statement as a transaction of its own when the
// caller's turn has come.
func (db *DB) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := db.turn.Lock(ctx); err != nil {
		return nil, err
	}
	defer db.turn.Unlock()
	return db.write.ExecContext(ctx, query, args...)
}

// transact runs fn in one transaction when the caller's turn has come, and
// keeps what it did if it returns nil.
func (db *DB) transact(ctx context.Context, fn func(*sql.Tx) error) (err error) {
	if err := db.turn.Lock(ctx); err != nil {
		return err
	}
	defer db.turn.Unlock()
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	// Also undoes the work when fn panics; after the commit it does nothing.
	defer func() { _ = tx.Rollback() }()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}
