"""The side of the breaker benchmark that is written in Python: a circuit breaker as it is written for asyncio.

    python3 breaker.py N     calls through a closed breaker N times and prints what one call took, as JSON
"""

import asyncio
import json
import sys
import time
from collections import deque


class Open(Exception):
    pass


class CircuitBreaker:
    """Opens when half of at least `least` calls in the last `window` seconds have failed; lets one call try after `rest` seconds."""

    def __init__(self, window=10.0, least=20, rate=0.5, rest=5.0):
        self.window, self.least, self.rate, self.rest = window, least, rate, rest
        self.state, self.opened, self.trying = "closed", 0.0, False
        self.buckets = deque()  # [second, calls, failures]
        self.lock = asyncio.Lock()

    async def call(self, f, *args):
        async with self.lock:
            now = time.monotonic()
            if self.state == "open":
                if now - self.opened < self.rest:
                    raise Open
                self.state = "half-open"
            if self.state == "half-open":
                if self.trying:
                    raise Open
                self.trying = True
        try:
            result = await f(*args)
        except asyncio.CancelledError:
            async with self.lock:
                self.trying = False
            raise
        except Exception:
            await self.record(False)
            raise
        await self.record(True)
        return result

    async def record(self, success):
        async with self.lock:
            now = time.monotonic()
            if self.state == "half-open":
                self.trying = False
                self.state = "closed" if success else "open"
                self.opened = now
                self.buckets.clear()
                return
            second = int(now)
            if not self.buckets or self.buckets[-1][0] != second:
                self.buckets.append([second, 0, 0])
            self.buckets[-1][1] += 1
            self.buckets[-1][2] += not success
            while self.buckets[0][0] < now - self.window:
                self.buckets.popleft()
            calls = sum(b[1] for b in self.buckets)
            if calls >= self.least and sum(b[2] for b in self.buckets) >= self.rate * calls:
                self.state, self.opened = "open", now


async def nothing():
    return 0


async def main(n):
    breaker = CircuitBreaker()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(n):
        await breaker.call(nothing)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(json.dumps({"cpu": cpu / n * 1e9, "wall": wall / n * 1e9}))


asyncio.run(main(int(sys.argv[1])))
