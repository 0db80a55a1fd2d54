package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/braid-go/braid/template/problem"
)

// maxBody bounds a request's body.
const maxBody = 1 << 20

// readJSON decodes the request's body, one JSON value with no fields that T
// does not have. An error is a [problem.Problem]: 415 for a body that is not
// JSON by its header, 413 for one that is too large, 408 for one that is too
// slow, 400 for one that does not parse.
func readJSON[T any](w http.ResponseWriter, r *http.Request) (T, error) {
	var v T
	if err := checkContentType(r.Header); err != nil {
		return v, err
	}
	body, err := readBody(w, r)
	if err != nil {
		return v, err
	}
	if !utf8.Valid(body) { // the decoder would put U+FFFD in the place of what it cannot read
		return v, problem.New(http.StatusBadRequest, "the body is not valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		return v, problem.New(http.StatusBadRequest, describe(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return v, problem.New(http.StatusBadRequest, "the body goes on after the end of the JSON value")
	}
	return v, nil
}

func checkContentType(h http.Header) error {
	const want = `send "Content-Type: application/json"`
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return problem.New(http.StatusUnsupportedMediaType, want)
	}
	if cs, ok := params["charset"]; ok && !strings.EqualFold(cs, "utf-8") {
		return problem.New(http.StatusUnsupportedMediaType, want+", in UTF-8")
	}
	if enc := h.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return problem.New(http.StatusUnsupportedMediaType, "send the body without Content-Encoding")
	}
	return nil
}

// readBody returns the whole body. It reads to the end before anything is
// parsed, so that a body is judged by its size first and net/http begins to
// watch for the client's going away.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	tooLarge := problem.New(http.StatusRequestEntityTooLarge, "the body may have 1 MiB (1048576 bytes) at most")
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close") // rather than read on what nobody wants
		return nil, tooLarge
	}
	defer boundBody(w, r)()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		return body, nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	w.Header().Set("Connection", "close") // what else comes is not known to be a request
	cause := context.Cause(r.Context())   // net/http ends the ctx too when a read fails, for whatever reason
	if errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(cause, ErrGraceOver) {
		return nil, problem.New(http.StatusRequestTimeout, "the body did not arrive in time")
	}
	if cause != nil {
		return nil, cause
	}
	return nil, problem.New(http.StatusBadRequest, "the body did not arrive whole")
}

// skipBody returns h for requests whose method gives a body no meaning. One
// that comes is read past before h runs, because until then net/http does not
// watch for the client's going away.
func skipBody(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.ContentLength != 0 && r.Method != http.MethodPost && r.Method != http.MethodPut {
			if _, err := readBody(w, r); err != nil {
				return err
			}
		}
		return h(w, r)
	}
}

// describe says what is wrong with a JSON text, without Go's names for it.
func describe(err error) string {
	var (
		syntax *json.SyntaxError
		kind   *json.UnmarshalTypeError
	)
	switch {
	case errors.Is(err, io.EOF):
		return "the body is empty; send a JSON object"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the body ends in the middle of the JSON value"
	case errors.As(err, &syntax):
		return fmt.Sprintf("the body is not valid JSON: %v (at byte %d)", err, syntax.Offset)
	case errors.As(err, &kind):
		where := "the body"
		if kind.Field != "" {
			where = fmt.Sprintf("field %q", kind.Field)
		}
		return fmt.Sprintf("%s must not be a JSON %s", where, kind.Value)
	default: // an unknown field has no error type of its own
		return "the body is not as expected: " + strings.TrimPrefix(err.Error(), "json: ")
	}
}
