"""Measures redis-py for ThroughputFigures: one line with operations a second, p50 and p99 in microseconds.

redis_py.py callers|pipeline PORT get|set BYTES DEPTH COUNT

callers:  DEPTH asyncio tasks that each send a command and wait for its reply. redis-py does not share a connection between
          tasks, so each has its own from the pool: the same work for the caller, with more sockets. A single caller uses
          the blocking client, which is the faster one then.
pipeline: one blocking connection and pipelines of DEPTH commands, the most that redis-py can do. A command's latency is
          that of its pipeline.
"""

import asyncio
import sys
import time

import redis
import redis.asyncio

KEY = "key:__rand_int__"


def one_caller(port, size, is_set, count):
    client = redis.Redis(port=port)
    value = b"x" * size
    client.set(KEY, value)
    latencies = []
    for _ in range(count):
        before = time.perf_counter()
        client.set(KEY, value) if is_set else client.get(KEY)
        latencies.append(time.perf_counter() - before)
    return latencies


async def many_callers(port, size, is_set, depth, count):
    pool = redis.asyncio.BlockingConnectionPool(port=port, max_connections=depth, timeout=None)
    client = redis.asyncio.Redis(connection_pool=pool)
    value = b"x" * size
    latencies = []

    async def caller(count):
        for _ in range(count):
            before = time.perf_counter()
            await (client.set(KEY, value) if is_set else client.get(KEY))
            latencies.append(time.perf_counter() - before)

    # The connections are there before it is measured.
    await client.set(KEY, value)
    await asyncio.gather(*(caller(1) for _ in range(depth)))
    latencies.clear()
    start = time.perf_counter()
    await asyncio.gather(*(caller(count // depth) for _ in range(depth)))
    elapsed = time.perf_counter() - start
    await client.aclose()
    await pool.aclose()
    return latencies, elapsed


def pipelines(port, size, is_set, depth, count):
    client = redis.Redis(port=port)
    value = b"x" * size
    client.set(KEY, value)
    latencies = []
    for _ in range(max(1, count // depth)):
        before = time.perf_counter()
        with client.pipeline(transaction=False) as pipeline:
            for _ in range(depth):
                pipeline.set(KEY, value) if is_set else pipeline.get(KEY)
            pipeline.execute()
        elapsed = time.perf_counter() - before
        latencies += [elapsed] * depth
    return latencies, sum(latencies) / depth


def main():
    mode, port, operation, size, depth, count = sys.argv[1:]
    port, size, depth, count, is_set = int(port), int(size), int(depth), int(count), operation == "set"
    if mode == "pipeline":
        latencies, elapsed = pipelines(port, size, is_set, depth, count)
    elif depth == 1:
        latencies = one_caller(port, size, is_set, count)
        elapsed = sum(latencies)
    else:
        latencies, elapsed = asyncio.run(many_callers(port, size, is_set, depth, count))
    latencies.sort()
    p50, p99 = latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100]
    print(f"{len(latencies) / elapsed:.0f} {p50 * 1e6:.0f} {p99 * 1e6:.0f}")


if __name__ == "__main__":
    # hiredis is what makes it fast: without it the figures would be unfair.
    import hiredis  # noqa: F401

    main()
