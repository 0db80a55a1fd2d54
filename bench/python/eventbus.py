"""The sides of the bus benchmarks that are written in Python: event buses as they are written for asyncio.

    python3 eventbus.py KIND HANDLERS N     publishes N events to HANDLERS handlers and prints what one event took, as JSON

KIND is queue, a bounded queue and a task for each handler, or gather, which calls all handlers for each event and waits for them.
"""

import asyncio
import json
import sys
import time
from collections import defaultdict
from dataclasses import dataclass


@dataclass(frozen=True)
class Tick:
    n: int


class QueueBus:
    """Handlers get events in order, each at its own pace; a full queue holds the publisher back. What fails is kept for the end."""

    def __init__(self, size):
        self.size = size
        self.queues = defaultdict(list)
        self.errors = []

    async def __aenter__(self):
        self.group = asyncio.TaskGroup()
        await self.group.__aenter__()
        return self

    async def __aexit__(self, *exc):
        for queues in self.queues.values():
            for q in queues:
                await q.put(None)
        return await self.group.__aexit__(*exc)

    def subscribe(self, kind, handler):
        q = asyncio.Queue(self.size)
        self.queues[kind].append(q)
        self.group.create_task(self.consume(q, handler))

    async def consume(self, q, handler):
        while (event := await q.get()) is not None:
            try:
                await handler(event)
            except Exception as e:
                self.errors.append(e)

    async def publish(self, event):
        for q in self.queues[type(event)]:
            await q.put(event)


class GatherBus:
    def __init__(self):
        self.handlers = defaultdict(list)

    def subscribe(self, kind, handler):
        self.handlers[kind].append(handler)

    async def publish(self, event):
        results = await asyncio.gather(*(h(event) for h in self.handlers[type(event)]), return_exceptions=True)
        return [r for r in results if isinstance(r, BaseException)]


async def main(kind, handlers, n):
    handled = 0

    async def handle(event):
        nonlocal handled
        handled += 1

    start = time.perf_counter_ns(), time.process_time_ns()
    if kind == "queue":
        async with QueueBus(128) as bus:
            for _ in range(handlers):
                bus.subscribe(Tick, handle)
            for i in range(n):
                await bus.publish(Tick(i))
    else:
        bus = GatherBus()
        for _ in range(handlers):
            bus.subscribe(Tick, handle)
        for i in range(n):
            await bus.publish(Tick(i))
    wall, cpu = time.perf_counter_ns() - start[0], time.process_time_ns() - start[1]
    if handled != handlers * n:
        sys.exit(f"{handled} of {handlers * n} events were handled")
    print(json.dumps({"Wall": wall / n, "CPU": cpu / n}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
