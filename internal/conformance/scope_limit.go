package conformance

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/braid-go/braid"
)

// Limits by admission.
var scopeLimitCases = []testCase{
	{"S11 no more tasks run at a time than the limit says, and all of them run", func(t *testing.T, ctx context.Context) {
		var m gauge
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for range 50 {
				g.Go(func(ctx context.Context) error {
					m.enter()
					defer m.leave()
					pass(ctx)
					return nil
				})
			}
			m.enter() // the body needs no slot
			pass(ctx)
			m.leave()
		}, braid.Limit(3))
		want(t, "total", m.total.Load(), 51)
		if m.peak.Load() > 4 {
			t.Errorf("%d ran at a time", m.peak.Load()-1)
		}
	}},
	{"S11 tasks are admitted in the order in which they were spawned", func(t *testing.T, ctx context.Context) {
		var order, expected []int
		scope(t, ctx, func(_ context.Context, g *braid.Group) {
			for i := range 20 {
				expected = append(expected, i)
				g.Go(func(context.Context) error {
					order = append(order, i)
					return nil
				})
			}
		}, braid.Limit(1))
		wantList(t, "order", order, expected...)
	}},
	{"S11 Go does not block, TryGo refuses, when the limit is reached", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate braid.Event
			_, started := g.TryGo(gate.Wait)
			want(t, "TryGo with a free slot", started, true)
			h := g.Go(gate.Wait)
			want(t, "state", h.State(), braid.Queued)
			_, started = g.TryGo(gate.Wait)
			want(t, "TryGo without", started, false)
			want(t, "statistics", g.Statistics(), braid.GroupStatistics{Limit: 1, Running: 1, Queued: 1})
			gate.Set()
			ok(t, h.Wait(ctx))
			again, started := g.TryGo(gate.Wait)
			want(t, "TryGo with a slot that is free again", started, true)
			ok(t, again.Wait(ctx))
		}, braid.Limit(1))
	}},
	{"S11 what waits for a slot when a task fails never runs, and is counted", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error { return errBoom })
			for range 3 {
				h := g.Go(func(context.Context) error {
					t.Error("it ran")
					return nil
				})
				isErr(t, "Wait", h.Wait(context.WithoutCancel(ctx)), braid.ErrNotStarted)
			}
			return nil
		}, braid.Limit(1))
		holds(t, err, errBoom)
		if ge, is := errors.AsType[*braid.GroupError](err); is {
			want(t, "NotStarted", ge.NotStarted, 3)
		}
	}},
	{"S11 GoWait waits for a slot and obeys ctx: then the task never runs, and is not counted", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, outer *braid.Group) {
			ok(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				var gate braid.Event
				first, err := g.GoWait(ctx, gate.Wait)
				ok(t, err)
				want(t, "state", first.State(), braid.Running)

				waiting, cancel := context.WithCancelCause(ctx)
				given := begin(outer, func(context.Context) error {
					_, err := g.GoWait(waiting, func(context.Context) error {
						t.Error("it ran")
						return nil
					})
					return err
				})
				until(t, ctx, "it waits", func() bool { return g.Statistics().Queued == 1 })
				cancel(errStop)
				given.fails(t, ctx, "GoWait", errStop)
				want(t, "statistics", g.Statistics(), braid.GroupStatistics{Limit: 1, Running: 1})

				served := begin(outer, func(ctx context.Context) error {
					h, err := g.GoWait(ctx, func(context.Context) error { return nil })
					if err != nil {
						return err
					}
					return h.Wait(ctx)
				})
				until(t, ctx, "another waits", func() bool { return g.Statistics().Queued == 1 })
				gate.Set()
				served.succeeds(t, ctx, "the second GoWait")
				return nil
			}, braid.Limit(1)))
		})
	}},
	{"S11 GoWait returns ErrNotStarted when the group is cancelled", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, outer *braid.Group) {
			ok(t, braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(never)
				c := begin(outer, func(ctx context.Context) error {
					_, err := g.GoWait(ctx, never)
					return err
				})
				until(t, ctx, "it waits", func() bool { return g.Statistics().Queued == 1 })
				g.Cancel(errStop)
				c.fails(t, ctx, "GoWait", braid.ErrNotStarted)
				return nil
			}, braid.Limit(1)))
		})
	}},
	{"S11 Cancel of a handle: a queued task never runs, the others do", func(t *testing.T, ctx context.Context) {
		var ran []int
		var told []*braid.Handle
		var second *braid.Handle
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate braid.Event
			g.Go(gate.Wait)
			for i := range 3 {
				h := g.Go(func(context.Context) error {
					ran = append(ran, i)
					return nil
				})
				if i == 1 {
					second = h
				}
			}
			second.Cancel(errStop)
			want(t, "state", second.State(), braid.NotStarted)
			want(t, "Wait", second.Wait(ctx), braid.ErrNotStarted)
			second.Cancel(errStop)
			gate.Set()
		}, braid.Limit(1), braid.OnNotStarted(func(h *braid.Handle) { told = append(told, h) }))
		wantList(t, "ran", ran, 0, 2)
		wantList(t, "told", told, second)
	}},
	{"S11 a task that fails frees its slot, so does one that panics or calls Goexit", func(t *testing.T, ctx context.Context) {
		ran := 0
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error { return errBoom })
			g.Go(func(context.Context) error {
				goexit()
				return nil
			})
			g.Go(func(context.Context) error {
				ran++
				return nil
			})
			return nil
		}, braid.Limit(1), braid.KeepGoing())
		holds(t, err, errBoom, braid.ErrGoexit)
		want(t, "ran", ran, 1)
	}},
	{"S11 Limit(0) panics and says what to do", func(t *testing.T, _ context.Context) {
		panics(t, "Limit(0)", func() { braid.Limit(0) }, "Limit(0)", "at least one")
	}},
}

// Lending slots.
var scopeLendCases = []testCase{
	{"S11 a child that spawns into its own limited group and waits never deadlocks", func(t *testing.T, ctx context.Context) {
		var m gauge
		var tree func(g *braid.Group, depth int) func(context.Context) (int, error)
		tree = func(g *braid.Group, depth int) func(context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				m.enter()
				if depth == 0 {
					m.leave()
					return 1, nil
				}
				a := braid.Go(g, tree(g, depth-1))
				b := braid.Go(g, tree(g, depth-1))
				m.leave()
				x, err := a.Wait(ctx)
				if err != nil {
					return 0, err
				}
				y, err := b.Wait(ctx)
				m.enter()
				defer m.leave()
				return x + y, err
			}
		}
		err := bounded(t, ctx, func(ctx context.Context) error {
			return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				leaves, err := braid.Go(g, tree(g, 5)).Wait(ctx)
				want(t, "leaves", leaves, 32)
				return err
			}, braid.Limit(2))
		})
		ok(t, err)
		if m.peak.Load() > 2 {
			t.Errorf("%d ran at a time", m.peak.Load())
		}
	}},
	{"C waiting on a task of one's own limited group lends the slot for the time of the wait", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
			for name, wait := range map[string]func(ctx context.Context, g *braid.Group) error{
				"Wait": func(ctx context.Context, g *braid.Group) error {
					return g.Go(func(context.Context) error { return nil }).Wait(ctx)
				},
				"Wait on a typed handle": func(ctx context.Context, g *braid.Group) error {
					_, err := braid.Go(g, returns(1)).Wait(ctx)
					return err
				},
				"Wait in a nested scope": func(ctx context.Context, g *braid.Group) error {
					return braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
						return g.Go(func(context.Context) error { return nil }).Wait(ctx)
					})
				},
				"Wait in a timeout": func(ctx context.Context, g *braid.Group) error {
					return braid.Timeout(ctx, long, g.Go(func(context.Context) error { return nil }).Wait)
				},
				"GoWait": func(ctx context.Context, g *braid.Group) error {
					_, err := g.GoWait(ctx, func(context.Context) error { return nil })
					return err
				},
				"Start": func(ctx context.Context, g *braid.Group) error {
					_, err := braid.Start(ctx, g, func(_ context.Context, ready func(int)) error {
						ready(1)
						return nil
					})
					return err
				},
				"Portal.Do": func(ctx context.Context, g *braid.Group) error {
					return braid.NewPortal(g).Do(ctx, func(context.Context) error { return nil })
				},
				"the future of Submit": func(ctx context.Context, g *braid.Group) error {
					_, err := braid.Submit(braid.NewPortal(g), returns(1)).Wait(ctx)
					return err
				},
			} {
				err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
					g.Go(func(ctx context.Context) error {
						return bounded(t, ctx, func(ctx context.Context) error { return wait(ctx, g) })
					})
					return nil
				}, braid.Limit(1))
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}},
	{"C the slot that was lent is used by one other task at a time", func(t *testing.T, ctx context.Context) {
		var m gauge
		scope(t, ctx, func(_ context.Context, g *braid.Group) {
			for range 4 {
				g.Go(func(ctx context.Context) error {
					m.enter()
					h := g.Go(func(ctx context.Context) error {
						m.enter()
						defer m.leave()
						pass(ctx)
						return nil
					})
					m.leave()
					err := h.Wait(ctx)
					m.enter()
					defer m.leave()
					pass(ctx)
					return err
				})
			}
		}, braid.Limit(2))
		if m.peak.Load() > 2 {
			t.Errorf("%d ran at a time", m.peak.Load())
		}
	}},
	{"C on return the waiter gets the next free slot, ahead of all tasks that have not started", func(t *testing.T, ctx context.Context) {
		var order []string
		scope(t, ctx, func(_ context.Context, g *braid.Group) {
			g.Go(func(ctx context.Context) error {
				me := braid.Current(ctx)
				back := false
				child := g.Go(func(context.Context) error { return nil })
				g.Go(func(ctx context.Context) error { // may get the slot before the waiter has noticed
					until(t, ctx, "the waiter wants its slot back", func() bool { return back || parkedIn(me, "group.Slot")() })
					return nil
				})
				g.Go(func(context.Context) error {
					order = append(order, "queued")
					return nil
				})
				err := child.Wait(ctx)
				order = append(order, "waiter")
				back = true
				return err
			})
		}, braid.Limit(1))
		wantList(t, "order", order, "waiter", "queued")
	}},
	{"C the slot of what was waited for goes to the waiter at once, not to the next in the queue", func(t *testing.T, ctx context.Context) {
		for name, wait := range map[string]func(ctx context.Context, g *braid.Group, next func()) error{
			"Wait": func(ctx context.Context, g *braid.Group, next func()) error {
				h := g.Go(returnsNil)
				next()
				return h.Wait(ctx)
			},
			"Wait inside a nested scope": func(ctx context.Context, g *braid.Group, next func()) error {
				h := g.Go(returnsNil)
				next()
				return braid.Run(ctx, scopeOf(h.Wait))
			},
			"the future of Submit": func(ctx context.Context, g *braid.Group, next func()) error {
				f := braid.Submit(braid.NewPortal(g), returns(1))
				next()
				_, err := f.Wait(ctx)
				return err
			},
		} {
			var order []string
			ok(t, braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					err := wait(ctx, g, func() {
						g.Go(func(context.Context) error {
							order = append(order, "queued")
							return nil
						})
					})
					order = append(order, "waiter")
					return err
				})
				return nil
			}, braid.Limit(1)))
			wantList(t, name+": order", order, "waiter", "queued")
		}
	}},
	{"C a slot is lent as long as anybody in the task waits, whatever the task itself waited for", func(t *testing.T, ctx context.Context) {
		ok(t, bounded(t, ctx, func(ctx context.Context) error {
			return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					var event, queued braid.Event
					var first *braid.Handle
					return braid.Run(ctx, func(ctx context.Context, inner *braid.Group) error {
						inner.Go(func(ctx context.Context) error {
							first = g.Go(func(context.Context) error {
								event.Set()
								return nil
							})
							second := g.Go(returnsNil)
							queued.Set()
							return second.Wait(ctx)
						})
						ok(t, queued.Wait(ctx))
						ok(t, event.Wait(ctx)) // no wait that lends
						until(t, ctx, "the first has ended", func() bool { return first.State().Ended() })
						return nil
					})
				})
				return nil
			}, braid.Limit(1))
		}))
	}},
	{"C a slot that somebody in the task asks for is lent on if another wait begins in it", func(t *testing.T, ctx context.Context) {
		ok(t, bounded(t, ctx, func(ctx context.Context) error {
			return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					return braid.Run(ctx, func(ctx context.Context, inner *braid.Group) error {
						var gate braid.Event
						asks := inner.Go(func(ctx context.Context) error {
							_, err := braid.Start(ctx, g, func(ctx context.Context, ready func(int)) error {
								ready(1)
								return gate.Wait(ctx)
							})
							return err
						})
						until(t, ctx, "one asks for the slot", parkedIn(asks, "group.Slot"))
						inner.Go(func(ctx context.Context) error { return g.Go(returnsNil).Wait(ctx) })
						ok(t, asks.Wait(ctx))
						gate.Set()
						return nil
					})
				})
				return nil
			}, braid.Limit(1))
		}))
	}},
	{"C a task that ends while somebody left behind in it still waits does not take the slot along", func(t *testing.T, ctx context.Context) {
		ok(t, bounded(t, ctx, func(ctx context.Context) error {
			var left *braid.Handle
			return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				var gate braid.Event
				ends := g.Go(func(ctx context.Context) error {
					err := braid.Run(ctx, func(ctx context.Context, inner *braid.Group) error {
						left = inner.Go(func(ctx context.Context) error { return g.Go(gate.Wait).Wait(context.WithoutCancel(ctx)) })
						until(t, ctx, "it waits", parkedIn(left, "task.Wait"))
						inner.Cancel(errStop)
						return nil
					}, braid.Grace(aMoment))
					if _, stuck := errors.AsType[*braid.StuckError](err); !stuck {
						t.Errorf("err = %v", err)
					}
					return nil
				})
				ok(t, ends.Wait(ctx))
				gate.Set()
				ok(t, left.Wait(ctx))
				return g.Go(returnsNil).Wait(ctx)
			}, braid.Limit(1))
		}))
	}},
	{"C a wait that is cancelled returns at once, without waiting for the slot", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var cancel context.CancelCauseFunc
			waiter := g.Go(func(ctx context.Context) error {
				var waiting context.Context
				waiting, cancel = context.WithCancelCause(ctx)
				var gate braid.Event
				hold := g.Go(gate.Wait)
				want(t, "Wait", hold.Wait(waiting), errStop)
				want(t, "state of the task that has the slot", hold.State(), braid.Running)
				gate.Set()
				return nil
			})
			until(t, ctx, "the task waits", parkedIn(waiter, "task.Wait"))
			cancel(errStop)
		}, braid.Limit(1))
	}},
	{"C lending is for tasks of the group alone: its body and others have no slot to lend", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, outer *braid.Group) {
			ok(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				var gate braid.Event
				hold := g.Go(gate.Wait)
				queued := g.Go(func(context.Context) error { return nil })
				c := begin(outer, hold.Wait)
				until(t, ctx, "the outsider waits", parkedIn(c.h, "task.Wait"))
				want(t, "state", queued.State(), braid.Queued)
				gate.Set()
				ok(t, queued.Wait(ctx))
				c.succeeds(t, ctx, "the outsider's wait")
				return nil
			}, braid.Limit(1)))
		})
	}},
	{"C Offload inside Offload on the same limiter is an error that names the limiter", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
			lim, other := braid.NewLimiter("disk", 1), braid.NewLimiter("net", 1)
			_, err := braid.Offload(ctx, lim, func(ctx context.Context) (int, error) {
				_, err := braid.Offload(ctx, lim, returns(1))
				says(t, "Offload in Offload", err, "disk")
				_, err = braid.Offload(ctx, other, func(ctx context.Context) (int, error) {
					return braid.Offload(ctx, lim, returns(1))
				})
				says(t, "Offload in Offload in Offload", err, "disk")
				err = braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
					g.Go(func(ctx context.Context) error {
						_, err := braid.Offload(ctx, lim, returns(1))
						return err
					})
					return nil
				})
				says(t, "Offload by a task in Offload", err, "disk")
				v, err := braid.Offload(ctx, other, returns(2))
				ok(t, err)
				return v, err
			})
			ok(t, err)
			want(t, "borrowed afterwards", lim.Statistics().Borrowed+other.Statistics().Borrowed, 0)
		})
	}},
	{"C after its end a limited group has forgotten nobody", func(t *testing.T, ctx context.Context) {
		var g *braid.Group
		err := braid.Run(ctx, func(_ context.Context, group *braid.Group) error {
			g = group
			for i := range 10 {
				g.Go(func(ctx context.Context) error {
					child := g.Go(func(context.Context) error { return nil })
					if i == 5 {
						return fmt.Errorf("%w %d", errBoom, i)
					}
					return child.Wait(ctx)
				})
			}
			return nil
		}, braid.Limit(2))
		if !errors.Is(err, errBoom) {
			t.Errorf("err = %v", err)
		}
		s := g.Statistics()
		wantList(t, "running and queued", []int{s.Running, s.Queued}, 0, 0)
	}},
}
