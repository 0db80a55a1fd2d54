package worktest

import "github.com/braid-go/braid/work"

func keyed(key, name string) work.Job[Payload] {
	return work.Job[Payload]{Payload: Payload{name}, Key: key}
}

var orderCases = []testCase{
	{"first in, first out", nil, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "a", "b", "c", "d")
		e.ack(engine, e.receives(engine, "a", "b", "c", "d")...)
	}},
	{"the higher priority goes first", []Feature{Priorities}, func(e env) {
		engine := e.engine(Settings{})
		for _, job := range []work.Job[Payload]{
			{Payload: Payload{"low"}, Priority: work.Low},
			{Payload: Payload{"normal"}},
			{Payload: Payload{"high 1"}, Priority: work.High},
			{Payload: Payload{"high 2"}, Priority: work.High},
		} {
			e.putJob(engine, job)
		}
		e.ack(engine, e.receives(engine, "high 1", "high 2", "normal", "low")...)
	}},
	{"jobs of one key run at most so many at a time, in order, and keep no others waiting", []Feature{Keys}, func(e env) {
		engine := e.engine(Settings{PerKey: 2})
		for _, n := range []string{"a1", "a2", "a3", "a4", "a5"} {
			e.putJob(engine, keyed("a", n))
		}
		e.putJob(engine, keyed("b", "b1"))
		e.put(engine, "free")
		ds := e.receives(engine, "a1", "a2", "b1", "free")
		e.nothing(engine, 3)
		e.ack(engine, ds[1])
		a3 := e.receives(engine, "a3")[0]
		e.nothing(engine, 3)
		e.ack(engine, ds[0], a3)
		e.ack(engine, e.receives(engine, "a4", "a5")...)
	}},
	{"a key is free again however its job ends", []Feature{Keys, Delays}, func(e env) {
		engine := e.engine(Settings{PerKey: 1})
		for _, n := range []string{"a1", "a2", "a3"} {
			e.putJob(engine, keyed("a", n))
		}
		d := e.receives(engine, "a1")[0]
		e.settle(engine, d, work.Outcome{Verdict: work.Retry, After: e.ticks(100), Err: errDown})
		d = e.receives(engine, "a2")[0]
		e.settle(engine, d, work.Outcome{Verdict: work.Bury, Err: errDown})
		d = e.receives(engine, "a3")[0]
		e.settle(engine, d, work.Outcome{Verdict: work.Release})
		e.receives(engine, "a3") // and keeps it until the lease runs out
		e.nothing(engine, 3)
		e.putJob(engine, keyed("a", "a4"))
		e.nothing(engine, 3)
		e.sleep(5)
		e.ack(engine, e.receive(engine))
		e.ack(engine, e.receive(engine))
	}},
	{"a unique job is taken once within the window", []Feature{Uniques}, func(e env) {
		engine := e.engine(Settings{Window: e.ticks(20)})
		job := work.Job[Payload]{Payload: Payload{"a"}, Unique: "u"}
		first := e.putJob(engine, job)
		e.equal("duplicate", first.Duplicate, false)
		e.equal("duplicate", e.putJob(engine, job).Duplicate, true)
		e.ack(engine, e.receive(engine))
		e.equal("duplicate", e.putJob(engine, job).Duplicate, true) // done, and still remembered
		job.Unique = "v"
		e.equal("duplicate", e.putJob(engine, job).Duplicate, false)
		e.ack(engine, e.receive(engine))
		e.nothing(engine, 3)
		e.sleep(20)
		job.Unique = "u"
		e.equal("duplicate", e.putJob(engine, job).Duplicate, false)
		e.ack(engine, e.receive(engine))
	}},
}
