package main

import (
	"io"
	"slices"
	"strings"
	"unicode"
)

// Names come from the program that is looked at, and in a terminal a name can do more than be read.

// printable returns s with what is no text as a dot; lines stay lines.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsGraphic(r) && !unicode.Is(unicode.Bidi_Control, r) {
			return r
		}
		return '·'
	}, s)
}

// printer writes what is printable of what it is given.
type printer struct {
	w    io.Writer
	rest []byte // of a character that has not come in full
}

func (p *printer) Write(b []byte) (int, error) {
	text := slices.Concat(p.rest, b)
	end := len(text)
	for i := 1; i <= min(3, len(text)); i++ { // where the last character may begin
		if c := text[len(text)-i]; c >= 0xc0 {
			if need := map[bool]int{c < 0xe0: 2, c >= 0xe0 && c < 0xf0: 3, c >= 0xf0: 4}[true]; need > i {
				end = len(text) - i
			}
			break
		} else if c < 0x80 {
			break
		}
	}
	p.rest = append([]byte(nil), text[end:]...)
	if _, err := io.WriteString(p.w, printable(string(text[:end]))); err != nil {
		return 0, err
	}
	return len(b), nil
}
