package problem_test

import (
	"encoding/json"
	"net/http/httptest"
	"testing"

	"github.com/braid-go/braid/template/problem"
)

func TestWrite(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("Allow", "GET")
	w.Header().Set("ETag", `"of the body that was not sent"`)
	w.Header().Set("Content-Type", "text/html")

	problem.New(405, "use GET").Write(w)

	if w.Code != 405 {
		t.Errorf("status %d", w.Code)
	}
	for key, want := range map[string]string{
		"Content-Type":  "application/problem+json",
		"Cache-Control": "no-store",
		"Allow":         "GET",
		"ETag":          "",
	} {
		if got := w.Header().Get(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	want := `{"title":"Method Not Allowed","status":405,"detail":"use GET"}` + "\n"
	if got := w.Body.String(); got != want {
		t.Errorf("body %s, want %s", got, want)
	}
}

func TestWriteErrors(t *testing.T) {
	type part struct {
		Field string `json:"field"`
	}
	p := problem.New(422, "look at errors")
	p.Errors = []part{{"email"}}
	w := httptest.NewRecorder()
	p.Write(w)
	var got struct{ Errors []part }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Errors) != 1 || got.Errors[0].Field != "email" {
		t.Errorf("%s: %v", w.Body, err)
	}
}

// An extension that JSON cannot say must not lose the problem.
func TestWriteErrorsThatCannotBeEncoded(t *testing.T) {
	p := problem.New(422, "look at errors")
	p.Errors = func() {}
	w := httptest.NewRecorder()
	p.Write(w)
	want := `{"title":"Unprocessable Entity","status":422,"detail":"look at errors"}` + "\n"
	if got := w.Body.String(); w.Code != 422 || got != want {
		t.Errorf("status %d, body %s, want 422, %s", w.Code, got, want)
	}
}
