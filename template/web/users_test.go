package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/template/user"
	"github.com/braid-go/braid/template/web"
)

func TestUserLifecycle(t *testing.T) {
	s := start(t)
	var created, got user.User

	a := s.do("POST", "/users", `{"name": "Ada", "email": "ada@example.com"}`, asJSON)
	s.want(a, http.StatusCreated, &created)
	path := "/users/" + strconv.FormatInt(created.ID, 10)
	if loc := a.Header.Get("Location"); loc != path {
		t.Errorf("Location %q, want %q", loc, path)
	}

	s.want(s.do("GET", path, ""), http.StatusOK, &got)
	if got != created || got.Name != "Ada" || got.Email != "ada@example.com" {
		t.Errorf("got %+v, created %+v", got, created)
	}

	s.want(s.do("PUT", path, `{"name": "Ada L", "email": "al@example.com"}`, asJSON), http.StatusOK, &got)
	if got.ID != created.ID || got.Name != "Ada L" || got.Email != "al@example.com" {
		t.Errorf("after PUT: %+v", got)
	}

	if a := s.do("DELETE", path, ""); a.StatusCode != http.StatusNoContent || len(a.body) != 0 {
		t.Errorf("DELETE: %d %q", a.StatusCode, a.body)
	}
	for _, method := range []string{"GET", "DELETE"} {
		s.wantProblem(s.do(method, path, ""), http.StatusNotFound, "no user")
	}
	s.wantProblem(s.do("PUT", path, `{"name": "Ada", "email": "ada@example.com"}`, asJSON), http.StatusNotFound, "no user")
}

func TestUnknownIDs(t *testing.T) {
	s := start(t)
	for _, id := range []string{"1", "0", "-1", "x", "1.0", "99999999999999999999"} {
		s.wantProblem(s.do("GET", "/users/"+id, ""), http.StatusNotFound, "no user")
	}
}

func TestDuplicateEmail(t *testing.T) {
	s := start(t)
	s.create("ada@example.com")
	other := s.create("grace@example.com")
	body := `{"name": "Another", "email": "Ada@Example.com"}`
	s.wantProblem(s.do("POST", "/users", body, asJSON), http.StatusConflict, "email")
	s.wantProblem(s.do("PUT", fmt.Sprint("/users/", other.ID), body, asJSON), http.StatusConflict, "email")
}

func TestPages(t *testing.T) {
	s := start(t)
	var page user.Page
	s.want(s.do("GET", "/users", ""), http.StatusOK, &page)
	if len(page.Users) != 0 || page.Next != 0 {
		t.Errorf("of nobody: %+v", page)
	}
	if a := s.do("GET", "/users", ""); string(a.body) != `{"users":[]}`+"\n" {
		t.Errorf("of nobody: %s", a.body)
	}
	var want []int64
	for i := range 5 {
		want = append(want, s.create(fmt.Sprintf("u%d@example.com", i)).ID)
	}
	var got []int64
	for after := int64(0); ; {
		var page user.Page
		s.want(s.do("GET", fmt.Sprintf("/users?limit=2&after=%d", after), ""), http.StatusOK, &page)
		for _, u := range page.Users {
			got = append(got, u.ID)
		}
		if len(page.Users) > 2 {
			t.Errorf("%d users", len(page.Users))
		}
		if after = page.Next; after == 0 {
			break
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPagesNonsense(t *testing.T) {
	s := start(t)
	for _, q := range []string{
		"limit=0", "limit=-1", "limit=201", "limit=many", "limit=", "limit=1.5",
		"after=-1", "after=x", "after=", "after=99999999999999999999",
		"limit=%zz",
	} {
		s.wantProblem(s.do("GET", "/users?"+q, ""), http.StatusBadRequest, "")
	}
}

func TestBadBodies(t *testing.T) {
	s := start(t)
	const good = `{"name": "Ada", "email": "ada@example.com"}`
	for name, c := range map[string]struct {
		body   string
		header string
		status int
		detail string
	}{
		"empty":               {"", asJSON, 400, "empty"},
		"cut off":             {`{"name": "Ada"`, asJSON, 400, "middle"},
		"malformed":           {`{"name": Ada}`, asJSON, 400, "byte 10"},
		"single quotes":       {`{'name': 'Ada'}`, asJSON, 400, "not valid JSON"},
		"trailing data":       {good + good, asJSON, 400, "after the end"},
		"trailing garbage":    {good + "]", asJSON, 400, "after the end"},
		"unknown field":       {`{"name": "Ada", "email": "ada@example.com", "admin": true}`, asJSON, 400, `unknown field "admin"`},
		"id is not yours":     {`{"id": 7, "name": "Ada", "email": "ada@example.com"}`, asJSON, 400, `"id"`},
		"wrong type":          {`{"name": 5, "email": "ada@example.com"}`, asJSON, 400, `field "name" must not be a JSON number`},
		"an array":            {"[" + good + "]", asJSON, 400, "array"},
		"not UTF-8":           {`{"name": "Ad` + "\xff" + `", "email": "ada@example.com"}`, asJSON, 400, "UTF-8"},
		"no content type":     {good, "Accept: */*", 415, "application/json"},
		"form":                {"name=Ada", "Content-Type: application/x-www-form-urlencoded", 415, "application/json"},
		"text":                {good, "Content-Type: text/plain", 415, "application/json"},
		"nonsense type":       {good, "Content-Type: application/json; charset", 415, "application/json"},
		"another charset":     {good, "Content-Type: application/json; charset=latin1", 415, "UTF-8"},
		"null":                {"null", asJSON, 422, ""},
		"no fields":           {"{}", asJSON, 422, ""},
		"invalid email":       {`{"name": "Ada", "email": "ada"}`, asJSON, 422, ""},
		"invalid name":        {`{"name": "", "email": "ada@example.com"}`, asJSON, 422, ""},
		"unknown id in a PUT": {`{"name": "", "email": ""}`, asJSON, 422, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := *s
			s.t = t
			s.wantProblem(s.do("POST", "/users", c.body, c.header), c.status, c.detail)
			s.wantProblem(s.do("PUT", "/users/1", c.body, c.header), c.status, c.detail)
		})
	}
	s.wantProblem(s.do("POST", "/users", good, asJSON, "Content-Encoding: gzip"), 415, "Content-Encoding")
}

func TestInvalidFieldsAreNamed(t *testing.T) {
	s := start(t)
	a := s.do("POST", "/users", `{"name": " ", "email": "x"}`, asJSON)
	s.wantProblem(a, 422, "fields")
	for _, want := range []string{`"errors":[`, `"field":"name"`, `"field":"email"`} {
		if !strings.Contains(string(a.body), want) {
			t.Errorf("no %s in %s", want, a.body)
		}
	}
}

func TestGoodContentTypes(t *testing.T) {
	s := start(t)
	for i, kind := range []string{
		"application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8", `application/json; charset="utf-8"`,
	} {
		body := fmt.Sprintf(`{"name": "Ada", "email": "ada%d@example.com"}`, i)
		s.want(s.do("POST", "/users", body, "Content-Type: "+kind), http.StatusCreated, nil)
	}
}

func TestBodySize(t *testing.T) {
	s := start(t)
	pad := func(size int) string {
		const head, tail = `{"name": "Ada", "email": "ada@example.com"`, "}"
		return head + strings.Repeat(" ", size-len(head)-len(tail)) + tail
	}
	// Without a length in the header, the limit shows only while reading.
	chunked := func(body string) io.Reader { return io.MultiReader(strings.NewReader(body)) }

	s.wantProblem(s.do("POST", "/users", pad(1<<20+1), asJSON), http.StatusRequestEntityTooLarge, "1 MiB")
	s.wantProblem(s.send(t.Context(), "POST", "/users", chunked(pad(1<<20+1)), asJSON), http.StatusRequestEntityTooLarge, "1 MiB")
	s.wantProblem(s.do("POST", "/users", strings.Repeat("x", 1<<20+1), asJSON), http.StatusRequestEntityTooLarge, "1 MiB")
	s.want(s.do("POST", "/users", pad(1<<20), asJSON), http.StatusCreated, nil)
	s.wantProblem(s.send(t.Context(), "POST", "/users", chunked(pad(1<<20)), asJSON), http.StatusConflict, "")
}

// users is the name of the interface that does not clash with its method.
type users = web.Users

// store is a database with another method User.
type store struct {
	users

	user func(ctx context.Context) (user.User, error)
}

func (s store) User(ctx context.Context, _ int64) (user.User, error) { return s.user(ctx) }

func withStore(f func(context.Context) (user.User, error)) func(*web.Parts) {
	return func(p *web.Parts) { p.Users = store{p.Users, f} }
}

// The ctx that reaches the store is the request's task.
func TestRequestIsATask(t *testing.T) {
	s := start(t, withStore(func(ctx context.Context) (user.User, error) {
		return user.User{Fields: user.Fields{Name: braid.Current(ctx).Path()}}, nil
	}))
	var u user.User
	s.want(s.do("GET", "/users/7", ""), http.StatusOK, &u)
	if u.Name != "test/GET /users/{id}" {
		t.Errorf("the task is %q", u.Name)
	}
}

// What failed inside is for the log, not for the caller.
func TestStoreFails(t *testing.T) {
	s := start(t, withStore(func(context.Context) (user.User, error) {
		return user.User{}, errors.New("disk on fire at /dev/sda")
	}))
	a := s.do("GET", "/users/7", "")
	s.wantProblem(a, http.StatusInternalServerError, "log")
	if strings.Contains(string(a.body), "/dev/sda") {
		t.Errorf("body %s", a.body)
	}
	if line := s.logged("disk on fire"); !strings.Contains(line, `task="test/GET /users/{id}"`) {
		t.Error(line)
	}
}

func TestHandlerPanics(t *testing.T) {
	s := start(t, withStore(func(context.Context) (user.User, error) { panic("a very bad day") }))
	a := s.do("GET", "/users/7", "")
	s.wantProblem(a, http.StatusInternalServerError, "log")
	line := s.logged("a very bad day")
	for _, want := range []string{`task="test/GET /users/{id}"`, "level=ERROR", "stack=", "TestHandlerPanics"} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in %s", want, line)
		}
	}
	s.want(s.do("GET", "/users", ""), http.StatusOK, nil) // the service is alive
}
