package bus

import (
	"fmt"
	"reflect"
	"strings"
)

// Named is implemented by events that choose the name of their type themselves: what is sent through an [Engine] should not change
// when a package is renamed. The method is called once for a type, on its zero value, and must always return the same.
// Without it, the name is that of the Go type, such as "shop.OrderPlaced".
type Named interface{ EventName() string }

// eventName returns the name of t. A pointer to an event has the name of the event.
func eventName(t reflect.Type) string {
	elem := t
	if t.Kind() == reflect.Pointer {
		elem = t.Elem()
	}
	if n, ok := reflect.TypeAssert[Named](reflect.New(elem)); ok { // the methods of the value and of the pointer
		return n.EventName()
	}
	return elem.String()
}

// checkName says what keeps a name from being part of a subject; "" if nothing does.
func checkName(t reflect.Type, name string) error {
	for word := range strings.SplitSeq(name, ".") {
		if word == "" || strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '*' || r == '>' }) {
			return fmt.Errorf("bus: the name %q of %v cannot be sent: give it a method EventName that returns words with dots between them", name, t)
		}
	}
	return nil
}

// names are the types that a bus has met. Two types of one name would get each other's events, or miss them, depending on where
// they come from. So would a type and a pointer to it.
type names struct {
	wire   bool                    // names have to be good for subjects
	byName map[string]reflect.Type // by names if wire, else by what tells types apart, but not a type from a pointer to it
	known  map[reflect.Type]bool
}

// add makes t known under name.
func (n *names) add(t reflect.Type, name string) error {
	if n.known[t] {
		return nil
	}
	key := name
	if n.wire {
		if err := checkName(t, name); err != nil {
			return err
		}
	} else if t.Name() != "" || t.Kind() == reflect.Pointer { // within a process packages of the same name may meet
		elem := t
		if t.Kind() == reflect.Pointer {
			elem = t.Elem()
		}
		key = elem.PkgPath() + "/" + elem.String()
	}
	switch other, taken := n.byName[key]; {
	case !taken:
	case other.Kind() == reflect.Pointer && other.Elem() == t, t.Kind() == reflect.Pointer && t.Elem() == other:
		return fmt.Errorf("bus: both %v and %v are used as events, and neither is delivered to subscribers of the other: use one of them", other, t)
	default:
		return fmt.Errorf("bus: both %v and %v are called %q: give one of them a method EventName", other, t, name)
	}
	if n.byName == nil {
		n.byName, n.known = make(map[string]reflect.Type), make(map[reflect.Type]bool)
	}
	n.byName[key], n.known[t] = t, true
	return nil
}
