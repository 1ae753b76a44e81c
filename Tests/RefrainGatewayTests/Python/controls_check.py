"""Checks what HTTP clients see of a gateway: its controls, scopes, and how it treats bad clients and bad upstreams.

    python controls_check.py REFRAIN [--only NAME,NAME]

REFRAIN is the command (`refrain`). It is started as `refrain serve` as often as needed, on free ports of 127.0.0.1, in
front of an upstream of this program's own. Needs the standard library alone; what reads /proc is left out elsewhere.

Prints one JSON object: for each check, true or what was wrong. Exits with 1 where a check failed.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback

CHECKS = []


def check(*options):
    """A check, and the options of the gateway that it wants."""

    def register(function):
        CHECKS.append((function.__name__, function, options))
        return function

    return register


# MARK: The upstream

# Answers of kinds that are rare, as they are sent.
KINDS = {
    "204": b"HTTP/1.1 204 No Content\r\nx-kind: 1\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n",
    "302": b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    "gzip": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 6\r\n\r\n\x1f\x8babcd",
    "interim": b"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "trailers": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-after: 1\r\n\r\n",
    "cookies": b"HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 2\r\n\r\nok",
    "hop": b"HTTP/1.1 200 OK\r\nconnection: x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\ncontent-length: 2\r\n\r\nok",
    "close": b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end",
    "599": b"HTTP/1.1 599 Odd\r\ncontent-length: 2\r\n\r\nok",
}


class Upstream:
    """An HTTP/1.1 server that keeps what it was asked, and answers as `x-test` wants it. One thread for a connection."""

    def __init__(self):
        self.lock = threading.Lock()
        self.requests = []
        self.answers = 0
        self.uploaded = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with connection, connection.makefile("rb") as reader:
                while self.one(connection, reader):
                    pass
        except OSError:
            pass

    def one(self, connection, reader):
        line = reader.readline()
        if not line:
            return False
        method, path, _ = line.decode("latin-1").split(" ", 2)
        fields = []
        while (line := reader.readline().rstrip(b"\r\n")):
            name, _, value = line.decode("latin-1").partition(":")
            fields.append((name.lower(), value.strip()))
        headers = dict(fields)
        test = headers.get("x-test", "")
        request = {"method": method, "path": path, "fields": fields, "headers": headers, "body": b""}
        with self.lock:
            self.requests.append(request)
        if test == "early":
            # An answer before the body was read; then the connection stays open for a while, unread.
            self.respond(connection, 413, b'{"type":"error","error":{"type":"request_too_large","message":"early"}}')
            time.sleep(1)
            return False
        body = []
        for chunk in self.body(reader, headers):
            with self.lock:
                self.uploaded += len(chunk)
            if path.startswith("/v1/files"):
                continue
            body.append(chunk)
        request["body"] = b"".join(body)
        if test == "hang":
            time.sleep(30)
            return False
        if test == "vanish":
            return False
        if test == "short":
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 1000\r\n\r\nonly this")
            return False
        if test == "short-chunked":
            connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
            time.sleep(0.2)
            return False
        if test in KINDS:
            connection.sendall(KINDS[test])
            return not KINDS[test].endswith(b"until the end")
        if test == "download":
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n")
            for _ in range(1600):
                connection.sendall(bytes(65536))
            return True
        if path.split("?")[0].endswith("/v1/messages") and method == "POST":
            return self.message(connection, request, test)
        self.respond(connection, 200, json.dumps({"method": method, "path": path}).encode(), head=method == "HEAD")
        return True

    @staticmethod
    def body(reader, headers):
        if "chunked" in headers.get("transfer-encoding", ""):
            while (size := int(reader.readline(), 16)):
                yield reader.read(size)
                reader.readline()
            reader.readline()
        left = int(headers.get("content-length", 0))
        while left:
            chunk = reader.read(min(left, 65536))
            if not chunk:
                return
            left -= len(chunk)
            yield chunk

    @staticmethod
    def respond(connection, status, body, content_type="application/json", more="", head=False):
        connection.sendall(
            f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n{more}\r\n".encode()
            + (b"" if head else body))

    def message(self, connection, request, test):
        if test == "overloaded":
            time.sleep(0.3)
            self.respond(
                connection, 529, b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
                more="x-should-retry: true\r\n")
            return True
        try:
            asked = json.loads(request["body"])
        except ValueError:
            asked = {}
        if test == "slow":
            time.sleep(0.5)
        with self.lock:
            self.answers += 1
            number = self.answers
        message = {
            "model": "claude-haiku-4-5-20251001", "id": f"msg_{number}", "type": "message", "role": "assistant",
            "content": [{"type": "text", "text": f"answer {number}"}], "stop_reason": "end_turn", "stop_sequence": None,
            "usage": {"input_tokens": 5, "output_tokens": 5},
        }
        if not asked.get("stream"):
            self.respond(connection, 200, json.dumps(message).encode(), more=f"request-id: req_{number}\r\n")
            return True
        connection.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n")

        def event(name, **members):
            text = f"event: {name}\ndata: {json.dumps({'type': name, **members})}\n\n".encode()
            connection.sendall(b"%x\r\n%s\r\n" % (len(text), text))

        event("message_start", message={**message, "content": [], "stop_reason": None})
        event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        for word in ["answer", " ", str(number)] + [" and on"] * (10 if test == "drip" else 0):
            event("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
            if test == "drip":
                time.sleep(0.1)
        event("content_block_stop", index=0)
        event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 5})
        event("message_stop")
        connection.sendall(b"0\r\n\r\n")
        return True


# MARK: The gateway


class Gateway:
    """A gateway process."""

    def __init__(self, command, upstream, options):
        environment = {n: v for n, v in os.environ.items() if not n.startswith("REFRAIN_") and "proxy" not in n.lower()}
        self.process = subprocess.Popen(
            [command, "serve", "--upstream", upstream, "--port", "0", "--json", *options], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment)
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read().decode()
        self.port = int(json.loads(line)["base_url"].rsplit(":", 1)[1])

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    @property
    def files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def files_at_most(self, limit):
        """Open files, as soon as they are no more than that, or after ten seconds."""
        deadline = time.monotonic() + 10
        while self.files > limit and time.monotonic() < deadline:
            time.sleep(0.2)
        return self.files

    @property
    def memory(self):
        """Resident megabytes."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


class Context:
    def __init__(self, gateway, upstream):
        self.gateway = gateway
        self.upstream = upstream
        self.number = 0

    def question(self, **more):
        self.number += 1
        return body_of(f"Question {self.number} {id(self)}", **more)

    def ask(self, body=None, method="POST", path="/v1/messages", key="k1", timeout=10, **headers):
        """Sends a request. An underscore in the name of a field stands for a hyphen."""
        fields = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
        if key:
            fields["x-api-key"] = key
        fields.update({name.replace("_", "-"): value for name, value in headers.items() if value is not None})
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=timeout)
        try:
            connection.request(method, path, body, fields)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def connect(self, timeout=10):
        return socket.create_connection(("127.0.0.1", self.gateway.port), timeout=timeout)

    def calls(self):
        with self.upstream.lock:
            return len(self.upstream.requests)


class Answer:
    def __init__(self, status, fields, body):
        self.status = status
        self.headers = {name.lower(): value for name, value in fields}
        self.body = body

    @property
    def cache(self):
        return self.headers.get("x-refrain-cache")

    def expect(self, status, cache=None, reason=None):
        shown = (self.status, self.cache if cache else None, self.headers.get("x-refrain-reason") if reason else None)
        assert shown == (status, cache, reason), f"got {shown}, not {(status, cache, reason)}: {self.body[:300]}"
        return self

    def error(self, status, kind, *words):
        """The answer must be this error, in the shape that the API gives its errors, and name the words."""
        assert self.status == status, f"{self.status}, not {status}: {self.body[:200]}"
        assert self.headers.get("content-type") == "application/json", self.headers
        body = json.loads(self.body)
        assert body["type"] == "error" and body["error"]["type"] == kind, body
        for word in words:
            assert word in body["error"]["message"], f"no {word!r} in {body}"
        return self


def body_of(text, **more):
    return json.dumps(
        {"model": "claude-haiku-4-5", "max_tokens": 100, "messages": [{"role": "user", "content": text}], **more}).encode()


def head_of(method, path, *lines):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: localhost", *lines, "", ""]).encode()


def post(body, *lines, path="/v1/messages", length=None):
    return head_of(
        "POST", path, "x-api-key: k1", "anthropic-version: 2023-06-01", "content-type: application/json",
        f"content-length: {len(body) if length is None else length}", *lines) + body


def read_answer(reader):
    """One response from a connection."""
    line = reader.readline()
    assert line, "the connection was closed without an answer"
    status = int(line.split()[1])
    fields = []
    while (line := reader.readline().rstrip(b"\r\n")):
        name, _, value = line.decode().partition(":")
        fields.append((name, value.strip()))
    headers = {name.lower(): value for name, value in fields}
    if status == 100:
        return Answer(status, fields, b"")
    if "chunked" in headers.get("transfer-encoding", ""):
        body = b"".join(Upstream.body(reader, {"transfer-encoding": "chunked"}))
    else:
        body = reader.read(int(headers.get("content-length", 0)))
    return Answer(status, fields, body)


# MARK: Controls


@check()
def cache_control(c):
    q = c.question()
    c.ask(q, cache_control="only-if-cached").error(504, "timeout_error", "not")
    assert c.calls() == 0, "only-if-cached asked upstream"
    first = c.ask(q).expect(200, "MISS", "absent")
    assert c.ask(q).expect(200, "HIT-MEMORY").body == first.body, "a hit is another answer"
    assert c.ask(q, cache_control="only-if-cached").expect(200, "HIT-MEMORY").body == first.body
    second = c.ask(q, cache_control="no-cache").expect(200, "MISS", "refresh")
    assert second.body != first.body, "no-cache got the stored answer"
    assert c.ask(q).expect(200, "HIT-MEMORY").body == second.body, "no-cache did not replace the entry"
    c.ask(q, cache_control="max-age=0").expect(200, "MISS", "refresh")
    time.sleep(1.2)
    c.ask(q, cache_control="max-age=60").expect(200, "HIT-MEMORY")
    c.ask(q, cache_control="Max-Age=1, something=else").expect(200, "MISS", "expired")
    other = c.question()
    c.ask(other, cache_control="no-store").expect(200, "MISS")
    c.ask(other).expect(200, "MISS", "absent")
    c.ask(other, cache_control="no-store").expect(200, "HIT-MEMORY")
    c.ask(other, cache_control="no-store, no-cache").expect(200, "BYPASS", "mode")
    for request in c.upstream.requests:
        names = [name for name in request["headers"] if name == "cache-control" or name.startswith("x-refrain")]
        assert not names, f"controls were sent on: {names}"
    c.ask(c.question(stream=True), cache_control="only-if-cached").error(504, "timeout_error")


@check()
def other_controls(c):
    q = c.question()
    c.ask(q, x_refrain_ttl="1s").expect(200, "MISS")
    c.ask(q).expect(200, "HIT-MEMORY")
    time.sleep(1.2)
    c.ask(q).expect(200, "MISS")
    q = c.question()
    c.ask(q, x_refrain_ttl="0s").expect(200, "MISS")
    c.ask(q).expect(200, "MISS", "absent")
    q = c.question()
    bodies = {
        (version, sample): c.ask(q, x_refrain_version=version, x_refrain_sample=sample).expect(200, "MISS").body
        for version in (None, "v1", "v2") for sample in (None, "1", "2")
    }
    assert len(set(bodies.values())) == 9, "versions and samples share entries"
    for (version, sample), body in bodies.items():
        again = c.ask(q, x_refrain_version=version, x_refrain_sample=sample).expect(200, "HIT-MEMORY")
        assert again.body == body, "another version's or sample's entry"
    assert c.ask(q, x_refrain_sample="0").expect(200, "HIT-MEMORY").body == bodies[None, None], "sample 0 is none"
    q, other = c.question(), c.question()
    c.ask(q, x_refrain_tags="faq, nightly").expect(200, "MISS")
    c.ask(other).expect(200, "MISS")
    purged = c.ask(b'{"tags": ["nightly"]}', path="/_refrain/api/purge", key=None)
    assert purged.status == 200, purged.body
    c.ask(q).expect(200, "MISS")
    c.ask(other).expect(200, "HIT-MEMORY")


@check()
def wrong_controls(c):
    for name, value in [
        ("cache-control", "max-age=soon"), ("cache-control", "max-age"), ("x-refrain-ttl", "soon"),
        ("x-refrain-ttl", "-1s"), ("x-refrain-ttl", ""), ("x-refrain-stale-if-error", "1"), ("x-refrain-sample", "-1"),
        ("x-refrain-sample", "x"), ("x-refrain-sample", "99999999999999999999"), ("x-refrain-tag", "typo"),
        ("x-refrain-tags", "t" * 5000), ("x-refrain-version", "v" * 20000),
    ]:
        # What the last two may be is up to the policy's limits; that it is told is not.
        answer = c.ask(c.question(), **{name: value})
        if name == "x-refrain-version":
            assert answer.status in (200, 400), answer.status
            continue
        word = {"x-refrain-tags": "tag", "x-refrain-version": "version"}.get(name, name)
        answer.error(400, "invalid_request_error", word)
    assert all("version" in str(r["body"]) or b"Question" in r["body"] for r in c.upstream.requests)
    assert c.calls() <= 1, "a wrong control was sent upstream"


@check()
def scopes(c):
    q = c.question()
    first = c.ask(q, key="k1").expect(200, "MISS").body
    other = c.ask(q, key="k2").expect(200, "MISS").body
    assert first != other
    assert c.ask(q, key="k1").expect(200, "HIT-MEMORY").body == first
    assert c.ask(q, key=None, authorization="Bearer k1").expect(200, "HIT-MEMORY").body == first, "Bearer"
    assert c.ask(q, key=None, authorization="bearer k2").expect(200, "HIT-MEMORY").body == other
    c.ask(q, key=None, authorization="Basic k1").expect(200, "MISS")
    c.ask(q, key="k1", authorization="Bearer k2").expect(200, "MISS")
    c.ask(q, key="k1", anthropic_workspace_id="w").expect(200, "MISS")
    c.ask(q, key="k1", anthropic_user_profile_id="w").expect(200, "MISS")
    c.ask(q, key="k1", anthropic_version="2026-10-21").expect(200, "MISS")
    c.ask(q, key="k1", anthropic_beta="b1,b2").expect(200, "MISS")
    c.ask(q, key="k1", anthropic_beta="b2 , b1").expect(200, "HIT-MEMORY")
    for _ in range(2):
        c.ask(q, key=None).expect(200, "BYPASS", "no-credential")
    c.ask(q, key="").expect(200, "BYPASS", "no-credential")
    c.ask(b"{", key="k1").expect(200, "BYPASS", "invalid-json")
    c.ask(q, key=None, cache_control="only-if-cached").error(504, "timeout_error")


@check()
def duplicate_fields(c):
    q = c.question()
    with c.connect() as connection, connection.makefile("rb") as reader:
        def send(*lines):
            connection.sendall(
                head_of("POST", "/v1/messages", "anthropic-version: 2023-06-01", f"content-length: {len(q)}", *lines) + q)
            return read_answer(reader)

        send("x-api-key: k1").expect(200, "MISS")
        send("x-api-key: k2").expect(200, "MISS")
        send("x-api-key: k1", "x-api-key: k2").expect(200, "MISS")
        assert [v for n, v in c.upstream.requests[-1]["fields"] if n == "x-api-key"] == ["k1", "k2"], "not sent on"
        send("x-api-key: k1", "anthropic-beta: b1", "anthropic-beta: b2").expect(200, "MISS")
        assert [v for n, v in c.upstream.requests[-1]["fields"] if n == "anthropic-beta"] == ["b1", "b2"], "not sent on"
        send("x-api-key: k1", "anthropic-beta: b2,b1").expect(200, "HIT-MEMORY")
        send("x-api-key: k1", "cache-control: no-store", "cache-control: no-cache").expect(200, "BYPASS", "mode")
        # Which of two versions counts upstream is not ours to say.
        send("x-api-key: k1", "anthropic-version: 2026-10-21")
        # Two lengths that differ are how requests are smuggled.
        connection.sendall(
            head_of("POST", "/v1/messages", "x-api-key: k1", "content-length: 5", "content-length: 6") + b"12345")
        read_answer(reader).error(400, "invalid_request_error")


@check()
def two_versions(c):
    """Two anthropic-version fields are no request of either's entry: which one counts upstream is not known."""
    q = c.question()

    def send(*versions):
        with c.connect() as connection, connection.makefile("rb") as reader:
            connection.sendall(
                head_of("POST", "/v1/messages", "x-api-key: k1", f"content-length: {len(q)}",
                        *[f"anthropic-version: {version}" for version in versions]) + q)
            return read_answer(reader)

    send("2023-06-01").expect(200, "MISS")
    send("2026-10-21").expect(200, "MISS")
    assert send("2023-06-01", "2026-10-21").cache != "HIT-MEMORY", "a request of two versions got an entry of one"


# MARK: HTTP


@check()
def methods_pass_through(c):
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "PROPFIND", "SEARCH"):
        for path in ("/v1/messages", "/v1/files/file_1?x=%20y", "/a/b/v1/models?limit=1000"):
            answer = c.ask(method=method, path=path)
            assert answer.status == 200, f"{method} {path}: {answer.status} {answer.body}"
            last = c.upstream.requests[-1]
            expected = path[path.index("/v1/"):]
            assert (last["method"], last["path"]) == (method, expected), (method, path, last["method"], last["path"])
            assert bool(answer.body) == (method != "HEAD"), f"{method}: a body of {len(answer.body)} bytes"
    with c.connect() as connection, connection.makefile("rb") as reader:
        # A method that HTTP libraries do not know.
        connection.sendall(head_of("BREW", "/v1/pots", "x-api-key: k1"))
        answer = read_answer(reader)
        assert answer.status in (200, 400), answer.status
        if answer.status == 400:
            answer.error(400, "invalid_request_error")
        else:
            assert c.upstream.requests[-1]["method"] == "BREW"
    c.ask(method="GET", path="/api/hello").error(404, "not_found_error")
    c.ask(method="HEAD", path="/api/hello").expect(404)
    # A HEAD says how long the body would be, and has none: the connection stays usable.
    with c.connect() as connection, connection.makefile("rb") as reader:
        connection.sendall(
            head_of("HEAD", "/api/hello") + head_of("HEAD", "/v1/models") + head_of("GET", "/v1/models"))
        for expected in (404, 200, 200):
            line = reader.readline()
            assert line.startswith(b"HTTP/1.1 %d" % expected), line
            length = 0
            while (line := reader.readline().rstrip(b"\r\n")):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
        assert len(reader.read(length)) == length


@check()
def keep_alive_and_pipelining(c):
    questions = [c.question() for _ in range(3)]
    for _ in range(2):
        with c.connect() as connection, connection.makefile("rb") as reader:
            # Two in one write; the answers come in order, the slow one first.
            connection.sendall(post(questions[0], "x-test: slow") + post(questions[1]) + post(questions[2]))
            bodies = [json.loads(read_answer(reader).expect(200).body)["id"] for _ in range(3)]
        assert bodies == [f"msg_{number}" for number in (1, 2, 3)], bodies
    with c.connect() as connection, connection.makefile("rb") as reader:
        for number in range(50):
            connection.sendall(post(questions[number % 3]))
            read_answer(reader).expect(200, "HIT-MEMORY")
            connection.sendall(post(c.question(stream=True)))
            assert b"message_stop" in read_answer(reader).expect(200, "MISS").body
    # Pipelined over a request that is wrong, one that passes through and an early refusal's keep-alive.
    with c.connect() as connection, connection.makefile("rb") as reader:
        connection.sendall(
            post(questions[0], "x-refrain-sample: x") + head_of("GET", "/v1/models") + head_of("GET", "/nothing")
            + post(questions[1]))
        read_answer(reader).error(400, "invalid_request_error", "x-refrain-sample")
        read_answer(reader).expect(200)
        read_answer(reader).error(404, "not_found_error")
        read_answer(reader).expect(200, "HIT-MEMORY")
    with c.connect() as connection, connection.makefile("rb") as reader:
        connection.sendall(post(questions[0], "connection: close"))
        read_answer(reader).expect(200, "HIT-MEMORY")
        assert reader.read() == b"", "the connection was to be closed"
    with c.connect() as connection, connection.makefile("rb") as reader:
        q = questions[0]
        connection.sendall(
            f"POST /v1/messages HTTP/1.0\r\nx-api-key: k1\r\nanthropic-version: 2023-06-01\r\ncontent-length: {len(q)}\r\n\r\n"
            .encode() + q)
        # HTTP/1.0 without keep-alive ends with the answer; that the gateway keeps it open is a known limit of its server.
        connection.settimeout(2)
        read_answer(reader).expect(200, "HIT-MEMORY")


@check()
def expect_continue(c):
    q = c.question()
    with c.connect() as connection, connection.makefile("rb") as reader:
        for _ in range(2):
            connection.sendall(post(b"", "expect: 100-continue", length=len(q)))
            assert read_answer(reader).status == 100, "no 100 Continue"
            connection.sendall(q)
            read_answer(reader).expect(200)
        connection.sendall(post(b"", "Expect: 100-Continue", length=33 << 20))
        answer = read_answer(reader).error(413, "request_too_large")
        # The gateway cannot know that the body will not come, and gives it some seconds.
        assert reader.read() == b"", "the connection was to be closed"
    assert answer.headers.get("connection") == "close", answer.headers
    # Without waiting.
    with c.connect() as connection, connection.makefile("rb") as reader:
        connection.sendall(post(q, "expect: 100-continue"))
        answer = read_answer(reader)
        if answer.status == 100:
            answer = read_answer(reader)
        answer.expect(200, "HIT-MEMORY")
    # Through to upstream.
    with c.connect() as connection, connection.makefile("rb") as reader:
        connection.sendall(post(b"", "expect: 100-continue", path="/v1/messages/count_tokens", length=len(q)))
        assert read_answer(reader).status == 100, "no 100 Continue"
        connection.sendall(q)
        read_answer(reader).expect(200)
    assert "expect" not in c.upstream.requests[-1]["headers"], "the expectation is the connection's"


@check()
def chunked_bodies(c):
    q = c.question()
    c.ask(q).expect(200, "MISS")
    with c.connect() as connection, connection.makefile("rb") as reader:
        for size in (1, 7, 100000):
            connection.sendall(
                head_of("POST", "/v1/messages", "x-api-key: k1", "anthropic-version: 2023-06-01",
                        "transfer-encoding: chunked"))
            for start in range(0, len(q), size):
                piece = q[start:start + size]
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            connection.sendall(b"0\r\n\r\n")
            read_answer(reader).expect(200, "HIT-MEMORY")
        # More than is taken, without saying so in front.
        connection.sendall(head_of("POST", "/v1/messages", "x-api-key: k1", "transfer-encoding: chunked"))
        piece = b"%x\r\n%s\r\n" % (1 << 20, bytes(1 << 20))
        try:
            for _ in range(34):
                connection.sendall(piece)
        except OSError:
            pass
        try:
            read_answer(reader).error(413, "request_too_large")
        except ConnectionResetError:
            raise AssertionError("the answer was lost in a reset: the gateway closed while the body still came")
    # Both lengths, and a chunk that is none.
    with c.connect() as connection, connection.makefile("rb") as reader:
        connection.sendall(
            head_of("POST", "/v1/messages", "x-api-key: k1", "transfer-encoding: chunked", "content-length: 5")
            + b"5\r\nhello\r\n0\r\n\r\n")
        read_answer(reader).error(400, "invalid_request_error")
    with c.connect() as connection, connection.makefile("rb") as reader:
        connection.sendall(head_of("POST", "/v1/messages", "x-api-key: k1", "transfer-encoding: chunked") + b"zz\r\n")
        read_answer(reader).error(400, "invalid_request_error")


@check()
def path_prefixes(c):
    q = c.question()
    c.ask(q).expect(200, "MISS")
    for path in ("/foo/v1/messages?beta=true", "/v1/messages?beta=true", "/a/b/v1/messages"):
        c.ask(q, path=path).expect(200, "HIT-MEMORY")
    c.ask(c.question(), path="/foo/v1/messages?beta=true").expect(200, "MISS")
    last = c.upstream.requests[-1]["path"]
    # The query selects nothing that is in the answer, but it is the client's.
    assert last.startswith("/v1/messages"), last


def send_all_then_read(connection, megabytes):
    """What a client does that reads nothing until all of its body is sent. It must come to its answer, and soon."""
    try:
        for _ in range(megabytes):
            connection.sendall(bytes(1 << 20))
    except TimeoutError:
        raise AssertionError("the gateway has answered, and takes nothing of the body: the client waits for ever")
    except OSError:
        pass
    with connection.makefile("rb") as reader:
        try:
            return read_answer(reader)
        except ConnectionResetError:
            raise AssertionError("the answer was lost in a reset: the gateway closed while the body still came")


@check()
def too_large_bodies(c):
    """An announced body above the limit, sent without waiting for an answer."""
    with c.connect() as connection:
        connection.sendall(post(b"", length=33 << 20))
        send_all_then_read(connection, 33).error(413, "request_too_large")
    c.ask(c.question()).expect(200, "MISS")


@check("--idle-timeout", "2s", "--stall-timeout", "2s")
def slow_clients(c):
    # A head that comes a byte at a time.
    def timed(first, piece, pause):
        with c.connect() as connection, connection.makefile("rb") as reader:
            start = time.monotonic()
            connection.sendall(first)
            connection.settimeout(pause)
            answer = b""
            while time.monotonic() - start < 12:
                try:
                    received = connection.recv(65536)
                    if not received:
                        break
                    answer += received
                except TimeoutError:
                    if piece:
                        connection.sendall(piece)
            return time.monotonic() - start, answer

    def parsed(answer):
        import io
        return read_answer(io.BytesIO(answer))

    took, answer = timed(b"POST /v1/messages HTTP/1.1\r\nx-a: ", b"a", 0.2)
    assert 1.5 < took < 6, f"a slow head was let go after {took:.1f} s"
    parsed(answer).error(408, "timeout_error", "head")
    took, answer = timed(post(b'{"model":', length=1000), b"", 0.2)
    assert 1.5 < took < 6, f"a body that stalls was let go after {took:.1f} s"
    parsed(answer).error(408, "timeout_error", "body")
    took, answer = timed(head_of("POST", "/v1/files", "content-length: 1000") + b"half", b"", 0.2)
    assert 1.5 < took < 6, f"an upload that stalls was let go after {took:.1f} s"
    parsed(answer).error(408, "timeout_error", "body")
    took, answer = timed(b"", b"", 0.2)
    assert 1.5 < took < 6 and answer == b"", f"an idle connection was let go after {took:.1f} s with {answer}"
    # A slow body that goes on is none of these, and neither is a slow answer.
    q = c.question()
    with c.connect() as connection, connection.makefile("rb") as reader:
        connection.sendall(post(b"", length=len(q)))
        for start in range(0, len(q), 20):
            connection.sendall(q[start:start + 20])
            time.sleep(0.5)
        read_answer(reader).expect(200, "MISS")
        connection.sendall(post(c.question(), "x-test: hang"))
        time.sleep(3)
        connection.settimeout(0.2)
        try:
            assert connection.recv(1) and False, "a slow upstream was blamed on the client"
        except TimeoutError:
            pass
    # A client that takes nothing of a large answer does not keep its connection for ever.
    before = c.gateway.files
    connection = c.connect()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sendall(head_of("GET", "/v1/files/1/content", "x-test: download"))
    time.sleep(5)
    assert c.gateway.files <= before, "a client that reads nothing is kept"
    connection.close()


@check()
def garbage(c):
    def answer(data):
        with c.connect() as connection, connection.makefile("rb") as reader:
            connection.sendall(data)
            return read_answer(reader)

    answer(b"\x00\x01\x02garbage\r\n\r\n").error(400, "invalid_request_error")
    answer(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)).error(400, "invalid_request_error")
    answer(b"GET / HTTP/9.9\r\n\r\n")
    answer(b"GET /v1/models HTTP/1.1\r\nbad header\r\n\r\n").error(400, "invalid_request_error")
    answer(b"GET /v1/models HTTP/1.1\r\nx-a: 1\r\n b: folded\r\n\r\n")
    answer(head_of("GET", "/v1/models", "x-large: " + "x" * (90 << 10))).error(431, "invalid_request_error")
    answer(head_of("GET", "/v1/models", *[f"x-{i}: {'x' * 1000}" for i in range(100)])).error(
        431, "invalid_request_error")
    answer(head_of("GET", "/v1/" + "x" * (90 << 10))).error(431, "invalid_request_error")
    answer(head_of("CONNECT", "example.com:443"))
    answer(head_of("GET", "http://example.com/v1/models"))
    assert c.upstream.requests[-1]["headers"]["host"] in c.upstream.url, "the request's host was called"
    answer(head_of("GET", "/v1/../v1/models")).error(400, "invalid_request_error", "dot segment")
    answer(head_of("GET", "/v1/m\u00f6dels"))
    answer(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-a: \x80\xff\r\n\r\n")
    c.ask(c.question()).expect(200, "MISS")


# MARK: Clients that leave, and signals


@check()
def clients_that_leave(c):
    c.ask(c.question()).expect(200)
    time.sleep(0.5)
    before, files = c.gateway.memory, c.gateway.files
    for number in range(200):
        connection = c.connect()
        connection.sendall(post(c.question(stream=number % 2 == 0), f"x-test: {'drip' if number % 2 == 0 else 'slow'}"))
        if number % 2 == 0:
            connection.recv(100)
        if number % 4 < 2:
            # A reset rather than an end.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    # An upload that is given up, too.
    for number in range(50):
        connection = c.connect()
        connection.sendall(head_of("POST", "/v1/files", "content-length: 1000000") + bytes(1000))
        connection.close()
    c.ask(c.question()).expect(200, "MISS")
    settled = c.gateway.files_at_most(files + 110)
    for number in range(200):
        connection = c.connect()
        connection.sendall(post(c.question(stream=True), "x-test: drip"))
        connection.recv(100)
        connection.close()
    # libcurl keeps up to 100 connections to upstream open.
    ended = c.gateway.files_at_most(files + 110)
    assert ended <= files + 110, f"open files: {files} at first, {settled} then, {ended} in the end"
    assert c.gateway.memory < before + 60, f"{before:.0f} MB before, {c.gateway.memory:.0f} MB after"
    c.ask(c.question(stream=True)).expect(200, "MISS")


@check()
def many_ask_at_once(c):
    """One call upstream for all who ask the same at once, and one error."""
    for test, status in (("slow", 200), ("overloaded", 529)):
        q, before, answers = c.question(), c.calls(), []

        def one():
            answers.append(c.ask(q, x_test=test))

        threads = [threading.Thread(target=one) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {answer.status for answer in answers} == {status}, {answer.status for answer in answers}
        assert len({answer.body for answer in answers}) == 1
        calls = c.calls() - before
        assert calls == 1, f"{test}: 20 who asked the same at once came to {calls} calls"
        if status != 200:
            assert all(answer.headers.get("x-should-retry") == "true" for answer in answers), "x-should-retry was lost"


@check("--drain", "5s")
def a_signal_drains(c):
    with c.connect() as connection, connection.makefile("rb") as reader:
        connection.sendall(post(c.question(stream=True), "x-test: drip"))
        assert connection.recv(20, socket.MSG_PEEK)
        start = time.monotonic()
        c.gateway.process.send_signal(signal.SIGTERM)
        body = read_answer(reader).expect(200).body
        assert b"message_stop" in body, "a stream on its way was cut by SIGTERM"
    status = c.gateway.process.wait(timeout=8)
    took = time.monotonic() - start
    assert status == 0 and took < 4, f"status {status} after {took:.1f} s"


@check("--drain", "2s")
def a_drain_ends(c):
    with c.connect() as connection:
        connection.sendall(post(c.question(stream=True), "x-test: hang"))
        time.sleep(0.3)
        start = time.monotonic()
        c.gateway.process.send_signal(signal.SIGTERM)
        status = c.gateway.process.wait(timeout=10)
        took = time.monotonic() - start
    assert status == 0 and 1.5 < took < 5, f"status {status} after {took:.1f} s"


@check("--drain", "30s")
def a_second_signal_ends_at_once(c):
    with c.connect() as connection:
        connection.sendall(post(c.question(stream=True), "x-test: hang"))
        time.sleep(0.3)
        start = time.monotonic()
        c.gateway.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert c.gateway.process.poll() is None, "the first signal did not drain"
        c.gateway.process.send_signal(signal.SIGTERM)
        status = c.gateway.process.wait(timeout=10)
        took = time.monotonic() - start
    assert took < 3, f"status {status} after {took:.1f} s"


@check("--drain", "30s")
def idle_connections_do_not_hold_up_a_drain(c):
    with c.connect() as connection, connection.makefile("rb") as reader:
        connection.sendall(post(c.question()))
        read_answer(reader).expect(200)
        start = time.monotonic()
        c.gateway.process.send_signal(signal.SIGTERM)
        c.gateway.process.wait(timeout=10)
        assert time.monotonic() - start < 3, "an idle connection held it up"


# MARK: Bad upstreams


@check()
def kinds_of_answers(c):
    for key, path in (("k1", "/v1/files/1"), (None, "/v1/messages")):
        for test in KINDS:
            answer = c.ask(c.question(), path=path, key=key, x_test=test)
            status = {"204": 204, "304": 304, "302": 302, "599": 599}.get(test, 200)
            body = {"gzip": b"\x1f\x8babcd", "close": b"until the end", "204": b"", "304": b"", "302": b""}.get(test, b"ok")
            assert (answer.status, answer.body) == (status, body), f"{test}: {answer.status} {answer.body}"
            if test == "gzip":
                assert answer.headers["content-encoding"] == "gzip", answer.headers
            if test == "hop":
                assert "x-hop" not in answer.headers and "keep-alive" not in answer.headers, answer.headers
            assert test != "204" or "transfer-encoding" not in answer.headers, answer.headers
        with c.connect() as connection, connection.makefile("rb") as reader:
            # None of them leaves anything behind on the connection.
            for test in KINDS:
                connection.sendall(head_of("GET", "/v1/files/1", f"x-test: {test}"))
                answer = read_answer(reader)
                assert answer.status in (200, 204, 302, 304, 599), answer.status
    with c.connect() as connection, connection.makefile("rb") as reader:
        connection.sendall(head_of("GET", "/v1/files/1", "x-test: cookies"))
        assert b"".join(reader.readline() for _ in range(4)).lower().count(b"set-cookie") == 2
    c.ask(c.question(), x_test="599").expect(599)
    c.ask(c.question(), x_test="302").expect(302)


@check()
def large_uploads(c):
    c.ask(c.question()).expect(200)
    before, size, most = c.gateway.memory, 100 << 20, 0
    for chunked in (False, True):
        c.upstream.uploaded = 0
        with c.connect(timeout=60) as connection, connection.makefile("rb") as reader:
            connection.sendall(
                head_of("POST", "/v1/files", "x-api-key: k1", "content-type: multipart/form-data; boundary=x",
                        "transfer-encoding: chunked" if chunked else f"content-length: {size}"))
            piece = bytes(1 << 20)
            for _ in range(100):
                connection.sendall(b"100000\r\n" + piece + b"\r\n" if chunked else piece)
                most = max(most, c.gateway.memory)
            if chunked:
                connection.sendall(b"0\r\n\r\n")
            read_answer(reader).expect(200)
        assert c.upstream.uploaded == size, c.upstream.uploaded
    with c.connect(timeout=60) as connection, connection.makefile("rb") as reader:
        connection.sendall(head_of("GET", "/v1/files/1/content", "x-test: download"))
        # A reader that is slower than upstream.
        time.sleep(0.5)
        most = max(most, c.gateway.memory)
        assert len(read_answer(reader).expect(200).body) == size
        most = max(most, c.gateway.memory)
    assert most < before + 100, f"{before:.0f} MB before, {most:.0f} MB at most"


@check()
def early_answers(c):
    """Upstream answers before it has read the body: the client gets to see it."""
    for path in ("/v1/files", "/v1/messages/count_tokens"):
        with c.connect() as connection:
            connection.sendall(head_of("POST", path, "x-test: early", f"content-length: {50 << 20}"))
            send_all_then_read(connection, 50).error(413, "request_too_large", "early")
    # And a client that would send more only once it has seen the answer.
    with c.connect() as connection, connection.makefile("rb") as reader:
        connection.sendall(head_of("POST", "/v1/files", "x-test: early", "content-length: 1000000") + bytes(100))
        read_answer(reader).error(413, "request_too_large", "early")
    c.ask(c.question()).expect(200, "MISS")


@check()
def answers_cut_short(c):
    for test in ("short", "short-chunked"):
        for path, key in (("/v1/files/1/content", "k1"), ("/v1/messages", None)):
            try:
                answer = c.ask(c.question(), method="POST", path=path, key=key, x_test=test)
                raise AssertionError(f"{test} {path}: a whole answer, {answer.status} {answer.body}")
            except (http.client.IncompleteRead, ConnectionError):
                pass
        c.ask(c.question(), x_test=test).error(502, "api_error")
    c.ask(c.question()).expect(200, "MISS")


@check()
def upstream_that_vanishes(c):
    """A kept connection that ends without an answer may have been closed just before, so the request is sent once more.
    Not more often: each time may cost money."""
    threads = [threading.Thread(target=c.ask, args=(c.question(),), kwargs={"x_test": "slow"}) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for more in ({}, {"stream": True}):
        before = c.calls()
        c.ask(c.question(**more), x_test="vanish").error(502, "api_error")
        assert c.calls() - before <= 2, f"one request was sent {c.calls() - before} times"


@check()
def upstream_that_hangs(c):
    for path in ("/v1/messages", "/v1/files"):
        try:
            c.ask(c.question(), path=path, timeout=1, x_test="hang")
            raise AssertionError("an answer of an upstream that hangs")
        except TimeoutError:
            pass
    c.ask(c.question()).expect(200, "MISS")


@check("--timeout", "1s")
def upstream_that_is_slow(c):
    start = time.monotonic()
    c.ask(c.question(), x_test="hang").error(504, "timeout_error")
    assert time.monotonic() - start < 4


def upstream_down(command):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    gateway = Gateway(command, url, [])
    try:
        c = Context(gateway, Upstream())
        for more in ({}, {"stream": True}):
            c.ask(c.question(**more)).error(502, "api_error")
        c.ask(c.question(), key=None).error(502, "api_error")
        c.ask(method="GET", path="/v1/models").error(502, "api_error")
        # With a body: it is refused while it still comes.
        with c.connect() as connection:
            connection.sendall(head_of("POST", "/v1/files", f"content-length: {20 << 20}"))
            send_all_then_read(connection, 20).error(502, "api_error")
        assert c.ask(method="GET", path="/readyz").status == 200
    finally:
        gateway.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("refrain")
    parser.add_argument("--only")
    options = parser.parse_args()
    results = {}
    for name, function, flags in CHECKS + [("upstream_down", upstream_down, None)]:
        if options.only and name not in options.only.split(","):
            continue
        start = time.monotonic()
        gateway = None
        try:
            if flags is None:
                function(options.refrain)
            else:
                upstream = Upstream()
                gateway = Gateway(options.refrain, upstream.url, flags)
                function(Context(gateway, upstream))
                if gateway.process.poll() not in (None, 0) and "signal" not in name:
                    raise AssertionError(f"the gateway ended with {gateway.process.poll()}")
            results[name] = True
        except Exception as error:  # noqa: BLE001: the check failed, whatever it was
            results[name] = f"{type(error).__name__}: {error}"
            frame = traceback.extract_tb(error.__traceback__)[1]
            print(f"{name}: line {frame.lineno}: {results[name]}", file=sys.stderr)
        finally:
            if gateway:
                gateway.stop()
        print(f"{name}: {time.monotonic() - start:.1f} s", file=sys.stderr)
    print(json.dumps({"checks": results}))
    sys.exit(0 if all(result is True for result in results.values()) else 1)


main()
