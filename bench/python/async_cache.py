"""The side of the cache benchmark that is written in Python: a decorator as it is written for asyncio.

    python3 async_cache.py WORK N     calls a cached function N times and prints what one call took, as JSON

WORK is hit, calls of 1,000 keys that are there, or crowd, 1,000 tasks at a time that ask for one key that is not.
"""

import asyncio
import functools
import json
import sys
import time

KEYS = 1000


def async_cache(ttl, size):
    """Keeps what a coroutine function returns for ttl seconds, at most size results, and loads each key once at a time."""

    def decorate(fn):
        values = {}
        loading = {}

        async def load(key):
            try:
                value = await fn(*key)
                if len(values) >= size:
                    values.pop(next(iter(values)))
                values[key] = (time.monotonic() + ttl, value)
                return value
            finally:
                del loading[key]

        @functools.wraps(fn)
        async def cached(*key):
            entry = values.get(key)
            if entry is not None:
                if entry[0] > time.monotonic():
                    return entry[1]
                del values[key]
            task = loading.get(key)
            if task is None:
                task = loading[key] = asyncio.create_task(load(key))
            return await asyncio.shield(task)

        return cached

    return decorate


async def hit(n):
    @async_cache(ttl=3600, size=10 * KEYS)
    async def square(i):
        return i * i

    for i in range(KEYS):
        await square(i)
    start = time.perf_counter_ns(), time.process_time_ns()
    for i in range(n):
        await square(i % KEYS)
    return start


async def crowd(n):
    calls = 0

    @async_cache(ttl=3600, size=10 * KEYS)
    async def square(i):
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        return i * i

    start = time.perf_counter_ns(), time.process_time_ns()
    for key in range(n // KEYS):
        async with asyncio.TaskGroup() as g:
            for _ in range(KEYS):
                g.create_task(square(key))
    assert calls == n // KEYS
    return start


def main():
    work, n = {"hit": hit, "crowd": crowd}[sys.argv[1]], int(sys.argv[2])
    wall, cpu = asyncio.run(work(n))
    print(json.dumps({"Wall": (time.perf_counter_ns() - wall) / n, "CPU": (time.process_time_ns() - cpu) / n}))


main()
