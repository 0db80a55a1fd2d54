package inspect

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Client asks a process, or a file, for what the API has. [Dial] and [Await] make one.
// It may be used by several goroutines at a time.
//
// All methods return the ctx's cause if ctx is done first, a [*Problem] if the answer is one,
// and say so if the process has ended meanwhile.
type Client struct {
	name  string // of what is asked, for errors
	http  *http.Client
	root  string // URL of v1/
	token string
	gone  func() bool // says whether the process has ended, if that can be known
	close func() error

	instance atomic.Pointer[string] // who has answered first
}

// maxAnswer bounds what is read of an answer that is held in memory: who answers may be anybody.
const maxAnswer = 256 << 20

// Close gives back what the client holds. Calls under way may fail.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	if c.close != nil {
		return c.close()
	}
	return nil
}

// Name says in a few words what the client asks, such as "process 4711 (shop)".
func (c *Client) Name() string { return c.name }

// Get asks for a path below v1/, such as "tasks", with the parameters of the API, and copies the answer to w: as JSON, or as text for people.
func (c *Client) Get(ctx context.Context, path string, q url.Values, text bool, w io.Writer) error {
	accept := "application/json"
	switch {
	case path == "snapshot.ndjson":
		accept = "application/x-ndjson"
	case text:
		accept = "text/plain"
	case q.Get("format") == "dot" || q.Get("format") == "mermaid":
		accept = "*/*"
	}
	resp, err := c.do(ctx, http.MethodGet, path, q, accept, nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return c.broken(ctx, err)
	}
	return nil
}

// do sends a request and returns an answer with status 200.
func (c *Client) do(ctx context.Context, method, path string, q url.Values, accept string, header http.Header, body []byte) (*http.Response, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	to := c.root + path
	if len(q) > 0 {
		to += "?" + q.Encode()
	}
	var send io.Reader
	if body != nil {
		send = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, to, send)
	if err != nil {
		return nil, fmt.Errorf("inspect: ask %s: %w", c.name, err)
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Accept", accept)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	if who := resp.Header.Get(instanceHeader); who != "" && !c.instance.CompareAndSwap(nil, &who) && *c.instance.Load() != who {
		_ = resp.Body.Close()
		c.http.CloseIdleConnections()
		return nil, fmt.Errorf("inspect: another program answers than %s, which has been asked before: it was started again, or both were given the same socket; ask each of them on its own", c.name)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, c.problem(resp)
	}
	return resp, nil
}

// broken says what it means that the connection is.
func (c *Client) broken(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case c.ended(ctx):
		return fmt.Errorf("inspect: %s has ended (%w)", c.name, err)
	default:
		return fmt.Errorf("inspect: ask %s: %w", c.name, err)
	}
}

// dying is how long a process may take to end after its connections have.
const dying = 300 * time.Millisecond

// ended says whether the process has ended. Its connections end a moment before it does.
func (c *Client) ended(ctx context.Context) bool {
	if c.gone == nil {
		return false
	}
	for begun := time.Now(); ; {
		if c.gone() {
			return true
		}
		if time.Since(begun) > dying || ctx.Err() != nil {
			return false
		}
		pause := time.NewTimer(10 * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
}

// problem reads an answer that is not 200.
func (c *Client) problem(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	p := &Problem{}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case kind == "application/problem+json" && json.Unmarshal(text, p) == nil && p.Detail != "":
		p.Status = resp.StatusCode
		return p
	case kind == "text/plain" && len(text) > 0 && len(text) < 4096:
		return problemf(resp.StatusCode, "%s", strings.TrimPrefix(strings.TrimSpace(string(text)), fmt.Sprintf("%d %s: ", resp.StatusCode, http.StatusText(resp.StatusCode))))
	}
	return problemf(resp.StatusCode, "%s answers %s, which is no answer of a braid inspector", c.name, resp.Status)
}

// get asks for path and decodes the answer.
func get[T any](ctx context.Context, c *Client, path string, q url.Values) (*T, error) {
	resp, err := c.do(ctx, http.MethodGet, path, q, "application/json", nil, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	v := new(T)
	if err := c.decode(ctx, resp, v); err != nil {
		return nil, err
	}
	return v, nil
}

func (c *Client) decode(ctx context.Context, resp *http.Response, v any) error {
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "application/json" {
		return fmt.Errorf("inspect: %s is no braid inspector: it answers with %q", c.name, resp.Header.Get("Content-Type"))
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return c.broken(ctx, err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("inspect: the answer of %s: %w", c.name, err)
	}
	return nil
}

// Info says what process it is, and how much there is in it.
func (c *Client) Info(ctx context.Context) (*Info, error) { return get[Info](ctx, c, "info", nil) }

// Tasks returns a page of tasks. q has the parameters of v1/tasks, and no group.
func (c *Client) Tasks(ctx context.Context, q url.Values) (*Page, error) {
	return get[Page](ctx, c, "tasks", q)
}

// Groups returns groups of tasks. q has the parameters of v1/tasks, with a group.
func (c *Client) Groups(ctx context.Context, q url.Values) (*GroupPage, error) {
	if q.Get("group") == "" {
		return nil, problemf(http.StatusBadRequest, "group is missing")
	}
	return get[GroupPage](ctx, c, "tasks", q)
}

// Task returns what is known of one task.
func (c *Client) Task(ctx context.Context, id uint64) (*TaskDetail, error) {
	return get[TaskDetail](ctx, c, "tasks/"+strconv.FormatUint(id, 10), nil)
}

// Tree returns the tree. q has the parameters of v1/tree.
func (c *Client) Tree(ctx context.Context, q url.Values) (*Tree, error) {
	return get[Tree](ctx, c, "tree", q)
}

// Graph returns the wait graph. q has the parameters of v1/graph, and no format.
func (c *Client) Graph(ctx context.Context, q url.Values) (*Graph, error) {
	return get[Graph](ctx, c, "graph", q)
}

// Why says why a task does not go on.
func (c *Client) Why(ctx context.Context, task uint64) (*Why, error) {
	return get[Why](ctx, c, "why", url.Values{paramTask: {strconv.FormatUint(task, 10)}})
}

// WhyShutdown says why the scopes that were cancelled have not ended.
func (c *Client) WhyShutdown(ctx context.Context) (*Why, error) {
	return get[Why](ctx, c, "why", url.Values{"shutdown": {"1"}})
}

// Findings returns what is probably wrong.
func (c *Client) Findings(ctx context.Context) (*Findings, error) {
	return get[Findings](ctx, c, "findings", nil)
}

// Stacks returns the stacks of a task, or of all goroutines if task is 0.
func (c *Client) Stacks(ctx context.Context, task uint64) (*Stacks, error) {
	q := url.Values{}
	if task != 0 {
		q.Set(paramTask, strconv.FormatUint(task, 10))
	}
	return get[Stacks](ctx, c, "stacks", q)
}

// Series returns the points that come after the one with that seq; 0 is for those of the last ten minutes.
func (c *Client) Series(ctx context.Context, since uint64) (*Series, error) {
	return get[Series](ctx, c, "series", url.Values{paramSince: {strconv.FormatUint(since, 10)}})
}

// Ended returns the tasks that have ended after the one with that seq while somebody looked.
func (c *Client) Ended(ctx context.Context, since uint64) (*EndedTasks, error) {
	return get[EndedTasks](ctx, c, "ended", url.Values{paramSince: {strconv.FormatUint(since, 10)}})
}

// Snapshot returns the whole state. If the connection breaks in the middle it returns what has come beside the error, as [ReadSnapshot] does.
func (c *Client) Snapshot(ctx context.Context) (*Snapshot, error) {
	resp, err := c.do(ctx, http.MethodGet, "snapshot.ndjson", nil, "application/x-ndjson", nil, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	s, err := ReadSnapshot(resp.Body)
	if err != nil {
		return s, c.broken(ctx, err)
	}
	return s, nil
}

// Cancel asks a task to end, as Task.Cancel does, and does not wait for that. cause may be "".
// It is a [*Problem] with status 403 unless the program lets clients do this.
func (c *Client) Cancel(ctx context.Context, task uint64, cause string) error {
	body, err := json.Marshal(map[string]string{"cause": cause})
	if err != nil {
		return fmt.Errorf("inspect: %w", err)
	}
	resp, err := c.do(ctx, http.MethodPost, "tasks/"+strconv.FormatUint(task, 10)+"/cancel", nil, "application/json", nil, body)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// Events follows what happens, from the event after the one with the id since, or from now on if that is 0. types are those of the API; none means the default.
// It ends with an error: the ctx's cause, or what has become of the connection. To go on after that, call it again with the last id.
func (c *Client) Events(ctx context.Context, since uint64, types ...string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		q := url.Values{}
		if len(types) > 0 {
			q.Set("types", strings.Join(types, ","))
		}
		header := http.Header{}
		if since > 0 {
			header.Set("Last-Event-ID", strconv.FormatUint(since, 10))
		}
		resp, err := c.do(ctx, http.MethodGet, "events", q, "text/event-stream", header, nil)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer resp.Body.Close()
		in := bufio.NewScanner(resp.Body)
		in.Buffer(nil, 8<<20)
		var e Event
		for in.Scan() {
			field, value, _ := strings.Cut(in.Text(), ": ")
			switch field {
			case "id":
				e.ID, _ = strconv.ParseUint(value, 10, 64)
			case "event":
				e.Type = value
			case "data":
				e.Data = []byte(value)
			case "":
				if in.Text() == "" && e.Type != "" {
					if !yield(e, nil) {
						return
					}
					e = Event{}
				}
			}
		}
		yield(Event{}, c.broken(ctx, cmp.Or(in.Err(), errors.New("the stream has ended"))))
	}
}
