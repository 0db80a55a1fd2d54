package user_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/braid-go/braid/template/user"
)

func TestCheck(t *testing.T) {
	long := func(n int, tail string) string { return strings.Repeat("a", n-len(tail)) + tail }
	for name, c := range map[string]struct {
		fields user.Fields
		bad    []string // the fields that must be named
	}{
		"good":                 {user.Fields{Name: "Ada Lovelace", Email: "ada@example.com"}, nil},
		"other scripts":        {user.Fields{Name: "Åse 李", Email: "ada+tag@example.co.uk"}, nil},
		"longest name":         {user.Fields{Name: strings.Repeat("é", user.MaxName), Email: "a@b"}, nil},
		"longest email":        {user.Fields{Name: "Ada", Email: long(user.MaxEmail, "@example.com")}, nil},
		"nothing at all":       {user.Fields{}, []string{"name", "email"}},
		"blank name":           {user.Fields{Name: " \t", Email: "a@b"}, []string{"name"}},
		"space around name":    {user.Fields{Name: "Ada ", Email: "a@b"}, []string{"name"}},
		"newline in name":      {user.Fields{Name: "A\nda", Email: "a@b"}, []string{"name"}},
		"name too long":        {user.Fields{Name: strings.Repeat("é", user.MaxName+1), Email: "a@b"}, []string{"name"}},
		"email too long":       {user.Fields{Name: "Ada", Email: long(user.MaxEmail+1, "@example.com")}, []string{"email"}},
		"email with no at":     {user.Fields{Name: "Ada", Email: "example.com"}, []string{"email"}},
		"email with no domain": {user.Fields{Name: "Ada", Email: "ada@"}, []string{"email"}},
		"email with a name":    {user.Fields{Name: "Ada", Email: "Ada <ada@example.com>"}, []string{"email"}},
		"email with a space":   {user.Fields{Name: "Ada", Email: "ada @example.com"}, []string{"email"}},
		"two emails":           {user.Fields{Name: "Ada", Email: "a@b, c@d"}, []string{"email"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, bad := range c.fields.Check() {
				if bad.Detail == "" {
					t.Errorf("no detail for %s", bad.Field)
				}
				got = append(got, bad.Field)
			}
			if !slices.Equal(got, c.bad) {
				t.Errorf("Check named %q, want %q", got, c.bad)
			}
		})
	}
}
