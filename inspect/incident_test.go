package inspect_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/inspect"
)

var errDisk = errors.New("disk full")

// untilIncident takes snapshots until there is an incident of that kind at a task whose path contains part, and returns it.
// Collections are what it waits for.
func untilIncident(t *testing.T, kind, part string) inspect.Incident {
	t.Helper()
	for begun := time.Now(); ; {
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("no incident %s of %s, but %+v", kind, part, inspect.Take().Incidents)
		}
		runtime.GC()
		for _, in := range inspect.Take().Incidents {
			if in.Kind == kind && strings.Contains(in.Task, part) {
				return in
			}
		}
	}
}

// noIncident fails if there is one at a task whose path contains part. What is dropped must be collected by now: it comes with another that is.
func noIncident(t *testing.T, part string) {
	t.Helper()
	for _, in := range inspect.Take().Incidents {
		if strings.Contains(in.Task, part) {
			t.Errorf("%+v", in)
		}
	}
}

// The future of a failed task that nobody reads is told when it is collected. One that somebody reads, that is cancelled, or that succeeds is not.
func TestIncident_unread(t *testing.T) {
	fails := func(context.Context) (int, error) { return 0, errDisk }
	err := braid.Run(background, func(ctx context.Context, g *braid.Group) error {
		p := braid.NewPortal(g)
		submit := func(name string, fn func(context.Context) (int, error)) *braid.Future[int] {
			return braid.Submit(p, fn, braid.Name(name))
		}
		if _, err := submit("waited", fails).Wait(ctx); !errors.Is(err, errDisk) {
			t.Error(err)
		}
		result := submit("asked", fails)
		<-result.Done()
		if _, err := result.Result(); !errors.Is(err, errDisk) {
			t.Error(err)
		}
		<-submit("fine", func(context.Context) (int, error) { return 1, nil }).Done()
		stopped := submit("stopped", func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, context.Cause(ctx) })
		stopped.Cancel(errDisk)
		<-stopped.Done()
		<-submit("left", func(context.Context) (int, error) { runtime.Goexit(); return 0, nil }).Done()
		<-submit("dropped", fails).Done() // that it is done says nothing of why
		return nil
	}, braid.Name("unread"))
	must(t, err)

	in := untilIncident(t, inspect.IncidentUnread, "unread/dropped")
	if in.Error != "disk full" || in.Count < 1 || in.Site == 0 {
		t.Errorf("%+v", in)
	}
	for _, name := range []string{"waited", "asked", "fine", "stopped", "left"} {
		noIncident(t, "unread/"+name)
	}
}

// A task that ends with the failure of another one, which has cancelled it, has done what it was told: only the other one has failed.
func TestIncident_obeyed(t *testing.T) {
	wait := func(started chan struct{}) func(ctx context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			close(started)
			return 0, new(braid.Event).Wait(ctx)
		}
	}
	abandoned := make(chan struct{})
	_ = braid.Run(background, func(ctx context.Context, g *braid.Group) error {
		submitted, called := make(chan struct{}), make(chan struct{})
		braid.Submit(braid.NewPortal(g), wait(submitted))
		g.Go(func(ctx context.Context) error {
			_, err := braid.Abandon(ctx, func(ctx context.Context) (int, error) {
				defer close(abandoned)
				return wait(called)(ctx)
			}, nil)
			return err
		})
		<-submitted
		<-called
		g.Go(func(context.Context) error { return errDisk }, braid.Name("culprit"))
		return nil
	}, braid.Name("obeying"))
	<-abandoned
	_ = braid.Run(background, func(_ context.Context, g *braid.Group) error { // whatever is told of the others is told before this
		braid.Submit(braid.NewPortal(g), func(context.Context) (int, error) { return 0, errDisk }, braid.Name("disobeying"))
		return nil
	}, braid.Name("later"))
	untilIncident(t, inspect.IncidentUnread, "later/disobeying")
	noIncident(t, "obeying/culprit")
}

// One that is rejected with context.Canceled has been cancelled, and has not failed.
func TestIncident_cancelledPromise(t *testing.T) {
	func() {
		p := &braid.Promise[int]{}
		p.SetName("called off")
		p.Reject(context.Canceled)
		p = &braid.Promise[int]{}
		p.SetName("refused off")
		p.Reject(errDisk)
	}()
	untilIncident(t, inspect.IncidentUnread, "refused off")
	noIncident(t, "called off")
}

// An error may lead back to the promise that it has failed. That keeps neither of them once it has been read, or there are others.
func TestIncident_errorLeadsBack(t *testing.T) {
	collected := make(chan struct{}, 2)
	for _, read := range []bool{true, false} {
		j := &job{}
		runtime.AddCleanup(j, func(done chan struct{}) { done <- struct{}{} }, collected)
		j.answer.Reject(&jobError{j})
		if read {
			_, _ = j.answer.Future().Result()
			continue
		}
		for range 256 {
			new(braid.Promise[int]).Reject(errDisk)
		}
	}
	for begun, left := time.Now(), cap(collected); left > 0; {
		runtime.GC()
		select {
		case <-collected:
			left--
		default:
		}
		if time.Since(begun) > 20*time.Second {
			t.Fatal("a job whose promise has failed with an error that leads to the job is never collected")
		}
	}
}

type job struct {
	answer braid.Promise[int]
	_      [64]byte
}

type jobError struct{ job *job }

func (e *jobError) Error() string { return "job failed" }

// A promise that is rejected is as good as a task that has failed.
func TestIncident_promise(t *testing.T) {
	for _, read := range []bool{true, false} {
		p := &braid.Promise[int]{}
		p.SetName("answer")
		if read {
			p.SetName("heard")
		}
		p.Reject(errDisk)
		if read {
			if _, err := p.Future().Wait(background); !errors.Is(err, errDisk) {
				t.Error(err)
			}
		}
	}
	if in := untilIncident(t, inspect.IncidentUnread, "answer"); in.Site != 0 || in.Error != "disk full" {
		t.Errorf("%+v", in)
	}
	noIncident(t, "heard")
}

// A program that names its promises by numbers has one incident of them, and one finding, and not as many as are kept.
func TestIncident_numberedPromises(t *testing.T) {
	m, err := inspect.NewMonitor(inspect.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		func() {
			p := &braid.Promise[int]{}
			p.SetName(fmt.Sprintf("numbered %d", i))
			p.Reject(errDisk)
		}()
	}
	for begun := time.Now(); untilIncident(t, inspect.IncidentUnread, "numbered").Count%3 != 0; { // the test may run several times
		if time.Since(begun) > 20*time.Second {
			t.Fatal("they are not one incident")
		}
	}
	found := slices.DeleteFunc(m.Update(inspect.Take(), time.Now()), func(f inspect.Finding) bool { return f.Subjects[0].Name != "numbered *" })
	if len(found) != 1 || found[0].Code != "L4" || !strings.Contains(found[0].Text, " such failures have come") {
		t.Errorf("found %+v", found)
	}
}

// What fails when its caller has left it is told; what ends because it was cancelled is not.
func TestIncident_abandoned(t *testing.T) {
	type function = func(context.Context) (int, error)
	for name, call := range map[string]func(context.Context, function) (int, error){
		"Abandon": func(ctx context.Context, fn function) (int, error) { return braid.Abandon(ctx, fn, nil) },
		"Offload": func(ctx context.Context, fn function) (int, error) {
			return braid.Offload(ctx, braid.NewLimiter("disk", 1), fn, braid.AbandonOnCancel())
		},
	} {
		t.Run(name, func(t *testing.T) {
			abandon := func(end func(context.Context) error) {
				ctx, cancel := context.WithCancel(background)
				left := make(chan struct{})
				_, err := call(ctx, func(ctx context.Context) (int, error) {
					cancel()
					<-left
					return 0, end(ctx)
				})
				close(left)
				if !errors.Is(err, context.Canceled) {
					t.Errorf("the caller got %v", err)
				}
			}
			abandon(func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
			abandon(func(context.Context) error { return fmt.Errorf("%s: %w", name, errDisk) })
			for in := (inspect.Incident{}); in.Error != name+": disk full"; {
				if in = untilIncident(t, inspect.IncidentAbandoned, "TestIncident_abandoned"); in.Error == context.Canceled.Error() {
					t.Fatalf("%+v", in)
				}
			}
		})
	}
}

// A task that fails after its Run has given up on it is told.
func TestIncident_left(t *testing.T) {
	release := make(chan struct{})
	var late *braid.Handle
	err := braid.Run(background, func(_ context.Context, g *braid.Group) error {
		late = g.Go(func(context.Context) error { <-release; return errDisk }, braid.Name("late"))
		g.Cancel(nil)
		return nil
	}, braid.Name("impatient"), braid.Grace(time.Nanosecond))
	if _, stuck := errors.AsType[*braid.StuckError](err); !stuck {
		t.Fatal(err)
	}
	close(release)
	<-late.Done()
	if in := untilIncident(t, inspect.IncidentLeft, "impatient/late"); in.Error != "disk full" {
		t.Errorf("%+v", in)
	}
}

// Tasks that are refused are counted by their function.
func TestIncident_refused(t *testing.T) {
	_ = braid.Run(background, func(_ context.Context, g *braid.Group) error {
		g.Cancel(nil)
		for range 1000 {
			g.Go(func(context.Context) error { return nil }, braid.Name("never"))
		}
		return nil
	}, braid.Name("refusing"))
	if in := untilIncident(t, inspect.IncidentRefused, "refusing/never"); in.Count < 1000 {
		t.Errorf("%+v", in)
	}
}

// An error whose text is the user's code that does not return holds nobody up.
func TestIncident_badError(t *testing.T) {
	never := make(chan struct{})
	defer close(never)
	func() {
		p := &braid.Promise[int]{}
		p.SetName("bad")
		p.Reject(&wedgedError{never})
	}()
	in := untilIncident(t, inspect.IncidentUnread, "bad")
	if !strings.HasPrefix(in.Error, "an error of type *inspect_test.wedgedError") {
		t.Errorf("%+v", in)
	}
}

// One that returns late is asked again, and the errors of other tasks are asked all the time. Long texts are cut.
func TestIncident_lateError(t *testing.T) {
	late := make(chan struct{})
	fail := func(name string, err error) inspect.Incident {
		_ = braid.Run(background, func(_ context.Context, g *braid.Group) error {
			braid.Submit(braid.NewPortal(g), func(context.Context) (int, error) { return 0, err }, braid.Name(name))
			return nil
		}, braid.Name("late"))
		return untilIncident(t, inspect.IncidentUnread, "late/"+name)
	}
	wantText(t, fail("first", &lateError{late}).Error, "*inspect_test.lateError", "does not return")
	wantText(t, fail("other", errDisk).Error, "disk full")
	close(late)
	for begun := time.Now(); fail("again", &lateError{late}).Error != "late"; {
		if time.Since(begun) > 20*time.Second {
			t.Fatal("an Error method that has returned is not asked again")
		}
	}
	if text := fail("long", errors.New(strings.Repeat("é", 1<<20))).Error; len(text) > 5000 || !strings.HasSuffix(text, "éé…") {
		t.Errorf("%d bytes, ending with %q", len(text), text[max(0, len(text)-10):])
	}
}

type lateError struct{ late chan struct{} }

func (e *lateError) Error() string { <-e.late; return "late" }

type wedgedError struct{ never chan struct{} }

func (e *wedgedError) Error() string { <-e.never; return "" }

// An incident that another clock has noted, outside of the bubble that asks, is none of this one.
func TestL4_anotherClock(t *testing.T) {
	failed := unread
	failed.Last = noon.Add(time.Hour)
	if found := watch(t, inspect.Rules{}, time.Minute, 1, always(withIncidents(failed))); len(found) > 0 {
		t.Errorf("found %+v", found)
	}
}

// Another failure of the same function is the same finding, whichever task it was.
func TestL4_again(t *testing.T) {
	var since []time.Time
	m, err := inspect.NewMonitor(inspect.Rules{})
	must(t, err)
	for i, task := range []string{"shop/order#1", "shop/order#2"} {
		at := noon.Add(time.Duration(i) * time.Minute)
		found := m.Update(withIncidents(inspect.Incident{Kind: inspect.IncidentUnread, Site: 1, Task: task, Count: int64(i + 1), First: noon, Last: at}), at)
		if len(found) != 1 {
			t.Fatalf("found %+v", found)
		}
		since = append(since, found[0].Since)
		if i == 1 {
			wantText(t, found[0].Text, "shop/order#2", "2 such failures")
		}
	}
	if !since[0].Equal(since[1]) {
		t.Error("two findings", since)
	}
}

// In a bubble there is the bubble's time. What was noted outside of it is not of it.
func TestIncident_bubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_ = braid.Run(background, func(_ context.Context, g *braid.Group) error {
			g.Cancel(nil)
			for range 1000 {
				g.Go(func(context.Context) error { return nil }, braid.Name("bubbled"))
			}
			return nil
		})
		m, err := inspect.NewMonitor(inspect.Rules{})
		must(t, err)
		found := m.Update(inspect.Take(), time.Now())
		for _, f := range found {
			if f.Code == "L4" {
				t.Errorf("of outside: %+v", f)
			}
		}
		if !slices.ContainsFunc(found, func(f inspect.Finding) bool { return f.Code == "S2" && strings.Contains(f.Text, "bubbled") }) {
			t.Errorf("found %+v", found)
		}
	})
}

// What fails in Start when its caller has given up on it is seen by nobody.
func TestIncident_start(t *testing.T) {
	ctx, cancel := context.WithCancel(background)
	err := braid.Run(background, func(_ context.Context, g *braid.Group) error {
		_, err := braid.Start(ctx, g, func(ctx context.Context, _ func(int)) error {
			cancel()
			<-ctx.Done()
			return errDisk
		}, braid.Name("server"))
		return err
	}, braid.Name("starting"))
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if in := untilIncident(t, inspect.IncidentAbandoned, "starting/server"); in.Error != "disk full" {
		t.Errorf("%+v", in)
	}
}
