"""Clients that leave, dawdle or send nonsense, and upstreams that fail."""

import asyncio
import json
import socket

from client import Connection, Events, body_of, request


class Wrong(Exception):
    """An answer that is not the right one for its request."""


def expect(condition, *facts):
    if not condition:
        raise Wrong(" ".join(map(str, facts)))


class Hostile:
    """Operations of the traffic: see Traffic, which has what they use."""

    async def slow_reader(self, _):
        connection = Connection(self.port)
        prompt = self.fresh(size=400000, events=200)
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        raw.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self.port))
            connection.reader, connection.writer = await asyncio.open_connection(sock=raw, limit=1 << 14)
            key = self.key()
            answer = await connection.ask(request(body_of(prompt, True), key=key))
            pause = self.random.choice([0.005, 0.02])
            async for part in answer.parts():
                answer.body += part
                await asyncio.sleep(pause)
            self.judge(answer, prompt, key, True)
        finally:
            connection.close()

    async def aborted_stream(self, _):
        connection = Connection(self.port)
        prompt = self.fresh(size=20000, events=20, pause=0.02)
        try:
            answer = await connection.ask(request(body_of(prompt, True), key=self.key()))
            expect(answer.status == 200, answer.status)
            limit = self.random.randrange(20000)
            async for part in answer.parts():
                limit -= len(part)
                if limit <= 0:
                    break
        finally:
            connection.close(abort=self.random.random() < 0.5)
        if self.random.random() < 0.3:
            other = Connection(self.port)
            try:
                await self.ask(other, prompt)
            finally:
                other.close()

    async def aborted_plain(self, _):
        connection = Connection(self.port)
        try:
            await connection.send(request(body_of(self.fresh(wait=0.2)), key=self.key()))
            await asyncio.sleep(self.random.random() * 0.25)
        finally:
            connection.close(abort=self.random.random() < 0.5)

    async def aborted_upload(self, _):
        connection = Connection(self.port)
        head = request(b"", "content-length: 5000000", method="POST", path="/v1/files", length=False)
        try:
            await connection.send(head)
            for _ in range(self.random.randrange(12)):
                await connection.send(bytes(100000))
        except ConnectionError:
            pass
        finally:
            connection.close(abort=self.random.random() < 0.5)

    async def aborted_body(self, _):
        connection = Connection(self.port)
        data = request(body_of(self.fresh(pad="x" * self.random.choice([100, 300000]))), key=self.key())
        try:
            await connection.send(data[: self.random.randrange(1, len(data))])
        finally:
            connection.close(abort=self.random.random() < 0.5)

    async def invalid(self, _):
        connection = Connection(self.port)
        body = body_of(self.fresh())
        data, status = self.random.choice([
            (request(body, "x-refrain-ttl: soon"), {400}), (request(body, "x-refrain-sample: -"), {400}),
            (request(b'{"model":'), {400}), (request(body, "cache-control: only-if-cached"), {504}),
            (b"NONSENSE\r\n\r\n", {400}), (request(body, "x-large: " + "x" * 100000), {431}),
            (request(b"", "content-length: x", length=False), {400}),
            (request(b"", "content-length: 99999999999", length=False), {413}),
        ])
        try:
            await connection.send(data)
            answer = await (await connection.head()).read()
        except (OSError, EOFError, asyncio.IncompleteReadError) as error:
            raise Wrong(f"{error!r} in place of {status} for {data[:300]!r}") from error
        finally:
            connection.close()
        expect(answer.status in status, answer.status, "in place of", status, "for", data[:300], answer.body[:200])
        expect(json.loads(answer.body)["type"] == "error", answer.body[:200])

    async def failing(self, _):
        connection = Connection(self.port)
        kind, stream = self.random.choice(["overloaded", "cut", "reset"]), self.random.random() < 0.5
        prompt = self.fresh(fail=kind, size=3000)
        try:
            answer = await connection.ask(request(body_of(prompt, stream), key=self.key()))
            ended = False
            try:
                await answer.read()
            except (EOFError, OSError):
                ended = True
        finally:
            connection.close()
        if kind == "overloaded":
            expect(answer.status == 529 and b"Overloaded" in answer.body and not ended, answer.status, answer.body[:200])
        elif kind == "reset":
            expect(answer.status == 502 and not ended, answer.status, answer.body[:200])
        elif answer.status == 200 and stream:
            names = [name for name, _ in Events().feed(answer.body)]
            expect(not ended and names[-1:] == ["error"], "a stream that was cut ends with", names[-2:], ended)
        else:
            expect(ended or answer.status == 502, "a cut answer looks whole:", answer.status, answer.body[-200:])
