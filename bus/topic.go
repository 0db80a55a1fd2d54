package bus

import (
	"fmt"
	"strings"
)

// Topic divides events of one type further, by something that is known when they are published: a region, a tenant, a device.
// It consists of words with dots between them, such as "eu.west".
//
// As an option of [Subscribe] it is a pattern, in which * stands for one word, and > at the end for one or more.
// A subscription without a topic gets all events of its type, with any topic or none. One with a topic gets those that match;
// an event without a topic matches ">" alone.
type Topic string

func (Topic) publishOption() {}

func (t Topic) subscribeOption(s *settings) {
	if wrong := t.check(true); wrong != "" {
		panic("bus: " + wrong)
	}
	s.topic = string(t)
}

// check says what is wrong with t; "" if nothing is.
func (t Topic) check(pattern bool) string {
	if t == noTopic {
		return fmt.Sprintf("Topic(%q) is what an event without a topic is sent with", string(t))
	}
	for rest, last := string(t), false; !last; {
		var word string
		word, rest, last = cutLast(rest)
		switch {
		case word == "":
			return fmt.Sprintf("Topic(%q) has an empty word", string(t))
		case strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r == 0x7f }):
			return fmt.Sprintf("Topic(%q) has a space or a control character in it", string(t))
		case !strings.ContainsAny(word, "*>"):
		case !pattern:
			return fmt.Sprintf("Topic(%q) has a * or > in it, which are for subscriptions", string(t))
		case word != "*" && (word != ">" || !last):
			return fmt.Sprintf("Topic(%q): * stands for a whole word, > for all words at the end", string(t))
		}
	}
	return ""
}

// noTopic is the topic of events without one.
const noTopic = "_"

// cutLast returns the first word of s, what follows, and whether the word was the last one.
func cutLast(s string) (word, rest string, last bool) {
	word, rest, more := strings.Cut(s, ".")
	return word, rest, !more
}

// Match reports whether subject matches a pattern, as an [Engine] needs it: words with dots between them are compared one by one;
// in the pattern, * stands for any one word, and > at the end for one or more.
func Match(pattern, subject string) bool {
	for {
		p, patternRest, patternLast := cutLast(pattern)
		if p == ">" && patternLast {
			return true
		}
		w, subjectRest, subjectLast := cutLast(subject)
		if p != "*" && p != w || patternLast != subjectLast {
			return false
		}
		if patternLast {
			return true
		}
		pattern, subject = patternRest, subjectRest
	}
}
