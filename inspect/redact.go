package inspect

// eachOnce returns redact for one snapshot or answer: each text is changed once, and what is empty stays so.
func eachOnce(redact func(string) string) func(string) string {
	known := map[string]string{"": ""}
	return func(text string) string {
		to, ok := known[text]
		if !ok {
			to = redact(text)
			known[text] = to
		}
		return to
	}
}

// redactSnapshot changes all names and texts in s that come from the program. Each text is changed once.
func redactSnapshot(s *Snapshot, redact func(string) string) {
	to := eachOnce(redact)
	change := func(text *string) { *text = to(*text) }
	seen := make(map[*Cancel]bool) // records may share one
	cancel := func(c *Cancel) {
		if c == nil || seen[c] {
			return
		}
		seen[c] = true
		change(&c.Cause)
		change(&c.By)
	}
	holds := func(list []Hold) {
		for i := range list {
			change(&list[i].Name)
		}
	}
	for i := range s.Scopes {
		change(&s.Scopes[i].Name)
		cancel(s.Scopes[i].Cancel)
	}
	for i := range s.Tasks {
		t := &s.Tasks[i]
		change(&t.Name)
		cancel(t.Cancel)
		holds(t.Holds)
		if t.Wait != nil {
			change(&t.Wait.Target)
		}
	}
	for i := range s.Incidents {
		change(&s.Incidents[i].Task)
		change(&s.Incidents[i].Error)
	}
	for i := range s.Resources {
		change(&s.Resources[i].Name)
		holds(s.Resources[i].Holders)
	}
}
