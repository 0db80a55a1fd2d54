package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/template/sqlite"
	"github.com/braid-go/braid/template/user"
)

func open(t *testing.T, path string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func newDB(t *testing.T) *sqlite.DB { return open(t, filepath.Join(t.TempDir(), "test.db")) }

// What the package comment promises about durability rests on these settings.
func TestSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db := open(t, path)
	for pragma, want := range map[string]string{
		"journal_mode": "wal",
		"synchronous":  "2", // FULL
		"foreign_keys": "1",
		"busy_timeout": "5000",
	} {
		got, err := db.WriterPragma(t.Context(), pragma)
		if err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", pragma, got, err, want)
		}
	}
}

func TestReadersCannotWrite(t *testing.T) {
	if err := newDB(t).ReaderExec(t.Context(), "DELETE FROM users"); err == nil {
		t.Error("a reading connection deleted rows")
	}
}

func TestReopenKeepsUsers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	created, err := db.CreateUser(t.Context(), user.Fields{Name: "Ada", Email: "ada@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := open(t, path).User(t.Context(), created.ID)
	if err != nil || got != created {
		t.Errorf("got %+v, %v, want %+v", got, err, created)
	}
}

// Characters that mean something in a URI are only characters in a path.
func TestOpenOddPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b%20#é&x=1.db")
	open(t, path)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	notADatabase := filepath.Join(dir, "letter.txt")
	if err := os.WriteFile(notADatabase, []byte("Dear Ada,\nthis is long enough to be read as a header, which it is not.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"a folder":       dir,
		"no such folder": filepath.Join(dir, "nowhere", "test.db"),
		"not a database": notADatabase,
	} {
		t.Run(name, func(t *testing.T) {
			db, err := sqlite.Open(t.Context(), path)
			if err == nil {
				t.Fatal("no error", db.Close())
			}
			t.Log(err)
		})
	}
}

func TestPing(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Error("open:", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(t.Context()); err == nil {
		t.Error("closed: no error")
	}
}

// A database that cannot be read does not answer, though it is open.
func TestPingReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db := open(t, path)
	for _, file := range []string{path, path + "-wal"} {
		if err := os.Truncate(file, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Ping(t.Context()); err == nil {
		t.Error("an empty file answered")
	}
}

// A writer whose ctx ends while it queues has written nothing, and the queue
// goes on without it.
func TestCancelledInTheQueue(t *testing.T) {
	db := newDB(t)
	unlock, err := db.LockWriter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("the caller has gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	result := make(chan error)
	go func() {
		_, err := db.CreateUser(ctx, user.Fields{Name: "Ada", Email: "ada@example.com"})
		result <- err
	}()
	for db.WritersWaiting() == 0 {
		if err := braid.Yield(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cancel(gone)
	if err := <-result; !errors.Is(err, gone) {
		t.Errorf("got %v, want the ctx's cause", err)
	}
	unlock()
	if _, err := db.CreateUser(t.Context(), user.Fields{Name: "Ada", Email: "ada@example.com"}); err != nil {
		t.Errorf("the address is taken by a user that must not exist: %v", err)
	}
}

// Every acknowledged commit is whole when the file is opened by somebody else.
func TestIntegrity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db := open(t, path)
	if _, err := db.CreateUser(t.Context(), user.Fields{Name: "Ada", Email: "ada@example.com"}); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var answer string
	if err := other.QueryRow("PRAGMA integrity_check").Scan(&answer); err != nil || answer != "ok" {
		t.Errorf("integrity_check: %q, %v", answer, err)
	}
}
