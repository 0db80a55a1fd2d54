package inspect

// redactSnapshot changes all names and texts in s that come from the program. Each text is changed once.
func redactSnapshot(s *Snapshot, redact func(string) string) {
	known := make(map[string]string)
	change := func(text *string) {
		if *text == "" {
			return
		}
		to, ok := known[*text]
		if !ok {
			to = redact(*text)
			known[*text] = to
		}
		*text = to
	}
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
