// Package user holds what the service means by a user: the values, the rules
// that they obey, and the two ways in which a request for one can fail. It
// knows neither HTTP nor SQL; packages web and sqlite both speak its words.
package user

import (
	"errors"
	"time"
)

// ErrNotFound says that no user has the asked id.
var ErrNotFound = errors.New("no user has this id")

// ErrEmailTaken says that another user already has the email address.
// Addresses that differ only in the case of ASCII letters count as the same.
var ErrEmailTaken = errors.New("another user has this email address")

// User is one stored user. IDs rise in the order of creation and are never
// used twice, not even after a delete.
type User struct {
	ID int64 `json:"id"`
	Fields
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Page is a run of users in the order of their ids.
type Page struct {
	Users []User `json:"users"`
	// Next is the id to pass as "after" for the page that follows; 0 when this
	// is the last page.
	Next int64 `json:"next,omitempty"`
}
