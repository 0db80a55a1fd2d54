package web

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/template/problem"
)

// maxDelay bounds the wait that a caller may ask for.
const maxDelay = time.Hour

// delay answers after as many milliseconds as the path says. It holds a task
// and no more meanwhile, and the task ends at once when the caller goes away.
func delay(w http.ResponseWriter, r *http.Request) error {
	ms, err := strconv.ParseUint(r.PathValue("ms"), 10, 32)
	d := time.Duration(ms) * time.Millisecond
	if err != nil || d > maxDelay {
		return problem.New(http.StatusBadRequest,
			fmt.Sprintf("the delay must be a whole number of milliseconds from 0 to %d", maxDelay.Milliseconds()))
	}
	if err := braid.Sleep(r.Context(), d); err != nil {
		return err
	}
	text(w, fmt.Sprintf("waited %d ms\n", ms))
	return nil
}
