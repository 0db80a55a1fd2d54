package user

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of the fields that a caller may set.
const (
	MaxName  = 200 // characters
	MaxEmail = 254 // bytes, the longest address that SMTP can carry
)

// Fields are the parts of a user that a caller sets; a PUT replaces all of
// them.
type Fields struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// Invalid says what is wrong with one field, in words for the caller.
type Invalid struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// Check returns one Invalid for each field that breaks a rule, none if all is
// well. It changes nothing: what a caller sends is what is stored.
func (f Fields) Check() []Invalid {
	var bad []Invalid
	if why := checkName(f.Name); why != "" {
		bad = append(bad, Invalid{Field: "name", Detail: why})
	}
	if why := checkEmail(f.Email); why != "" {
		bad = append(bad, Invalid{Field: "email", Detail: why})
	}
	return bad
}

func checkName(name string) string {
	switch {
	case strings.TrimSpace(name) == "":
		return "must not be empty"
	case strings.TrimSpace(name) != name:
		return "must not begin or end with a space"
	case utf8.RuneCountInString(name) > MaxName:
		return "must not be longer than 200 characters"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "must not contain control characters"
	}
	return ""
}

// checkEmail accepts a plain address and no more. Whether anybody reads mail
// there, only a mail can tell.
func checkEmail(email string) string {
	if email == "" {
		return "must not be empty"
	}
	if len(email) > MaxEmail {
		return "must not be longer than 254 bytes"
	}
	// The parser also takes "Ada <ada@example.com>" and comments; the address
	// that it found must be all that there was.
	addr, err := mail.ParseAddress(email)
	if err != nil || addr.Address != email {
		return `must be an address like "ada@example.com"`
	}
	return ""
}
