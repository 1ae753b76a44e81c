"""Peers, gateways and Redis servers that a measurement starts. Each is ended with its `with` block."""

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import processes

from . import environments
from .environments import FOLDER


class NoAnswer(Exception):
    """A peer that said nothing in the time it had."""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def get(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return answer.read()


class Process:
    """A process that is ended, and killed where it does not end."""

    process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        processes.end(self.process)

    @property
    def pid(self):
        return self.process.pid

    def wait_for(self, is_there, name, seconds):
        deadline = time.monotonic() + seconds
        while not is_there():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise processes.Failure(f"{name} did not start")
            time.sleep(0.1)


class Redis(Process):
    """A Redis without persistence, which can be frozen."""

    def __init__(self):
        self.port = free_port()
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL)
        self.wait_for(self.answers, "redis-server", 20)

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    @property
    def address(self):
        return {"host": "127.0.0.1", "port": self.port}

    @contextlib.contextmanager
    def frozen(self):
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


class LiteLLM(Process):
    """LiteLLM's proxy before an upstream, with the configuration that is in the repository."""

    def __init__(self, upstream, redis, workers, log):
        command = environments.install("litellm").parent / "litellm"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.credential = "sk-" + secrets.token_hex(24)
        environment = environments.clean_environment(REFRAIN_PEER_UPSTREAM=upstream, LITELLM_MASTER_KEY=self.credential)
        if redis:
            environment.update(REDIS_HOST="127.0.0.1", REDIS_PORT=str(redis.port))
        configuration = FOLDER / "litellm" / ("config-redis.yaml" if redis else "config.yaml")
        self.process = subprocess.Popen(
            [command, "--config", configuration, "--host", "127.0.0.1", "--port", str(self.port), "--num_workers", str(workers)],
            stdout=log, stderr=subprocess.STDOUT, env=environment)
        self.wait_for(self.answers, f"LiteLLM's proxy (see {log.name})", 180)

    def answers(self):
        try:
            return bool(get(self.url + "/health/liveliness"))
        except (OSError, urllib.error.URLError):
            return False


class Upstream(processes.Server):
    """The simulated Claude of `upstream.py`."""

    def __init__(self):
        super().__init__([sys.executable, str(FOLDER / "harness/upstream.py")])

    @property
    def calls(self):
        return json.loads(get(self.url + "/counts"))["calls"]


class Worker(Process):
    """A peer's own process: see worker.py."""

    def __init__(self, peer, settings, log):
        python = environments.install(peer.folder)
        # -P: the modules of the harness must not stand in for those of a library.
        self.process = subprocess.Popen(
            [python, "-P", FOLDER / "harness/worker.py", FOLDER / peer.folder, json.dumps(settings)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=log, env=environments.clean_environment())
        self.received = b""
        try:
            self.line(120)
        except NoAnswer:
            self.__exit__()
            raise processes.Failure(f"{peer.title} did not start (see {log.name})") from None

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def line(self, seconds):
        """The next line it says. Raises NoAnswer where there is none in time, or ever."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.received:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
            if not data:
                raise NoAnswer(f"no answer in {seconds:g} s" if not ready else "the process has ended")
            self.received += data
        line, _, self.received = self.received.partition(b"\n")
        return json.loads(line)

    def order(self, seconds=120, **order):
        """What it says to an order."""
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()
        return self.line(seconds)

    def ask(self, request, cached=True):
        return self.order(do="ask", request=request, cached=cached)

    def series(self, requests, seconds, awaited=False):
        """The answers to requests one after another, as many as come in time; and why there are no more."""
        found, deadline = [], time.monotonic() + seconds
        try:
            said = self.order(seconds, do="series", requests=requests, awaited=awaited)
            while "done" not in said:
                found.append(said["one"])
                said = self.line(deadline - time.monotonic())
        except NoAnswer:
            return found, f"{len(found)} of {len(requests)} answered in {seconds:g} s"
        return found, said.get("error") or said.get("not_offered")


class Stage:
    """The upstream, and what starts peers before it."""

    def __init__(self, binary, log):
        self.binary, self.log = binary, log
        self.upstream = Upstream()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.upstream.__exit__()

    def server(self, peer, redis, workers=1):
        """A gateway before the upstream, with its URL and the credential that it wants."""
        if peer.server == "litellm":
            return LiteLLM(self.upstream.url, redis, workers, self.log)
        options = ["--redis", f"redis://127.0.0.1:{redis.port}"] if redis else []
        server = processes.gateway(self.binary, self.upstream.url, *options)
        server.credential = "sk-one"
        return server

    @contextlib.contextmanager
    def running(self, peer):
        """A peer that can be asked, with its Redis and its gateway where it has them."""
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            redis = stack.enter_context(Redis()) if peer.uses_redis else None
            server = stack.enter_context(self.server(peer, redis)) if peer.is_gateway else None
            settings = {
                "variant": peer.variant, "base_url": server.url if server else self.upstream.url, "folder": folder,
                "redis": redis.address if redis else None, "credential": server.credential if server else None,
            }
            worker = stack.enter_context(Worker(peer, settings, self.log))
            worker.redis, worker.server = redis, server
            yield worker
