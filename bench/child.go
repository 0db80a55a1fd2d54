package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// Measurements of a whole process, such as its memory, run in a fresh one each: this very program, started again
// with the name and the arguments of what to do in its environment.

const childEnv = "BRAID_BENCH_CHILD"

var errands = map[string]func(ctx context.Context, variant string, n int) error{
	"idle":    idleChild,
	"million": millionChild,
	"hello":   helloChild,
	"echo":    echoChild,

	"inspected": inspectedChild,
}

// child does what this process was started for, if it was started by command.
func child(ctx context.Context) (ran bool, err error) {
	errand := strings.Fields(os.Getenv(childEnv))
	if len(errand) != 3 {
		return false, nil
	}
	do := errands[errand[0]]
	n, err := strconv.Atoi(errand[2])
	if err != nil || do == nil {
		return true, fmt.Errorf("%s=%q: no such errand", childEnv, errand)
	}
	return true, do(ctx, errand[1], n)
}

// command returns this program with an errand.
func command(ctx context.Context, errand, variant string, n int) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self) //nolint:gosec // the variable is our own name
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", childEnv, errand, variant, n))
	cmd.Stderr = os.Stderr
	return cmd, nil
}

// send runs an errand to its end and decodes what it printed.
func send[T any](ctx context.Context, errand, variant string, n int) (T, error) {
	var answer T
	cmd, err := command(ctx, errand, variant, n)
	if err != nil {
		return answer, err
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return answer, fmt.Errorf("child %s %s: %w", errand, variant, err)
	}
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		return answer, fmt.Errorf("child %s %s: %w", errand, variant, err)
	}
	return answer, nil
}

// tell prints what a child has found out.
func tell(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }
