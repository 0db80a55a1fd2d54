package inspect

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// The tree, the graph, the blame chain and the findings.

func (a *api) tree(q *question) (answer, error) {
	var o TreeOptions
	var err error
	if o.Root, err = idOf("root", q.q.Get("root")); err != nil {
		return answer{}, err
	}
	if o.Depth, err = numberOf("depth", q.q.Get("depth"), 1<<20); err != nil {
		return answer{}, err
	}
	if o.Fold, err = boolOf("fold", q.q.Get("fold")); err != nil {
		return answer{}, err
	}
	if o.Max, err = numberOf("max", q.q.Get("max"), 100_000); err != nil {
		return answer{}, err
	}
	if err := there(q.snap, o.Root); err != nil {
		return answer{}, err
	}
	t, err := q.snap.Tree(o)
	if err != nil {
		return answer{}, bad(err)
	}
	return answer{v: t, text: t.WriteText}, nil
}

// there returns an error if root is neither 0 nor a task or scope.
func there(s *Snapshot, root uint64) error {
	if root != 0 && s.Task(root) == nil && s.Scope(root) == nil {
		return problemf(http.StatusNotFound, "there is no task or scope %d: it has ended, or never was", root)
	}
	return nil
}

func (a *api) graph(q *question) (answer, error) {
	var o GraphOptions
	var err error
	if o.Root, err = idOf("root", q.q.Get("root")); err != nil {
		return answer{}, err
	}
	if o.Max, err = numberOf("max", q.q.Get("max"), 100_000); err != nil {
		return answer{}, err
	}
	switch of := q.q.Get("of"); of {
	case "":
	case "all":
		o.Of = []string{EdgeWait, EdgeHold, EdgeAwait, EdgeSpawn, EdgeCancel}
	default:
		o.Of = strings.Split(of, ",")
	}
	if err := there(q.snap, o.Root); err != nil {
		return answer{}, err
	}
	g, err := q.snap.Graph(o)
	if err != nil {
		return answer{}, bad(err)
	}
	ans := answer{v: g, text: write(g.DOT)}
	switch q.q.Get("format") {
	case "dot":
		ans.kind = "text/vnd.graphviz; charset=utf-8"
	case "mermaid":
		ans.kind, ans.text = "text/plain; charset=utf-8", write(g.Mermaid)
	}
	return ans, nil
}

// write returns what writes the text that of returns.
func write(of func() string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, of())
		return err
	}
}

func (a *api) why(q *question) (answer, error) {
	shutdown, err := boolOf("shutdown", q.q.Get("shutdown"))
	if err != nil {
		return answer{}, err
	}
	task, err := idOf(paramTask, q.q.Get(paramTask))
	if err != nil {
		return answer{}, err
	}
	if shutdown == (task != 0) {
		return answer{}, problemf(http.StatusBadRequest, "say either task=ID or shutdown=1")
	}
	var why *Why
	if shutdown {
		why = q.snap.WhyShutdown()
	} else if why = q.snap.Why(task); why == nil {
		return answer{}, noTask(task)
	}
	return answer{v: why, text: write(func() string { return strings.TrimRight(why.Text, "\n") + "\n" })}, nil
}

func (a *api) findings(q *question) (answer, error) {
	s := q.snap
	f := Findings{At: atOf(s), Items: s.Findings}
	if f.Items == nil {
		f.Items = []Finding{}
	}
	if a.looker != nil {
		f.Suspected = a.looker.suspicions()
	}
	return answer{v: &f, text: func(w io.Writer) error {
		if len(f.Items) == 0 {
			return printf("nothing found\n")(w)
		}
		for i := range f.Items {
			if err := f.Items[i].text(s.Taken)(w); err != nil {
				return err
			}
		}
		return nil
	}}, nil
}

func (f *Finding) text(now time.Time) func(io.Writer) error {
	text := f.Code + " " + f.Title + " (" + f.Severity + ", " + f.Confidence + ", for " + age(now.Sub(f.Since)) + ")\n  " + indent(f.Text) + "\n"
	if f.Hint != "" {
		text += "  " + indent(f.Hint) + "\n"
	}
	return write(func() string { return text })
}

func indent(text string) string { return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ") }
