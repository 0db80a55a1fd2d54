package sim

import (
	"reflect"
	"unsafe"

	"github.com/braid-go/braid/internal/sched"
)

// place is an address at which the race detector keeps an order between tasks. It is never followed.
type place = unsafe.Pointer

func placeOf[T any](p *T) place { return place(p) }

// placeOfJob is the place of a task's start.
func placeOfJob(j sched.Job) place { return reflect.ValueOf(j).UnsafePointer() }
