"""The sides of the loop benchmarks that are written in Python.

    python3 peers.py LIBRARY WORK N     does the work and prints what one operation took, as JSON
    python3 peers.py LIBRARY SERVER     serves until its input ends; prints its address, and its processor time for each line of input

LIBRARY is asyncio, uvloop or trio.
"""

import asyncio
import json
import resource
import sys
import threading
import time


def measured(n):
    def report(start):
        wall, cpu = time.perf_counter_ns() - start[0], time.process_time_ns() - start[1]
        print(json.dumps({"Wall": wall / n, "CPU": cpu / n}))
    return (time.perf_counter_ns(), time.process_time_ns()), report


# Work for asyncio and uvloop.

async def switch(n):
    async def task():
        for _ in range(n // 10):
            await asyncio.sleep(0)
    async with asyncio.TaskGroup() as g:
        for _ in range(10):
            g.create_task(task())


async def spawn(n):
    async def nothing():
        pass
    for _ in range(n // 1000):
        async with asyncio.TaskGroup() as g:
            for _ in range(1000):
                g.create_task(nothing())


async def queue(n):
    q = asyncio.Queue(50)
    async def consume():
        while await q.get() is not None:
            pass
    async with asyncio.TaskGroup() as g:
        for _ in range(10):
            g.create_task(consume())
        for i in range(n):
            await q.put(i)
        for _ in range(10):
            await q.put(None)


async def semaphore(n):
    s = asyncio.Semaphore(10)
    async def task():
        for _ in range(n // 100):
            async with s:
                await asyncio.sleep(0)
    async with asyncio.TaskGroup() as g:
        for _ in range(100):
            g.create_task(task())


async def timers(n):
    loop = asyncio.get_running_loop()
    def nothing():
        pass
    handles = [loop.call_later(3600 + i * 7919 % 1_000_000 / 1000, nothing) for i in range(n)]
    for h in handles:
        h.cancel()


# Work for trio.

async def trio_switch(n):
    import trio
    async def task():
        for _ in range(n // 10):
            await trio.sleep(0)
    async with trio.open_nursery() as g:
        for _ in range(10):
            g.start_soon(task)


async def trio_spawn(n):
    import trio
    async def nothing():
        pass
    for _ in range(n // 1000):
        async with trio.open_nursery() as g:
            for _ in range(1000):
                g.start_soon(nothing)


async def trio_queue(n):
    import trio
    send, receive = trio.open_memory_channel(50)
    async def consume(receive):
        async with receive:
            async for _ in receive:
                pass
    async with trio.open_nursery() as g:
        for _ in range(10):
            g.start_soon(consume, receive.clone())
        receive.close()
        async with send:
            for i in range(n):
                await send.send(i)


async def trio_semaphore(n):
    import trio
    s = trio.Semaphore(10)
    async def task():
        for _ in range(n // 100):
            async with s:
                await trio.sleep(0)
    async with trio.open_nursery() as g:
        for _ in range(100):
            g.start_soon(task)


# Servers.

async def streams():
    async def serve(reader, writer):
        while data := await reader.read(1 << 17):
            writer.write(data)
            await writer.drain()
        writer.close()
    return await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def protocol():
    return await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0, backlog=4096)


def resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize()


async def serve(start):
    server = await start()
    host, port = server.sockets[0].getsockname()
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    def account():
        for _ in sys.stdin:
            print(time.process_time_ns(), resident(), flush=True)
        loop.call_soon_threadsafe(ended.set)
    threading.Thread(target=account, daemon=True).start()
    print(f"{host}:{port}", flush=True)
    await ended.wait()


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    library, what = sys.argv[1], sys.argv[2]
    if library == "trio":
        import trio
        n = int(sys.argv[3])
        start, report = measured(n)
        trio.run(globals()["trio_" + what], n)
        report(start)
        return
    runner = asyncio.Runner
    if library == "uvloop":
        import uvloop
        runner = lambda: asyncio.Runner(loop_factory=uvloop.new_event_loop)
    with runner() as r:
        if what in ("streams", "protocol"):
            r.run(serve(globals()[what]))
            return
        n = int(sys.argv[3])
        start, report = measured(n)
        r.run(globals()[what](n))
        report(start)


main()
