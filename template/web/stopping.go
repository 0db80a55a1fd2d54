package web

import (
	"errors"
	"net/http"

	"github.com/braid-go/braid/template/problem"
)

// ErrGraceOver is the cause with which the service cancels the requests that
// did not finish in time when it stops.
var ErrGraceOver = errors.New("the service stops and its grace is over")

// refuse takes the place of every route for work when the service stops.
func refuse(w http.ResponseWriter, _ *http.Request) error { return problem.Stopping(w.Header()) }
