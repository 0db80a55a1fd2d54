package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/template/user"
)

// Statements that change something use Exec and its counts rather than
// RETURNING: Exec runs the statement to its end, so an error of the commit is
// always seen, while a row that was returned is not yet a row that is kept.

// CreateUser stores a new user and returns it with its id.
// It fails with [user.ErrEmailTaken].
func (db *DB) CreateUser(ctx context.Context, f user.Fields) (user.User, error) {
	now := now(ctx)
	res, err := db.exec(ctx,
		"INSERT INTO users (name, email, created_at, updated_at) VALUES (?, ?, ?, ?)",
		f.Name, f.Email, now.UnixMilli(), now.UnixMilli())
	if err != nil {
		return user.User{}, conflict(err)
	}
	id, err := res.LastInsertId()
	if err != nil {
		return user.User{}, err
	}
	return user.User{ID: id, Fields: f, CreatedAt: now, UpdatedAt: now}, nil
}

// User returns the user with the given id. It fails with [user.ErrNotFound].
func (db *DB) User(ctx context.Context, id int64) (user.User, error) {
	return one(ctx, db.read, id)
}

// Users returns at most limit users with ids above after, in the order of
// their ids. It seeks to its place, so page 1,000 costs what page 1 costs, and
// users that come or go between two calls shift nobody to another page.
func (db *DB) Users(ctx context.Context, limit int, after int64) (_ user.Page, err error) {
	// One more than asked for tells whether there is a next page.
	rows, err := db.read.QueryContext(ctx,
		"SELECT id, name, email, created_at, updated_at FROM users WHERE id > ? ORDER BY id LIMIT ?",
		after, limit+1)
	if err != nil {
		return user.Page{}, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	page := user.Page{Users: []user.User{}} // "[]" in JSON, never "null"
	for rows.Next() {
		if len(page.Users) == limit {
			page.Next = page.Users[limit-1].ID
			break
		}
		u, err := scan(rows)
		if err != nil {
			return user.Page{}, err
		}
		page.Users = append(page.Users, u)
	}
	return page, rows.Err()
}

// ReplaceUser replaces all fields of the user with the given id and returns
// the user as it is now. It fails with [user.ErrNotFound] and
// [user.ErrEmailTaken].
func (db *DB) ReplaceUser(ctx context.Context, id int64, f user.Fields) (u user.User, err error) {
	err = db.transact(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx,
			"UPDATE users SET name = ?, email = ?, updated_at = ? WHERE id = ?",
			f.Name, f.Email, now(ctx).UnixMilli(), id)
		if err := found(res, err); err != nil {
			return err
		}
		u, err = one(ctx, tx, id)
		return err
	})
	return u, err
}

// DeleteUser removes the user with the given id.
// It fails with [user.ErrNotFound].
func (db *DB) DeleteUser(ctx context.Context, id int64) error {
	res, err := db.exec(ctx, "DELETE FROM users WHERE id = ?", id)
	return found(res, err)
}

// now is the time in the resolution that is stored, so that a user reads the
// same from the answer that created it and from the database.
func now(ctx context.Context) time.Time {
	return braid.Time(ctx).UTC().Truncate(time.Millisecond)
}

// one reads one user, from the readers' pool or inside a transaction.
func one(ctx context.Context, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, id int64,
) (user.User, error) {
	u, err := scan(q.QueryRowContext(ctx,
		"SELECT id, name, email, created_at, updated_at FROM users WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return user.User{}, user.ErrNotFound
	}
	return u, err
}

func scan(row interface{ Scan(...any) error }) (user.User, error) {
	var u user.User
	var created, updated int64
	if err := row.Scan(&u.ID, &u.Name, &u.Email, &created, &updated); err != nil {
		return user.User{}, err
	}
	u.CreatedAt = time.UnixMilli(created).UTC()
	u.UpdatedAt = time.UnixMilli(updated).UTC()
	return u, nil
}

// found turns "no row was changed" into [user.ErrNotFound].
func found(res sql.Result, err error) error {
	if err != nil {
		return conflict(err)
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return user.ErrNotFound
	}
	return err
}

// conflict translates the one constraint that callers can break.
func conflict(err error) error {
	if se, ok := errors.AsType[*sqlite.Error](err); ok && se.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE {
		return user.ErrEmailTaken
	}
	return err
}
