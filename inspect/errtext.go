package inspect

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"
)

// errorTime is how long the text of an error is waited for.
const errorTime = 20 * time.Millisecond

// badErrors are the types whose Error method did not return.
var badErrors sync.Map // of reflect.Type

// textOf returns the text of an error that may be of the user's making. Its Error method is code of the program that is looked at,
// which may be wedged, and wedge us; so it runs on a goroutine of its own, and a type that did not answer is not asked again.
func textOf(err error) string {
	switch err {
	case nil:
		return ""
	case context.Canceled, context.DeadlineExceeded: //nolint:errorlint // these very ones: nothing else is known to be harmless
		return err.Error()
	}
	typ := reflect.TypeOf(err)
	if typ.String() == "*errors.errorString" {
		return err.Error()
	}
	if _, bad := badErrors.Load(typ); bad {
		return "an error of type " + typ.String()
	}
	text := make(chan string, 1)
	go func() {
		s := "an error of type " + typ.String()
		defer func() {
			if v := recover(); v != nil {
				s = fmt.Sprintf("an error of type %v, whose Error method panics", typ)
			}
			text <- s
		}()
		s = err.Error()
	}()
	late := time.NewTimer(errorTime)
	defer late.Stop()
	select {
	case s := <-text:
		return s
	case <-late.C:
		badErrors.Store(typ, true)
		return "an error of type " + typ.String() + ", whose Error method does not return"
	}
}
