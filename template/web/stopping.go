package web

import (
	"net/http"

	"github.com/braid-go/braid/service"
	"github.com/braid-go/braid/template/problem"
)

// ErrGraceOver is the cause with which the service cancels the requests that
// did not finish in time when it stops.
var ErrGraceOver = service.ErrStopTimeout

// refuse takes the place of every route for work when the service stops.
func refuse(w http.ResponseWriter, _ *http.Request) error { return problem.Stopping(w.Header()) }
