"""Runs in a peer's own environment and asks the peer what it is told: a JSON object on each line in, one or more out.

    python worker.py FOLDER '{"variant": …, "base_url": …, "folder": …, "redis": {"host": …, "port": …}}'

FOLDER has a `peer.py` whose class `Peer` is made with these settings, and has

    prepare(request, cached)        a function that makes the call; with `cached` false the same call past the cache
    prepare_async(request)          the same as a coroutine function, where the peer documents asyncio for many calls at a time
    dump(answer)                    the answer as what JSON can hold

`prepare` raises NotImplementedError where a peer cannot be asked such a thing; its text says why.
"""

import asyncio
import concurrent.futures
import importlib.util
import json
import os
import pathlib
import sys
import time


class Worker:
    def __init__(self, peer, output):
        self.peer, self.output = peer, output
        # One for the whole process: clients keep connections that belong to it.
        self.loop = asyncio.new_event_loop()

    def say(self, **members):
        self.output.write(json.dumps(members, default=str) + "\n")
        self.output.flush()

    def ask(self, request, cached=True, awaited=False):
        """One call, as its answer or its error, with its milliseconds."""
        started = time.perf_counter()
        try:
            call = self.peer.prepare_async(request) if awaited else self.peer.prepare(request, cached)
            started = time.perf_counter()
            answer = self.loop.run_until_complete(call()) if awaited else call()
            elapsed = time.perf_counter() - started
            return {"answer": self.peer.dump(answer), "ms": elapsed * 1000}
        except NotImplementedError as reason:
            return {"not_offered": str(reason)}
        except Exception as error:  # a peer's errors have no type in common, and are what is asked for
            return {"error": f"{type(error).__name__}: {error}"[:300], "ms": (time.perf_counter() - started) * 1000}

    def latency(self, request, count):
        """Nanoseconds of each of many calls; the answers are compared with the first."""
        call = self.peer.prepare(request, True)
        first = self.peer.dump(call())
        for _ in range(min(count, 50)):
            call()
        times = []
        for _ in range(count):
            started = time.perf_counter_ns()
            answer = call()
            times.append(time.perf_counter_ns() - started)
        return {"times": times, "answer": first, "last": self.peer.dump(answer)}

    def burst(self, request, count):
        """The same call many times at once, through asyncio where the peer has that, else threads."""
        started = time.perf_counter()
        if hasattr(self.peer, "prepare_async"):
            call = self.peer.prepare_async(request)

            async def every():
                return await asyncio.gather(*(call() for _ in range(count)), return_exceptions=True)

            answers, means = self.loop.run_until_complete(every()), "asyncio"
        else:
            call = self.peer.prepare(request, True)

            def one(_):
                try:
                    return call()
                except Exception as error:  # as in ask
                    return error

            with concurrent.futures.ThreadPoolExecutor(count) as pool:
                answers, means = list(pool.map(one, range(count))), "threads"
        errors = [f"{type(answer).__name__}: {answer}"[:200] for answer in answers if isinstance(answer, Exception)]
        dumps = [self.peer.dump(answer) for answer in answers if not isinstance(answer, Exception)]
        return {"answers": dumps, "errors": errors, "means": means, "seconds": time.perf_counter() - started}

    def series(self, requests, awaited=False):
        """Calls one after another, each told as soon as it is done."""
        if awaited and not hasattr(self.peer, "prepare_async"):
            raise NotImplementedError("no asyncio")
        for request in requests:
            self.say(one=self.ask(request, awaited=awaited))
        return {}

    def run(self, lines):
        for line in lines:
            order = json.loads(line)
            name = order.pop("do")
            try:
                self.say(**getattr(self, name)(**order), done=True)
            except NotImplementedError as reason:
                self.say(not_offered=str(reason), done=True)
            except Exception as error:  # as in ask
                self.say(error=f"{type(error).__name__}: {error}"[:300], done=True)


def main():
    # Libraries may print; what this prints itself goes to the real standard output.
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    path = pathlib.Path(sys.argv[1]) / "peer.py"
    specification = importlib.util.spec_from_file_location("peer", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    worker = Worker(module.Peer(json.loads(sys.argv[2])), output)
    worker.say(ready=True)
    worker.run(sys.stdin)
    output.close()
    os._exit(0)  # some libraries leave threads that would keep the process


if __name__ == "__main__":
    main()
