"""Hours of mixed traffic, every answer checked, and what the gateway holds by the minute."""

import asyncio
import os
import time

import processes
from client import Connection
from traffic import Traffic, Wrong

# A run shorter than this fills the cache and its pools until it ends, so that growth says nothing. Minutes.
SHORT = 30
# What resident memory may grow by from the middle of a run to its end. Megabytes.
GROWTH = 15


class Soak:
    def __init__(self, options):
        self.options = options
        self.done = 0
        self.wrong = []
        self.is_ended = False

    def sample(self, minute):
        """What the gateway holds now."""
        gateway, metrics = self.gateway, self.gateway.metrics()
        now, used = time.monotonic(), gateway.processor_seconds
        share = 100 * (used - self.last[1]) / max(0.01, now - self.last[0])
        self.last = (now, used)
        return {
            "minute": minute, "operations": self.done, "wrong": len(self.wrong), "RSS MB": round(gateway.memory / 1e6, 1),
            "files": gateway.files, "threads": gateway.threads, "connections": int(metrics["refrain_connections"]),
            # Idle connections to the upstream are kept for the next call.
            "upstream": processes.connections_to(self.upstream.port), "flights": int(metrics["refrain_flights"]),
            "in flight B": int(metrics["refrain_in_flight_bytes"]),
            "entries": int(metrics['refrain_tier_entries{tier="memory"}']),
            "stored MB": round(metrics['refrain_tier_bytes{tier="memory"}'] / 1e6, 1),
            "evictions": int(metrics['refrain_tier_evictions_total{tier="memory"}']), "CPU %": round(share, 1),
            "load": round(os.getloadavg()[0], 1),
        }

    async def take(self, rows, minute):
        try:
            row = await asyncio.to_thread(self.sample, minute)
        except OSError as error:
            self.report_wrong(f"/metrics: {error}")
            return
        if not rows:
            print(" | ".join(row), flush=True)
        rows.append(row)
        print(" | ".join(map(str, row.values())), flush=True)

    def report_wrong(self, text):
        if len(self.wrong) < 1000:
            print("WRONG", text[:1500], flush=True)
        self.wrong.append(text[:1500])

    async def worker(self, traffic, ticks):
        connection = Connection(traffic.port)
        while await ticks.get():
            operation = traffic.choose()
            try:
                async with asyncio.timeout(60):
                    await operation(connection)
            except (Wrong, OSError, EOFError, asyncio.IncompleteReadError, ValueError, KeyError, TimeoutError) as error:
                connection.close()
                if self.is_ended:
                    break
                self.report_wrong(f"{time.strftime('%H:%M:%S')} {operation.__name__}: {type(error).__name__} {error}")
            self.done += 1
        connection.close()

    async def pace(self, ticks, end):
        """Lets operations begin at the rate that is asked for; what the workers cannot take is not made up for."""
        started, given = time.monotonic(), 0
        while (now := time.monotonic()) < end:
            for _ in range(int((now - started) * self.options.rate) - given):
                given += 1
                if ticks.qsize() < self.options.workers:
                    ticks.put_nowait(True)
            await asyncio.sleep(0.01)

    async def drive(self, rows):
        traffic, ticks = Traffic(self.gateway.port, self.options.seed), asyncio.Queue()
        self.last = (time.monotonic(), self.gateway.processor_seconds)
        await self.take(rows, 0)
        started = time.monotonic()
        end = started + self.options.minutes * 60
        workers = [asyncio.create_task(self.worker(traffic, ticks)) for _ in range(self.options.workers)]
        pace = asyncio.create_task(self.pace(ticks, end))
        minute = 0
        while time.monotonic() < end and self.gateway.is_running:
            minute += 1
            await asyncio.sleep(max(0, min(end, started + minute * 60) - time.monotonic()))
            await self.take(rows, minute)
        await pace
        for _ in workers:
            ticks.put_nowait(False)
        await asyncio.wait(workers, timeout=60)
        self.is_ended = True
        # Streams that nobody waits for any more come to their end, and connections that were closed are noticed.
        await asyncio.sleep(self.options.rest)
        await self.take(rows, "after")
        return traffic.results

    def problems(self, rows):
        first, last, middle = rows[0], rows[-1], rows[len(rows) // 2]
        found = list(self.wrong[:20])
        # The one connection is that which asks for the metrics.
        if last["connections"] > 1 or last["flights"] or last["in flight B"]:
            found.append(f"left at the end: {last}")
        if last["files"] - last["upstream"] > first["files"] - first["upstream"] + 2:
            found.append(f"{last['files']} files at the end, {last['upstream']} of them to the upstream;"
                         f" {first['files']} at the start")
        if self.options.minutes >= SHORT and last["RSS MB"] - middle["RSS MB"] > GROWTH:
            found.append(f"memory grew from {middle['RSS MB']} to {last['RSS MB']} MB in the second half")
        if not self.gateway.is_running:
            found.append("the gateway ended")
        return found

    def run(self):
        options, rows = self.options, []
        binary = processes.command(options.bin)
        with processes.upstream() as self.upstream, processes.gateway(
                binary, self.upstream.url, "--memory", options.memory, "--log-level", "warning",
                log=options.log) as self.gateway:
            print(f"gateway {self.gateway.pid}, upstream {self.upstream.pid}, this {os.getpid()}", flush=True)
            results = asyncio.run(self.drive(rows))
            problems = self.problems(rows)
            peak = round(self.gateway.status("VmHWM") * 1024 / 1e6, 1)
            metrics = {name: value for name, value in self.gateway.metrics().items() if value and name.startswith(
                ("refrain_requests_total", "refrain_not_stored", "refrain_upstream"))}
        print(f"memory {rows[0]['RSS MB']} -> {rows[-1]['RSS MB']} MB, peak {peak}; files {rows[0]['files']} ->"
              f" {rows[-1]['files']}, {rows[-1]['upstream']} of them idle to the upstream; answers {results}")
        print("verdict: " + (f"{len(problems)} problems" if problems else "nothing wrong"))
        for problem in problems:
            print("  " + problem[:600])
        return {"minutes": options.minutes, "operations": self.done, "wrong": len(self.wrong), "results": results,
                "peak_rss_mb": peak, "rows": rows, "metrics": metrics, "problems": problems}
