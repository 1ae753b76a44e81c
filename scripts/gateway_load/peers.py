"""Hits of the gateway beside those of LiteLLM's proxy with its in-memory cache, in turn in one run."""

import json
import os
import pathlib
import re
import secrets
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import processes

CONFIGURATION = processes.ROOT / "Benchmarks/peers/litellm/config.yaml"
UNITS = {"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6}


def call(url, body, headers):
    """Makes a call; returns its headers and body."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, body, headers), timeout=60) as answer:
        return answer.headers, answer.read()


class LiteLLM:
    """LiteLLM's proxy before an upstream. It is ended with the `with` block."""

    def __init__(self, command, upstream, workers, log):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = "sk-" + secrets.token_hex(24)
        environment = {n: v for n, v in os.environ.items() if "proxy" not in n.lower()} | {
            "REFRAIN_PEER_UPSTREAM": upstream, "LITELLM_MASTER_KEY": self.key, "LITELLM_LOG": "ERROR",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        self.process = subprocess.Popen(
            [command, "--config", str(CONFIGURATION), "--host", "127.0.0.1", "--port", str(self.port),
             "--num_workers", str(workers)], stdout=log, stderr=subprocess.STDOUT, env=environment)
        self.pid = self.process.pid
        deadline = time.monotonic() + 180
        while True:
            try:
                call(self.url + "/health/liveliness", None, {})
                return
            except (OSError, urllib.error.URLError):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise processes.Failure(f"LiteLLM did not start: see {log.name}") from None
                time.sleep(0.5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


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
        file.write(f"wrk.method = 'POST'\nwrk.body = {json.dumps(body.decode())}\n")
        file.writelines(f"wrk.headers[{json.dumps(key)}] = {json.dumps(value)}\n" for key, value in headers.items())
    return path


def run(options):
    binary = processes.command(options.bin)
    command = options.litellm or shutil.which("litellm")
    if not command or not os.access(command, os.X_OK):
        raise processes.Failure(
            "no litellm command: pip install 'litellm[proxy]' into an environment, and name it with --litellm")
    if not shutil.which("wrk"):
        raise processes.Failure("wrk is not installed")
    body = json.dumps({
        "model": "claude-sonnet-4-5", "max_tokens": 290, "messages": [{"role": "user", "content": "word " * 175}],
    }).encode()
    fields = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    rounds, problems = [], []
    with tempfile.TemporaryDirectory() as folder, open(options.log or os.path.join(folder, "litellm.log"), "wb") as log, \
            processes.simulator(binary, "--latency", "0ms", "--tokens-per-second", "0") as simulator, \
            processes.gateway(binary, simulator.url) as gateway, \
            LiteLLM(command, simulator.url, options.workers, log) as litellm:
        servers = {
            "gateway": (gateway, {**fields, "x-api-key": "sk-figures"}),
            "LiteLLM": (litellm, {**fields, "authorization": f"Bearer {litellm.key}"}),
        }
        scripts = {}
        for name, (server, headers) in servers.items():
            # The simulator gives each answer another id: where it comes again, the answer is a stored one.
            answers = [call(server.url + "/v1/messages", body, headers)[1] for _ in range(3 * options.workers)]
            again = len({json.loads(answer)["id"] for answer in answers}) <= (options.workers if name == "LiteLLM" else 1)
            print(f"{name}: request {len(body)} bytes, answer {len(answers[-1])} bytes, "
                  + ("answered from its cache" if again else "NOT answered from its cache"))
            if not again:
                problems.append(f"{name} does not answer from its cache")
            scripts[name] = script_for(folder, name, body, headers)
            wrk(server.url + "/v1/messages", scripts[name], options.connections, 2)
        print(f"{options.connections} connections, {options.seconds:g} s each, LiteLLM with {options.workers} workers,"
              f" {os.cpu_count()} processors shared with wrk")
        for _ in range(options.rounds):
            for name, (server, _) in servers.items():
                load = processes.load()
                cpu = sum(map(processes.processor_seconds, tree(server.pid)))
                row = {"server": name} | wrk(
                    server.url + "/v1/messages", scripts[name], options.connections, options.seconds)
                cpu = sum(map(processes.processor_seconds, tree(server.pid))) - cpu
                row.update(cpu_us=round(cpu * 1e6 / max(1, row["count"]), 1), load=load)
                rounds.append(row)
                print(f"{name:<8} {row['rate']:9.0f} req/s  p50 {row['p50_us']:8.0f} us  p99 {row['p99_us']:8.0f} us"
                      f"  CPU {row['cpu_us']:8.1f} us/req  wrong {row['wrong']}  ({load})", flush=True)
    medians = {}
    for name in servers:
        rows = [row for row in rounds if row["server"] == name]
        medians[name] = {
            key: round(statistics.median(row[key] for row in rows), 1) for key in ("rate", "p50_us", "p99_us", "cpu_us")}
        print(f"median {name:<8} " + "  ".join(f"{key} {value:g}" for key, value in medians[name].items()))
        problems += [f"{name}: {row['wrong']} answers were wrong" for row in rows if row["wrong"]]
    return {"rounds": rounds, "medians": medians, "problems": problems}
