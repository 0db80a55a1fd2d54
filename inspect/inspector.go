package inspect

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// Options says what [Serve] opens, and what it lets clients do. The zero value opens the socket, read-only, and nothing else.
type Options struct {
	Name     string              // of the program; "" means the name of its executable
	Dir      string              // the runtime directory; "" means the one that docs/inspector.md describes
	NoSocket bool                // do not open the socket
	TCP      string              // serve over TCP, too, at this address, such as "127.0.0.1:8081"; "" means do not
	Hosts    []string            // names that clients may call the TCP server by, beside 127.0.0.1, [::1] and localhost; TCP may be another address than a loopback one only if there are some
	Write    bool                // let clients cancel tasks
	Interval time.Duration       // between two looks at the tasks; 0 means 500 ms. It is longer if looks take long
	Rules    Rules               // what makes a finding
	Redact   func(string) string // changes names and texts of errors before anybody sees them; nil means do not
	Logger   *slog.Logger        // hears of cancels by clients and of trouble; nil means slog.Default()
}

// Inspector looks at the tasks of this process, and answers questions about them. See [Serve].
type Inspector struct{}

// Serve starts an inspector.
func Serve(ctx context.Context, o Options) (*Inspector, error) { return nil, errors.ErrUnsupported }

// Close ends the inspector.
func (in *Inspector) Close() error { return nil }

// Handler returns the API and the console, to be mounted at /debug/tasks/ of a server of one's own.
func (in *Inspector) Handler() http.Handler { return nil }

// Socket returns the path of the socket, or "".
func (in *Inspector) Socket() string { return "" }

// URL returns where a browser finds the console, with the token in the fragment, or "" without TCP.
func (in *Inspector) URL() string { return "" }

// Findings returns what the last look has found.
func (in *Inspector) Findings() []Finding { return nil }
