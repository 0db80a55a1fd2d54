package inspect_test

import (
	"testing"

	"github.com/braid-go/braid/inspect"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	a := program(inspect.Task{Name: "w-0"}, inspect.Task{Name: "w-1", Wait: awaits(0)}, inspect.Task{Name: "w-2", Wait: awaits(0)})
	b := program(inspect.Task{Name: "w-0", Wait: awaits(1)}, inspect.Task{Name: "w-1", Wait: awaits(0)})
	b.Tasks = append(b.Tasks, inspect.Task{ID: 50, Name: "new", Parent: mainGroup, State: inspect.StateActive})
	d := inspect.Diff(a, b)
	if !d.Same || d.Counts != [2]int{4, 4} || len(d.Started) != 1 || d.Started[0].Path != "shop/new" || len(d.Ended) != 1 || d.Ended[0].Path != "shop/w-2" {
		t.Errorf("%+v", d)
	}
	if len(d.Changed) != 1 || d.Changed[0].Before.State != "active" || d.Changed[0].After.WaitText != "task.Wait shop/w-1" {
		t.Errorf("changed: %+v", d.Changed)
	}
	if len(d.Stuck) != 2 || d.Stuck[1].Path != "shop/w-1" {
		t.Errorf("stuck: %+v", d.Stuck)
	}
	if len(d.Groups) != 2 || d.Groups[0] != (inspect.GroupDelta{Path: "shop/new", After: 1}) || d.Groups[1] != (inspect.GroupDelta{Path: "shop/w-*", Before: 3, After: 2}) {
		t.Errorf("groups: %+v", d.Groups)
	}
}

// Ids of another run mean nothing, so tasks are only counted.
func TestDiff_otherInstance(t *testing.T) {
	t.Parallel()
	a, b := program(inspect.Task{Name: "a"}), program(inspect.Task{Name: "b"})
	b.Process.Instance = "b"
	if d := inspect.Diff(a, b); d.Same || len(d.Groups) != 2 || len(d.Changed)+len(d.Started)+len(d.Ended)+len(d.Stuck) != 0 {
		t.Errorf("%+v", d)
	}
}

func TestDiff_bounded(t *testing.T) {
	t.Parallel()
	d := inspect.Diff(program(), program(make([]inspect.Task, 3000)...))
	if len(d.Started) != 1000 || !d.Truncated || d.Counts[1] != 3001 {
		t.Errorf("%d, truncated %v", len(d.Started), d.Truncated)
	}
}
