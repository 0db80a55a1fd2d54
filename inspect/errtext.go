package inspect

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/braid-go/braid"
)

const (
	errorTime = 20 * time.Millisecond // how long the text of an error is waited for
	maxText   = 4 << 10               // bytes of it
)

// badErrors are the types whose Error method has not returned yet.
var badErrors sync.Map // of reflect.Type

// textOf returns the text of an error that may be of the user's making, or its beginning. Its Error method is code of the program that is looked at,
// which may be wedged, and wedge us; so it runs on a goroutine of its own, and a type that has not answered is not asked again until it has.
func textOf(err error) string {
	switch err {
	case nil:
		return ""
	case context.Canceled, context.DeadlineExceeded: //nolint:errorlint // these very ones: nothing else is known to be harmless
		return err.Error()
	}
	typ := reflect.TypeOf(err)
	if typ.String() == "*errors.errorString" {
		return beginning(err.Error())
	}
	asked := typ
	for te, ok := err.(*braid.TaskError); ok && te.Err != nil; te, ok = te.Err.(*braid.TaskError) { //nolint:errorlint // one step at a time, without methods
		asked = reflect.TypeOf(te.Err) // which is the one that is asked, and to blame
	}
	if _, bad := badErrors.Load(asked); bad {
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
		s = beginning(err.Error())
	}()
	late := time.NewTimer(errorTime)
	defer late.Stop()
	select {
	case s := <-text:
		return s
	case <-late.C:
		badErrors.Store(asked, true)
		go func() {
			<-text
			badErrors.Delete(asked)
		}()
		return "an error of type " + typ.String() + ", whose Error method does not return"
	}
}

// beginning returns text, which is a name or a cause of the program's, or as much of it as is shown: there may be many copies, and a record is one line.
func beginning(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}
