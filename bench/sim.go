package main

import (
	"context"
	"fmt"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/sim"
)

// What the simulator must reach.
const (
	simSchedules = 20_000 // a second a core, of 3 tasks with 100 scheduling points each
	simPoint     = 500    // nanoseconds a scheduling point
)

func sims() []benchmark {
	return []benchmark{{"sim/speed", simSpeed}, {"sim/bugs", simBugs}}
}

// simPoints is a program of 3 tasks with 100 scheduling points each.
func simPoints(s *sim.T) {
	err := braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
		for range 3 {
			g.Go(func(ctx context.Context) error {
				for range 100 {
					if err := ctx.Err(); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return nil
	})
	if err != nil {
		s.Error(err)
	}
}

var simStrategies = []sim.Strategy{sim.Random, sim.PCT1, sim.PCT2, sim.PCT3, sim.POS, sim.URW, sim.Bounded, sim.Portfolio}

// simSpeed measures schedules a second on one core, strategy by strategy.
func simSpeed(_ context.Context, c config) ([]row, error) {
	var speeds, costs []row
	for _, st := range simStrategies {
		var rates, points []float64
		for round := range c.rounds {
			r := sim.Explore("points", simPoints, st, sim.Workers(1), sim.Seed(uint64(round)), sim.Schedules(2000))
			if r.Err != nil {
				return nil, r.Err
			}
			rates = append(rates, float64(r.Schedules)/r.Elapsed.Seconds())
			points = append(points, float64(r.Elapsed.Nanoseconds())/float64(r.Steps))
		}
		speed := row{Benchmark: "sim: 3 tasks of 100 points, one core", Unit: "schedules/s", Subject: st.String()}
		speed.compare(rates, nil)
		point := row{Benchmark: "sim: a scheduling point", Unit: "ns", Subject: st.String()}
		point.compare(points, nil)
		if st == sim.Portfolio { // what a test runs
			speed.check(speed.Value >= simSchedules, fmt.Sprintf("at least %d", simSchedules))
		}
		point.check(point.Value <= simPoint, fmt.Sprintf("%d ns", simPoint))
		speeds, costs = append(speeds, speed), append(costs, point)
	}
	return append(speeds, costs...), nil
}
