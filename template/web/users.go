package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/braid-go/braid/template/problem"
	"github.com/braid-go/braid/template/user"
)

const (
	defaultLimit = 50
	maxLimit     = 200
)

// Users is the store behind the /users routes. Each method fails with the
// errors of package user, with its ctx's error if that ends, or with an error
// that is the store's own.
type Users interface {
	CreateUser(ctx context.Context, f user.Fields) (user.User, error)
	User(ctx context.Context, id int64) (user.User, error)
	Users(ctx context.Context, limit int, after int64) (user.Page, error)
	ReplaceUser(ctx context.Context, id int64, f user.Fields) (user.User, error)
	DeleteUser(ctx context.Context, id int64) error
}

// createUser answers when the new user is safe on the disk, not earlier.
func (s *site) createUser(w http.ResponseWriter, r *http.Request) error {
	f, err := readFields(w, r)
	if err != nil {
		return err
	}
	u, err := s.Users.CreateUser(r.Context(), f)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/users/"+strconv.FormatInt(u.ID, 10))
	return writeJSON(w, http.StatusCreated, u)
}

func (s *site) getUser(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	u, err := s.Users.User(r.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, u)
}

func (s *site) listUsers(w http.ResponseWriter, r *http.Request) error {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem.New(http.StatusBadRequest, "the query does not parse")
	}
	limit, err := queryInt(q, "limit", defaultLimit, 1, maxLimit)
	if err != nil {
		return err
	}
	after, err := queryInt(q, "after", 0, 0, 1<<63-1)
	if err != nil {
		return err
	}
	page, err := s.Users.Users(r.Context(), int(limit), after)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, page)
}

func (s *site) replaceUser(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	f, err := readFields(w, r)
	if err != nil {
		return err
	}
	u, err := s.Users.ReplaceUser(r.Context(), id, f)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, u)
}

func (s *site) deleteUser(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := s.Users.DeleteUser(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// readFields returns the fields in the body. Values that parse and yet break a
// rule are 422: the document is fine, what it says is not.
func readFields(w http.ResponseWriter, r *http.Request) (user.Fields, error) {
	f, err := readJSON[user.Fields](w, r)
	if err != nil {
		return f, err
	}
	if bad := f.Check(); bad != nil {
		p := problem.New(http.StatusUnprocessableEntity, "some fields have values that they cannot have")
		p.Errors = bad
		return f, p
	}
	return f, nil
}

// pathID returns the {id} of the path. What is no id is the id of nobody.
func pathID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, user.ErrNotFound
	}
	return id, nil
}

func queryInt(q url.Values, name string, missing, least, most int64) (int64, error) {
	if !q.Has(name) {
		return missing, nil
	}
	n, err := strconv.ParseInt(q.Get(name), 10, 64)
	if err != nil || n < least || n > most {
		return 0, problem.New(http.StatusBadRequest,
			fmt.Sprintf("%s must be a whole number from %d to %d", name, least, most))
	}
	return n, nil
}
