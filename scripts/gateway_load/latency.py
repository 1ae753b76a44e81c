"""What a miss costs against a direct call, and how much later each event of a stream arrives."""

import socket
import statistics
import time

import processes
from client import Events, body_of, percentile, request


class Line:
    """A blocking connection that tells when the first and the last byte of an answer came."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, data):
        """Returns the answer's head, and the seconds until its body's first byte and its last."""
        started = time.perf_counter()
        self.socket.sendall(data)
        received, head, first = b"", None, None
        while True:
            part = self.socket.recv(65536)
            now = time.perf_counter()
            if not part:
                raise processes.Failure(f"the connection ended within an answer: {received[:200]!r}")
            received += part
            if head is None:
                if b"\r\n\r\n" not in received:
                    continue
                head, _, received = received.partition(b"\r\n\r\n")
                head = head.lower()
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in head else None
            if first is None and received:
                first = now - started
            if len(received) == length if length is not None else received.endswith(b"0\r\n\r\n"):
                return head, first, now - started

    def events(self, data):
        """The delays of a stream's stamped events, in seconds: from the upstream's sending to the arrival here."""
        self.socket.sendall(data)
        splitter, delays, received, head = Events(), [], b"", None
        while not received.endswith(b"0\r\n\r\n"):
            part = self.socket.recv(65536)
            now = time.monotonic_ns()
            if not part:
                raise processes.Failure("the connection ended within a stream")
            received += part
            if head is None and b"\r\n\r\n" in received:
                head, _, received = received.partition(b"\r\n\r\n")
            while head is not None and b"\r\n" in received:
                line, _, rest = received.partition(b"\r\n")
                size = int(line, 16)
                if not size or len(rest) < size + 2:
                    break
                for name, members in splitter.feed(rest[:size]):
                    if name == "content_block_delta":
                        delays.append((now - int(members["delta"]["text"])) / 1e9)
                received = rest[size + 2 :]
        return head.lower(), delays


def figures(seconds):
    return {"count": len(seconds), **{name: round(percentile(seconds, share) * 1e6) for name, share in (
        ("p50_us", 0.5), ("p90_us", 0.9), ("p99_us", 0.99))}, "max_us": round(max(seconds) * 1e6)}


def compare(name, direct, through):
    """Prints both sides of a measurement, and how much more the second takes."""
    sides = {"direct": figures(direct), "through": figures(through)}
    added = {key: sides["through"][key] - sides["direct"][key] for key in sides["direct"] if key != "count"}
    added["median_of_pairs_us"] = round(statistics.median(b - a for a, b in zip(direct, through)) * 1e6)
    for side, values in [*sides.items(), ("added", added)]:
        print(f"{name:<16} {side:<8} " + "  ".join(f"{key} {value}" for key, value in values.items()), flush=True)
    return {**sides, "added": added}


def misses(binary, options):
    """Distinct requests, in turn on a connection to the simulator and on one to a gateway before it."""
    report = {}
    with processes.simulator(binary, "--latency", options.latency, "--tokens-per-second", "0") as simulator, \
            processes.gateway(binary, simulator.url) as gateway:
        lines = {"direct": Line(simulator.port), "through": Line(gateway.port)}
        run = time.time_ns()
        for kind in ("plain", "stream", "passed"):
            times = {"direct": [], "through": []}
            for number in range(options.requests + 50):
                for side, line in lines.items() if number % 2 else reversed(lines.items()):
                    if kind == "passed":
                        data = request(b"", method="GET", path="/v1/models", length=False)
                    else:
                        body = body_of(f"question {run} {kind} {number} {side} " + "word " * 175, kind == "stream")
                        data = request(body)
                    head, first, last = line.ask(data)
                    wanted = b"x-refrain-cache: miss" if side == "through" else b" 200"
                    if kind != "passed" and wanted not in head:
                        raise processes.Failure(f"not a miss: {head.decode()}")
                    if number >= 50:
                        times[side].append(first if kind == "stream" else last)
            report[kind] = compare(kind, times["direct"], times["through"])
    return report


def streamed(binary, options):
    """The same stream, in turn straight from an upstream that stamps its events and through a gateway."""
    with processes.upstream() as upstream, processes.gateway(binary, upstream.url) as gateway:
        lines = {"direct": Line(upstream.port), "through": Line(gateway.port)}
        delays = {"direct": [], "through": []}
        for number in range(options.rounds):
            for side, line in lines.items() if number % 2 else reversed(lines.items()):
                prompt = f"nonce={time.time_ns()} stamp=1 events={options.events} pause={1 / options.rate}"
                head, found = line.events(request(body_of(prompt, True)))
                if len(found) != options.events or (side == "through" and b"x-refrain-cache: miss" not in head):
                    raise processes.Failure(f"{len(found)} of {options.events} events: {head.decode()}")
                delays[side] += found
        return {"event": compare("event", delays["direct"], delays["through"])}


def run(options):
    binary = processes.command(options.bin)
    print(f"{options.requests} requests a side, the simulator's latency {options.latency};"
          f" {options.rounds} streams a side of {options.events} events at {options.rate:g} a second; {processes.load()}")
    report = {"load_before": processes.load(), **misses(binary, options), **streamed(binary, options)}
    report["load_after"] = processes.load()
    print(report["load_after"])
    return report
