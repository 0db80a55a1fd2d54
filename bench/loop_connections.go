package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
)

// idleConnections is how many connections a server holds that do nothing.
const idleConnections = 10_000

// loopConnections compares the resident memory of idle connections. Each has said one byte and been answered.
func loopConnections(ctx context.Context, c config) (rows []row, err error) {
	py, clean, err := findPython(ctx)
	if err != nil {
		return nil, err
	}
	defer clean()
	order := []string{echoLoop, echoNet}
	if py.has(asyncio) {
		order = append(order, "asyncio streams")
	}
	if most := descriptors(); most < idleConnections+100 {
		return []row{{
			Benchmark: "loop: 10,000 idle connections", Unit: "resident bytes each in the server", Subject: echoLoop,
			Note: fmt.Sprintf("not measured, because a process may have no more than %d files open here", most),
		}}, nil
	}
	all := map[string][]float64{}
	for range min(c.children, 3) {
		for _, name := range order {
			bytes, err := holdConnections(ctx, py, name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			all[name] = append(all[name], bytes)
		}
	}
	for _, peer := range order[1:] {
		r := row{
			Benchmark: "loop: 10,000 idle connections", Unit: "resident bytes each in the server",
			Subject: echoLoop, Peer: peer,
		}
		r.compare(all[echoLoop], all[peer])
		if peer == echoNet {
			r.check(r.Value <= 4096, "4,096 bytes")
		}
		rows = append(rows, r)
	}
	if note := py.missing(); note != "" {
		rows[0].Note = note
	}
	return rows, nil
}

func holdConnections(ctx context.Context, py *python, name string) (bytes float64, err error) {
	var cmd *exec.Cmd
	if name == "asyncio streams" {
		cmd = py.server(ctx, asyncio, "streams")
	} else {
		if cmd, err = command(ctx, "echo", name, 64); err != nil {
			return 0, err
		}
		cmd.Env = append(cmd.Env, "GOMAXPROCS=1")
	}
	s, err := startEcho(ctx, cmd, 1)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if _, err := s.echo(ctx, 1, 1); err != nil {
		return 0, err
	}
	_, before, err := s.account()
	if err != nil {
		return 0, err
	}
	if err := s.more(ctx, idleConnections); err != nil {
		return 0, err
	}
	if _, err := s.echo(ctx, len(s.conns), 1); err != nil {
		return 0, err
	}
	_, after, err := s.account()
	return float64(after-before) / idleConnections, err
}
