-- +goose Up
-- AUTOINCREMENT: an id is never used again, so a page cursor or a bookmark
-- never comes to mean another user.
CREATE TABLE users (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL,
    email      TEXT    NOT NULL COLLATE NOCASE UNIQUE,
    created_at INTEGER NOT NULL, -- Unix milliseconds
    updated_at INTEGER NOT NULL
) STRICT;

-- +goose Down
DROP TABLE users;
