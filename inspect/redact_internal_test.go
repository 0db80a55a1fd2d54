package inspect

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

// Every text in a snapshot is redacted, but for those that do not come from the program.
func TestRedactSnapshot_all(t *testing.T) {
	const secret = "secret"
	var s Snapshot
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			v.SetString(secret)
		case reflect.Pointer:
			if v.Type().Elem() != reflect.TypeFor[time.Time]() {
				v.Set(reflect.New(v.Type().Elem()))
				fill(v.Elem())
			}
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fill(v.Index(0))
		case reflect.Struct:
			for f, v := range v.Fields() {
				if f.IsExported() {
					fill(v)
				}
			}
		default:
		}
	}
	fill(reflect.ValueOf(&s).Elem())
	redactSnapshot(&s, func(string) string { return "" })
	var left []string
	var look func(name string, v reflect.Value)
	look = func(name string, v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			if v.String() == secret {
				left = append(left, name)
			}
		case reflect.Pointer:
			if !v.IsNil() {
				look(name, v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				look(name, v.Index(i))
			}
		case reflect.Struct:
			for f, v := range v.Fields() {
				if f.IsExported() {
					look(name+"."+f.Name, v)
				}
			}
		default:
		}
	}
	for _, list := range []any{s.Sites, s.Scopes, s.Tasks, s.Resources, s.Incidents} {
		v := reflect.ValueOf(list)
		look(v.Type().Elem().Name(), v)
	}
	want := []string{
		"Site.Func", "Site.File", "Scope.Kind", "Scope.Cancel.Kind", "Task.State", "Task.Scheduler", "Task.Wait.Op", "Task.Cancel.Kind", "Task.Holds.Mode",
		"Resource.Kind", "Resource.UnknownOf", "Resource.Holders.Mode", "Resource.Waiters.Op", "Incident.Kind",
	}
	slices.Sort(left)
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("not redacted: %q\nwant        %q", left, want)
	}
}
