package sqlite

import "context"

// WriterPragma returns a setting of the writing connection.
func (db *DB) WriterPragma(ctx context.Context, name string) (value string, err error) {
	err = db.write.QueryRowContext(ctx, "PRAGMA "+name).Scan(&value)
	return value, err
}

// ReaderExec runs a statement on a reading connection.
func (db *DB) ReaderExec(ctx context.Context, query string) error {
	_, err := db.read.ExecContext(ctx, query)
	return err
}

// LockWriter takes the writers' turn.
func (db *DB) LockWriter(ctx context.Context) (unlock func(), err error) {
	return db.turn.Unlock, db.turn.Lock(ctx)
}

// WritersWaiting returns how many writers queue.
func (db *DB) WritersWaiting() int { return db.turn.Statistics().Waiting }
