package inspect

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/url"
)

// Client asks a process, or a file, for what v1/ of the API has.
type Client struct{}

// Dial connects to target: a PID, the path of a socket, the URL of a console (with #token=), or a file with a snapshot.
func Dial(ctx context.Context, target string) (*Client, error) { return nil, errors.ErrUnsupported }

// Await listens on a socket at path until a program that was started with BRAID_INSPECT=connect:path dials it.
func Await(ctx context.Context, path string) (*Client, error) { return nil, errors.ErrUnsupported }

// Close gives back what the client holds.
func (c *Client) Close() error { return nil }

// Get asks for path, such as "v1/tasks", and copies the answer to w: as JSON, or as text if text is true.
func (c *Client) Get(ctx context.Context, path string, q url.Values, text bool, w io.Writer) error {
	return errors.ErrUnsupported
}

// Info, Tasks, ... return the answers of the paths of the same name. Parameters are those of the API.
func (c *Client) Info(ctx context.Context) (*Info, error) { return nil, errors.ErrUnsupported }
func (c *Client) Task(ctx context.Context, id uint64) (*TaskDetail, error) {
	return nil, errors.ErrUnsupported
}
func (c *Client) Findings(ctx context.Context) (*Findings, error) { return nil, errors.ErrUnsupported }
func (c *Client) Series(ctx context.Context, since uint64) (*Series, error) {
	return nil, errors.ErrUnsupported
}
func (c *Client) Snapshot(ctx context.Context) (*Snapshot, error) { return nil, errors.ErrUnsupported }
func (c *Client) Stacks(ctx context.Context, task uint64) (*Stacks, error) {
	return nil, errors.ErrUnsupported
}
func (c *Client) Cancel(ctx context.Context, id uint64, cause string) error {
	return errors.ErrUnsupported
}
func (c *Client) Events(ctx context.Context, since uint64, types ...string) iter.Seq2[Event, error] {
	return nil
}

// Tasks(ctx, url.Values) (*Page, error), Tree(ctx, url.Values) (*Tree, error), Graph(...), Why(ctx, id) (*Why, error) and WhyShutdown(ctx) follow
// when the types of the analysis are there.

// Running is a process that can be asked.
type Running struct {
	PID      int    `json:"pid"`
	Start    string `json:"start"`
	Instance string `json:"instance"`
	Name     string `json:"name"`
	Exe      string `json:"exe"`
	Started  string `json:"started"`
	Socket   string `json:"socket"`
	URL      string `json:"url,omitempty"`
	Err      error  `json:"-"` // why it does not answer
}

// Processes lists the processes whose sockets are in dir, or in the default directory if dir is "".
func Processes(ctx context.Context, dir string) ([]Running, error) { return nil, errors.ErrUnsupported }

// ReadSnapshot reads what v1/snapshot.ndjson has given. If r ends too early, or holds something else from some line on,
// it returns what it could read beside the error.
func ReadSnapshot(r io.Reader) (*Snapshot, error) { return nil, errors.ErrUnsupported }

// WriteSnapshot writes s in the same form.
func WriteSnapshot(w io.Writer, s *Snapshot) error { return errors.ErrUnsupported }
