package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"resty.dev/v3"

	"github.com/braid-go/braid/resilience"
	"github.com/braid-go/braid/session"
)

// One request after another over a connection that is kept, to a server in this process that says hello: what a session adds to
// net/http when all is well. Server, kernel and net/http are in every figure.

func sessions() []benchmark {
	return []benchmark{
		{"session/get", duel{
			title: "GET, a small answer, one connection",
			unit:  "a request",
			sides: []side{
				{name: "net/http", run: getBare},
				{name: "session", maxRatio: 1.25, run: getBySession(session.Config{})},
				{name: "session, retry, breaker, limit", maxRatio: 1.35, run: getBySession(session.Config{
					Retry:   &resilience.Retry{Budget: new(resilience.Budget)},
					Breaker: &resilience.BreakerConfig{},
					Limits:  session.Limits{Requests: 100},
				})},
				{name: "resty v3", run: getByResty},
			},
		}.run},
	}
}

const hi = "hello, world"

func hiServer() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, hi) }))
}

// read reads the answer to its end.
func read(resp *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && string(body) != hi {
		err = fmt.Errorf("the answer is %q", body)
	}
	return err
}

func getBare(ctx context.Context, n int) error {
	server := hiServer()
	defer server.Close()
	client := &http.Client{Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	for range n {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		if err != nil {
			return err
		}
		if err := read(client.Do(req)); err != nil {
			return err
		}
	}
	return nil
}

func getBySession(config session.Config) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
		server := hiServer()
		defer server.Close()
		return session.Run(ctx, config, func(ctx context.Context, s *session.Session) error {
			for range n {
				if err := read(s.Get(ctx, server.URL)); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func getByResty(ctx context.Context, n int) error {
	server := hiServer()
	defer server.Close()
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	client := resty.NewWithClient(&http.Client{Transport: transport})
	defer client.Close()
	for range n {
		resp, err := client.R().SetContext(ctx).Get(server.URL)
		if err != nil {
			return err
		}
		if resp.String() != hi {
			return fmt.Errorf("the answer is %q", resp.String())
		}
	}
	return nil
}
