"""How long a hit takes, what fifty callers at once cost, what a frozen Redis costs, and requests a second of the gateways."""

import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request

import processes
from client import percentile
from latency import Line

from . import forms
from .answers import PAUSE, digest_of

UNITS = {"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6}
# The time that a peer has for twenty requests. Some clients of Redis give up after two minutes: enough for one request of theirs.
FROZEN_SECONDS = 150


def kilobyte(nonce, words=""):
    """A request of about 1 KB whose answer is of about 1 KB."""
    topic = forms.Topic(nonce)
    return forms.request(topic.said(f"{topic.question} size=700 {words} " + "word " * 140))


def figures(nanoseconds):
    return {"count": len(nanoseconds), "p50_us": percentile(nanoseconds, 0.5) / 1000, "p99_us": percentile(nanoseconds, 0.99) / 1000}


def latency(worker, upstream, run, count, cached=True):
    """A hit, one after another, as the peer's own client sees it; and with no client at all, where the peer is a gateway."""
    request = kilobyte(f"{run}-latency")
    worker.ask(request)
    time.sleep(PAUSE)
    before = upstream.calls
    said = worker.order(600, do="latency", request=request, count=count)
    if "times" not in said:
        return {"problem": said.get("error") or said.get("not_offered")}
    calls = upstream.calls - before
    if cached and calls:
        return {"problem": f"not answered from its cache: {calls} upstream calls"}
    rows = {"client": figures(said["times"])}
    if worker.server:
        rows["socket"] = figures(on_a_socket(worker.server, request, count))
    return rows


def on_a_socket(server, request, count):
    """Nanoseconds of the same request on a connection without any client's work."""
    body = json.dumps(request["body"], separators=(",", ":"), ensure_ascii=False).encode()
    head = (f"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-api-key: {server.credential}\r\nanthropic-version: 2023-06-01\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n").encode()
    line, times = Line(int(server.url.rsplit(":", 1)[1])), []
    for number in range(count + 50):
        _, _, last = line.ask(head + body)
        if number >= 50:
            times.append(last * 1e9)
    line.socket.close()
    return times


def inside(binary, redis):
    """Refrain's hits in process, as `refrain bench latency` has them; None where that is not there."""
    done = subprocess.run(
        [binary, "bench", "latency", "--only", "memory,client,redis", "--redis", f"redis://127.0.0.1:{redis.port}", "--json"],
        capture_output=True, text=True)
    if done.returncode:
        return None
    return [row | {"section": section["title"]} for section in json.loads(done.stdout)["sections"] for row in section["rows"]
            if re.search(r"^hit from bytes, 1 KB|^messages\.create|^get, 1 KB", row["operation"])]


def burst(worker, upstream, run, count=50):
    """Upstream calls for the same request so many times at once, while upstream takes a second; plain, and as a stream."""
    found = {}
    for kind in ("plain", "stream"):
        request = kilobyte(f"{run}-burst-{kind}", "wait=1.0") | {"stream": kind == "stream"}
        before = upstream.calls
        said = worker.order(180, do="burst", request=request, count=count)
        if "answers" not in said:
            found[kind] = {"problem": said.get("not_offered") or said.get("error")}
            continue
        digests = {digest_of({"answer": answer}) for answer in said["answers"]}
        found[kind] = {
            "calls": upstream.calls - before, "answered": len(said["answers"]), "different": len(digests), "errors": len(said["errors"]),
            "error": said["errors"][:1], "seconds": said["seconds"], "means": said["means"]}
    return found


def frozen(worker, run, awaited, count=20):
    """Milliseconds of requests while Redis answers and while it is stopped: such as were asked before, and new ones."""
    known, fresh, later = (
        [kilobyte(f"{run}-{'async' if awaited else 'sync'}-{kind}-{number}") for number in range(count)]
        for kind in ("known", "fresh", "later"))

    def asked(requests):
        return times(*worker.series(requests, FROZEN_SECONDS, awaited))

    first = asked(known)
    if first["stopped"] or first["errors"]:
        return {"problem": first["stopped"] or first["error"][0]}
    found = {"alive": {"known": asked(known), "fresh": asked(fresh)}}
    with worker.redis.frozen():
        # New ones first: what they teach a peer about its Redis helps it with the others.
        found["frozen"] = {"fresh": asked(later)}
        found["frozen"]["known"] = None if found["frozen"]["fresh"]["stopped"] else asked(known)
    return found


def times(answers, stopped):
    milliseconds = [each["ms"] for each in answers if "answer" in each]
    errors = [each["error"] for each in answers if "error" in each]
    spent = [each["ms"] for each in answers]
    return {
        "answered": len(milliseconds), "errors": len(errors), "error": errors[:1], "stopped": stopped,
        "p50_ms": statistics.median(spent) if spent else None, "max_ms": max(spent) if spent else None}


def tree(pid):
    """A process and its descendants."""
    parents = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(folder.name))
    found = [pid]
    for each in found:
        found += parents.get(each, [])
    return found


def wrk(url, script, connections, seconds):
    output = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s", "--latency", "-s", script, url],
        capture_output=True, text=True, check=True).stdout

    def latency(share):
        value, unit = re.search(rf"{share}%\s+([\d.]+)(us|ms|s|m)\b", output).groups()
        return float(value) * UNITS[unit]

    return {
        "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1)),
        "p50_us": latency(50), "p99_us": latency(99), "count": int(re.search(r"(\d+) requests in", output).group(1)),
        "wrong": sum(map(int, re.findall(r"(?:Non-2xx or 3xx responses: |timeout )(\d+)", output))),
    }


def script_for(folder, name, body, headers):
    path = os.path.join(folder, name + ".lua")
    with open(path, "w") as file:
        file.write(f"wrk.method = 'POST'\nwrk.body = {json.dumps(body)}\n")
        file.writelines(f"wrk.headers[{json.dumps(key)}] = {json.dumps(value)}\n" for key, value in headers.items())
    return path


class Rate:
    """wrk on the hits of gateways, in turn."""

    def __init__(self, upstream, run):
        if not shutil.which("wrk"):
            raise processes.Failure("wrk is not installed")
        self.upstream, self.servers, self.rows = upstream, {}, []
        self.body = json.dumps(kilobyte(f"{run}-rate")["body"])
        self.folder = tempfile.TemporaryDirectory()

    def add(self, name, server, connections, copies):
        """Lets a server fill its caches, of which there are so many copies. Returns why it is not measured, if it is not."""
        headers = {"content-type": "application/json", "anthropic-version": "2023-06-01", "x-api-key": server.credential}
        script = script_for(self.folder.name, name, self.body, headers)
        self.ask(server, headers, 10 * copies)
        wrk(server.url + "/v1/messages", script, connections, 2)
        time.sleep(1)
        before = self.upstream.calls
        self.ask(server, headers, 5 * copies)
        if self.upstream.calls > before:
            return "it does not answer from its cache"
        self.servers[name] = (server, script)
        return None

    def ask(self, server, headers, count):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(count):
            with opener.open(urllib.request.Request(server.url + "/v1/messages", self.body.encode(), headers), timeout=60) as answer:
                answer.read()

    def run(self, connections, seconds, rounds):
        for _ in range(rounds):
            for name, (server, script) in self.servers.items():
                load = processes.load()
                before, cpu = self.upstream.calls, sum(map(processes.processor_seconds, tree(server.pid)))
                row = {"name": name} | wrk(server.url + "/v1/messages", script, connections, seconds)
                cpu = sum(map(processes.processor_seconds, tree(server.pid))) - cpu
                row.update(cpu_us=cpu * 1e6 / max(1, row["count"]), load=load, upstream_calls=self.upstream.calls - before)
                self.rows.append(row)
        self.folder.cleanup()
        return self.rows

    def medians(self):
        found = {}
        for name in self.servers:
            rows = [row for row in self.rows if row["name"] == name]
            found[name] = {key: statistics.median(row[key] for row in rows) for key in ("rate", "p50_us", "p99_us", "cpu_us")}
            found[name].update(wrong=sum(row["wrong"] for row in rows), upstream_calls=sum(row["upstream_calls"] for row in rows))
        return found
