"""Thousands of callers that ask the same and wait on one slow stream."""

import asyncio
import collections
import hashlib
import itertools
import json
import re
import time
import urllib.request

import processes
from client import Connection, body_of, message_of, percentile, request
from upstream import text_of


# A stream that stands still after its first event; streams that wait for an answer that another asked for as a whole,
# and get pings; and plain answers.
KINDS = ("stream", "stream-of-plain", "plain")
RUNS = itertools.cycle(range(256))


class Callers:
    """Callers of one request. They are idle from the moment they have joined until the upstream is released."""

    def __init__(self, gateway, upstream, count, kind):
        self.gateway, self.upstream, self.count, self.kind = gateway, upstream, count, kind
        self.pings = 0
        self.run_number = next(RUNS)
        self.waiting = 0
        self.finished = []
        self.outcomes = collections.Counter()
        self.bodies = collections.Counter()
        self.problems = []
        self.all_waiting = asyncio.Event()
        self.prompt = ""

    async def one(self, number, gate):
        stream = self.kind != "plain" and (number > 0 or self.kind == "stream")
        # 127.0.0.0/8 is all this machine: source addresses of each run's own, so that free ports are found at once.
        connection = Connection(self.gateway.port)
        try:
            async with gate:
                await connection.open(local_addr=(f"127.1.{self.run_number}.{1 + number // 8000}", 0))
                await connection.send(request(body_of(self.prompt, stream)))
                answer = await connection.head() if self.kind == "stream" else None
            self.waiting += 1
            if self.waiting == self.count:
                self.all_waiting.set()
            answer = answer or await connection.head()
            await answer.read()
            body = re.sub(rb"event: ping\ndata: [^\n]*\n\n", b"", answer.body)
            self.pings += answer.body.count(b"event: ping\n")
            _, text = message_of(answer.body, stream)
            if answer.status != 200 or text != text_of(self.prompt, "k1"):
                raise ValueError(f"{answer.status} {answer.body[:200]!r}")
            self.outcomes[answer.cache] += 1
            if stream == (self.kind != "plain"):
                self.bodies[hashlib.sha256(body).hexdigest()] += 1
            self.finished.append(time.monotonic())
        except (OSError, EOFError, ValueError, KeyError, asyncio.IncompleteReadError) as error:
            self.problems.append(f"caller {number}: {type(error).__name__} {error}"[:300])
            self.waiting += 1
            if self.waiting == self.count:
                self.all_waiting.set()
        finally:
            connection.close()

    def call(self, path, method="GET"):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(self.upstream.url + path, method=method), timeout=20) as answer:
            return json.loads(answer.read())

    async def run(self, size, idle):
        self.prompt = f"nonce=joined-{time.time_ns()} size={size} events=20 hold="
        self.prompt += "middle" if self.kind == "stream" else "start"
        gateway = self.gateway
        before = (gateway.memory, gateway.files, gateway.processor_seconds, self.call("/counts")["calls"])
        started = time.monotonic() + 0.5
        gate = asyncio.Semaphore(200)
        tasks = [asyncio.create_task(self.one(0, gate))]
        await asyncio.sleep(0.5)
        tasks += [asyncio.create_task(self.one(number, gate)) for number in range(1, self.count)]
        await self.all_waiting.wait()
        joined = time.monotonic() - started
        # While they wait: what a waiting caller holds, and what its pings cost.
        cpu = self.gateway.processor_seconds
        await asyncio.sleep(idle)
        idle_cpu = (self.gateway.processor_seconds - cpu) / idle
        plateau, files, load = self.gateway.memory, self.gateway.files, processes.load()
        metrics = await asyncio.to_thread(self.gateway.metrics)
        released = time.monotonic()
        await asyncio.to_thread(self.call, "/release", "POST")
        await asyncio.wait(tasks)
        await asyncio.to_thread(self.call, "/hold", "POST")
        calls = self.call("/counts")["calls"] - before[3]
        await asyncio.sleep(3)
        report = {
            "kind": self.kind, "callers": self.count, "characters": size, "pings": self.pings,
            "outcomes": dict(self.outcomes),
            "upstream_calls": calls, "distinct_answers": len(self.bodies),
            "rss_before_mb": round(before[0] / 1e6, 1), "rss_plateau_mb": round(plateau / 1e6, 1),
            "bytes_per_caller": round((plateau - before[0]) / self.count),
            "rss_peak_mb": round(self.gateway.status("VmHWM") * 1024 / 1e6, 1),
            "rss_after_mb": round(self.gateway.memory / 1e6, 1),
            "files": [before[1], files, self.gateway.files],
            "connections_at_plateau": int(metrics["refrain_connections"]),
            "flights_at_plateau": int(metrics["refrain_flights"]),
            "all_joined_s": round(joined, 2), "idle_cpu_share": round(idle_cpu, 3),
            "gateway_cpu_s": round(gateway.processor_seconds - before[2], 2),
            "load": load, "problems": self.problems[:10],
        }
        if self.finished:
            for name, share in (("first", 0), ("median", 0.5), ("last", 1)):
                report[f"{name}_finished_s"] = round(percentile(self.finished, share) - released, 3)
        whole = sum(self.outcomes.values())
        if (whole, calls, len(self.bodies)) != (self.count, 1, 1):
            report["problems"].append(
                f"{whole} of {self.count} whole, {calls} upstream calls, {len(self.bodies)} different answers")
        return report


def run(options):
    binary = processes.command(options.bin)
    limit = processes.raise_file_limit()
    count = min(options.callers, limit - 500)
    if count < options.callers:
        print(f"{count} callers instead of {options.callers}: a process may open {limit} files here")
    reports = []
    for kind in options.kinds.split(","):
        if kind not in KINDS:
            raise processes.Failure(f"--kinds: {kind} is none of {', '.join(KINDS)}")
        # With --repeat the same gateway is asked again: memory that callers left must serve the next ones.
        with processes.upstream() as upstream, processes.gateway(
                binary, upstream.url, "--max-connections", str(count + 100)) as gateway:
            for number in range(options.repeat):
                callers = Callers(gateway, upstream, count, kind)
                report = asyncio.run(callers.run(options.size, options.idle))
                reports.append(report)
                for name, value in report.items():
                    print(f"{kind:<16} {number + 1}  {name:<24} {value}", flush=True)
    return {"runs": reports, "problems": [problem for report in reports for problem in report["problems"]]}
