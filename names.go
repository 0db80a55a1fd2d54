package braid

import (
	"reflect"
	"runtime"
	"strings"
)

// entryOf returns the entry point of a function value. It costs about as much as reading a pointer;
// asking for the caller instead would cost more than starting the task.
func entryOf(fn any) uintptr { return reflect.ValueOf(fn).Pointer() }

// nameOf returns the short name of the function at pc, such as "main.fetch" or "store.(*DB).vacuum".
func nameOf(pc uintptr) string {
	f := runtime.FuncForPC(pc)
	if f == nil {
		return "unknown"
	}
	name := f.Name()
	// Type arguments may hold slashes; they stand after the last part of the import path.
	head, args, _ := strings.Cut(name, "[")
	if i := strings.LastIndexByte(head, '/'); i >= 0 {
		head = head[i+1:]
	}
	if _, rest, ok := strings.Cut(args, "]"); ok {
		head += rest
	}
	return strings.TrimSuffix(head, "-fm")
}
