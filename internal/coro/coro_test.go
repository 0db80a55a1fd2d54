package coro_test

import (
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/internal/coro"
)

func TestCoroutineSuspendsAndGoesOn(t *testing.T) {
	braidtest.CheckLeaks(t)
	var p coro.Pool
	defer p.Close()
	var c *coro.Coroutine
	n := 0
	c = p.Get(coro.Func(func() {
		for range 3 {
			n++
			c.Suspend()
		}
	}))
	for i := 1; i <= 3; i++ {
		if c.Resume() || n != i || !c.Running() {
			t.Fatalf("after resume %d: n = %d, running = %v", i, n, c.Running())
		}
	}
	if !c.Resume() || c.Running() {
		t.Fatal("the function has not ended")
	}
	p.Put(c)
}

func TestPoolUsesACoroutineAgain(t *testing.T) {
	braidtest.CheckLeaks(t)
	var p coro.Pool
	defer p.Close()
	first := p.Get(coro.Func(func() {}))
	first.Resume()
	p.Put(first)
	ran := false
	second := p.Get(coro.Func(func() { ran = true }))
	if second != first || !second.Resume() || !ran {
		t.Errorf("the same one: %v, ran: %v", second == first, ran)
	}
	p.Put(second)
}

func TestPoolKeepsNoMoreThanItsBound(t *testing.T) {
	braidtest.CheckLeaks(t)
	var p coro.Pool
	var all []*coro.Coroutine
	for range 1500 {
		all = append(all, p.Get(coro.Func(func() {})))
	}
	for _, c := range all {
		c.Resume()
		p.Put(c)
	}
	p.Close() // the check finds what neither Put nor Close has ended
}

//go:noinline
func explode() { panic("boom") }

func TestPanicComesOutWithItsStack(t *testing.T) {
	braidtest.CheckLeaks(t)
	var p coro.Pool
	defer p.Close()
	c := p.Get(coro.Func(explode))
	func() {
		defer func() {
			v, ok := recover().(*coro.Panic)
			if !ok || v.Value != "boom" || !strings.Contains(v.String(), "explode") {
				t.Errorf("recovered %v", v)
			}
		}()
		c.Resume()
		t.Error("Resume returned")
	}()
	p.Put(c)
	ran := false
	again := p.Get(coro.Func(func() { ran = true }))
	if again != c || !again.Resume() || !ran {
		t.Error("the coroutine does not work any more")
	}
	p.Put(again)
}

func TestGoexitEndsTheFunctionAlone(t *testing.T) {
	braidtest.CheckLeaks(t)
	var p coro.Pool
	defer p.Close()
	deferred := false
	c := p.Get(coro.Func(func() {
		defer func() { deferred = true }()
		runtime.Goexit()
	}))
	if !c.Resume() || !deferred {
		t.Error("Goexit did not end the function")
	}
	p.Put(c)
	next := p.Get(coro.Func(func() {}))
	if next == c {
		t.Error("a coroutine is used again after Goexit")
	}
	next.Resume()
	p.Put(next)
	p.Close()
}

func TestGoexitAfterSuspend(t *testing.T) {
	braidtest.CheckLeaks(t)
	var p coro.Pool
	var c *coro.Coroutine
	c = p.Get(coro.Func(func() {
		c.Suspend()
		runtime.Goexit()
	}))
	if c.Resume() || !c.Resume() {
		t.Error("the function did not end with Goexit")
	}
	p.Put(c)
}

// A coroutine may resume another, and each may go on from elsewhere afterwards.
func TestCoroutinesResumeEachOther(t *testing.T) {
	braidtest.CheckLeaks(t)
	var p coro.Pool
	defer p.Close()
	var order []string
	var inner, outer *coro.Coroutine
	inner = p.Get(coro.Func(func() {
		order = append(order, "inner 1")
		inner.Suspend()
		order = append(order, "inner 2")
	}))
	outer = p.Get(coro.Func(func() {
		inner.Resume()
		order = append(order, "outer")
	}))
	outer.Resume()
	inner.Resume()
	if got := strings.Join(order, ", "); got != "inner 1, outer, inner 2" {
		t.Error(got)
	}
	p.Put(inner)
	p.Put(outer)
}

// A suspended coroutine is idle for synctest, so time goes on.
func TestInABubble(t *testing.T) {
	braidtest.CheckLeaks(t)
	synctest.Test(t, func(*testing.T) {
		var p coro.Pool
		defer p.Close()
		var c *coro.Coroutine
		c = p.Get(coro.Func(func() { c.Suspend() }))
		c.Resume()
		synctest.Wait()
		c.Resume()
		p.Put(c)
	})
}

func BenchmarkSwitch(b *testing.B) {
	var p coro.Pool
	defer p.Close()
	var c *coro.Coroutine
	end := false
	c = p.Get(coro.Func(func() {
		for !end {
			c.Suspend()
		}
	}))
	b.ReportAllocs()
	for b.Loop() {
		c.Resume()
	}
	end = true
	c.Resume()
	p.Put(c)
}

func BenchmarkStart(b *testing.B) {
	var p coro.Pool
	defer p.Close()
	b.ReportAllocs()
	for b.Loop() {
		c := p.Get(coro.Func(func() {}))
		c.Resume()
		p.Put(c)
	}
}

func BenchmarkCreate(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var p coro.Pool
		c := p.Get(coro.Func(func() {}))
		c.Resume()
		p.Put(c)
		p.Close()
	}
}
