package braid

import (
	"context"
	"log/slog"
	"unsafe"
)

// Report makes err a failure of the scope that ctx belongs to, as if one of its tasks had failed with it:
// the scope is cancelled, unless it is [KeepGoing], and its Run returns err among its failures, under the path of the task that ctx belongs to.
//
// It is for failures that come when nobody can be given them any more, such as the cleanup of a stream whose loop has been left.
// What a task can return it should return.
//
// Without a scope, or if that is over, the [PanicHook] in force hears of err as the value of a [*PanicError];
// by default it is a message in the log. A nil err is nothing.
// Report does not wait.
func Report(ctx context.Context, err error) {
	if err == nil {
		return
	}
	n, _ := resolve(ctx)
	if g := n.scope(); g != nil {
		g.node.mu.Lock()
		open := !g.closed
		g.node.mu.Unlock()
		if open {
			g.fail(g.failure(n.task.Path(), n, err))
			return
		}
	}
	if hook := hookOf(ctx); hook != nil {
		tellPanic(hook, asPanic(ctx, err))
		return
	}
	slog.Error("braid: a failure came when nobody could be given it any more", "error", err)
}

// scope returns the group in which n stands: whose body or task runs under n. n may be nil.
func (n *node) scope() *Group {
	for ; n != nil; n = n.up {
		switch n.kind {
		case kindGroup:
			return groupOf(n)
		case kindTask:
			return n.task.group
		case kindTimeout, kindShield, kindBookmark:
		}
	}
	return nil
}

// groupOf returns the group that n, of kindGroup, is the node of.
func groupOf(n *node) *Group {
	return (*Group)(unsafe.Pointer(n)) //nolint:gosec // a group's node is its first field; a pointer back would cost every task 8 bytes
}

// A Group begins with its node; see groupOf.
var _ [0]struct{} = [unsafe.Offsetof(Group{}.node)]struct{}{}
