"""The mixed traffic of a soak: each operation raises Wrong where the gateway answers otherwise than it should."""

import asyncio
import gzip
import hashlib
import json
import random
import time

from client import Connection, body_of, message_of, request
from hostile import Hostile, Wrong, expect
from upstream import chunk, text_of

# What a request may take beyond the freshness that it asks for, in seconds: an answer is made before it is stored.
SLACK = 1.0


class Traffic(Hostile):
    """Operations on one gateway. Their randomness comes from `seed`."""

    def __init__(self, port, seed):
        self.port = port
        self.random = random.Random(seed)
        self.number = 0
        self.run = f"{seed}-{time.time_ns():x}"
        self.results = {}
        self.operations = [
            (45, self.hit), (15, self.miss), (8, self.short_lived), (1, self.slow_reader), (5, self.aborted_stream),
            (3, self.aborted_plain), (2, self.joined), (1, self.aborted_upload), (1, self.aborted_body), (6, self.passed),
            (2, self.upload), (4, self.invalid), (1, self.purge), (2, self.pipelined), (3, self.encoded),
            (3, self.failing),
        ]
        self.weights = [weight for weight, _ in self.operations]

    def choose(self):
        return self.random.choices(self.operations, self.weights)[0][1]

    def fresh(self, **words):
        self.number += 1
        return " ".join([f"nonce={self.run}-{self.number}", *(f"{name}={value}" for name, value in words.items())])

    def key(self):
        return f"k{self.random.randrange(3)}"

    def judge(self, answer, prompt, key, stream):
        """Checks a whole answer of 200; returns when it was made, in seconds of the monotonic clock."""
        expect(answer.status == 200, answer.status, answer.body[:300], "for", prompt)
        try:
            identifier, text = message_of(answer.body, stream)
        except (ValueError, KeyError) as error:
            raise Wrong(f"{error} in {len(answer.body)} bytes for {prompt}: …{answer.body[-200:]!r}") from error
        expect(text == text_of(prompt, key), "another text for", prompt, "of", key, answer.headers, text[:100])
        expect(answer.cache, "no x-refrain-cache", answer.headers)
        self.results[answer.cache] = self.results.get(answer.cache, 0) + 1
        return int(identifier.removeprefix("msg_")) / 1e9

    async def ask(self, connection, prompt, *lines, stream=None):
        key = self.key()
        stream = self.random.random() < 0.5 if stream is None else stream
        answer = await (await connection.ask(request(body_of(prompt, stream), *lines, key=key))).read()
        return answer, self.judge(answer, prompt, key, stream)

    async def hit(self, connection):
        number = min(int(self.random.expovariate(0.03)), 300)
        await self.ask(connection, f"nonce={self.run}-hot-{number} size={200 + number * 37}")

    async def miss(self, connection):
        prompt = self.fresh(size=self.random.choice([300, 2000, 20000, 60000]), events=self.random.choice([1, 5, 40]))
        answer, _ = await self.ask(connection, prompt)
        expect(answer.cache == "MISS", answer.cache, "for a request that is new")

    async def short_lived(self, connection):
        prompt = f"nonce={self.run}-short-{self.random.randrange(20)} size=500"
        before = time.monotonic()
        answer, made = await self.ask(connection, prompt, "x-refrain-ttl: 1s")
        age = before - made
        expect(age <= 1 + SLACK, "an answer of", age, "s ago, where 1 s was asked for", answer.headers)

    async def joined(self, _):
        """Six callers of one request; two of them leave."""
        prompt = self.fresh(size=5000, events=10, pause=0.02, wait=0.1)
        key = self.key()

        async def caller(leaves):
            connection = Connection(self.port)
            stream = self.random.random() < 0.7
            try:
                await connection.send(request(body_of(prompt, stream), key=key))
                if leaves:
                    await asyncio.sleep(self.random.random() * 0.3)
                    return None
                answer = await (await connection.head()).read()
                return self.judge(answer, prompt, key, stream)
            finally:
                connection.close(abort=leaves)

        made = await asyncio.gather(*(caller(number in (0, 3)) for number in range(6)))
        expect(len(set(made) - {None}) == 1, "callers that asked at once got several answers:", set(made))

    async def passed(self, connection):
        method = self.random.choice(["GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "PROPFIND"])
        path = f"/prefix/v1/models/{self.random.randrange(1000)}?limit=3"
        body = self.random.randbytes(200) if method in ("POST", "PUT", "PATCH") else b""
        answer = await (await connection.ask(request(body, method=method, path=path), method)).read()
        expect(answer.status == 200, answer.status, answer.body[:200], "for", method, path)
        if method == "HEAD":
            expect(answer.body == b"", "a body for HEAD")
            return
        echo = json.loads(answer.body)
        wanted = (method, path.removeprefix("/prefix"), len(body), hashlib.sha256(body).hexdigest())
        expect((echo["method"], echo["path"], echo["size"], echo["sha256"]) == wanted, echo, "is not", wanted)

    async def upload(self, connection):
        body = self.random.randbytes(self.random.choice([100, 70000, 1500000]))
        answer = await (await connection.ask(request(body, path="/v1/files"))).read()
        expect(answer.status == 200, answer.status, answer.body[:200])
        digest = json.loads(answer.body)["sha256"]
        expect(digest == hashlib.sha256(body).hexdigest(), "an upload of", len(body), "bytes changed")

    async def purge(self, connection):
        """What was purged by its tag is made anew."""
        number = self.random.randrange(8)
        prompt, line = f"nonce={self.run}-tagged-{number} size=300", f"x-refrain-tags: t{number}"
        await self.ask(connection, prompt, line)
        before = time.monotonic()
        data = request(json.dumps({"tags": [f"t{number}"]}).encode(), path="/_refrain/api/purge")
        answer = await (await connection.ask(data)).read()
        expect(answer.status == 200, answer.status, answer.body)
        _, made = await self.ask(connection, prompt, line)
        expect(made >= before, "an answer made", before - made, "s before its purge")

    async def pipelined(self, _):
        connection = Connection(self.port)
        asked, data = [], b""
        for _ in range(self.random.randrange(2, 9)):
            number, key, stream = self.random.randrange(40), self.key(), self.random.random() < 0.5
            prompt = f"nonce={self.run}-hot-{number} size={200 + number * 37}" if number % 3 else self.fresh(wait=0.02)
            asked.append((prompt, key, stream))
            data += request(body_of(prompt, stream), key=key)
        try:
            await connection.send(data)
            for prompt, key, stream in asked:
                answer = await (await connection.head()).read()
                self.judge(answer, prompt, key, stream)
        finally:
            connection.close()

    async def encoded(self, connection):
        """Bodies in chunks, compressed, or behind `Expect: 100-continue`."""
        key, stream = self.key(), self.random.random() < 0.5
        number = self.random.randrange(60)
        prompt = f"nonce={self.run}-hot-{number} size={200 + number * 37}"
        body = body_of(prompt, stream)
        kind = self.random.choice(["chunked", "gzip", "expect"])
        if kind == "gzip":
            packed = gzip.compress(body)
            data = request(packed, "content-encoding: gzip", key=key)
        elif kind == "chunked":
            pieces = b"".join(chunk(body[start : start + 50]) for start in range(0, len(body), 50))
            data = request(b"", "content-type: application/json", "transfer-encoding: chunked", key=key, length=False)
            data += pieces + b"0\r\n\r\n"
        else:
            data = request(body, "expect: 100-continue", key=key)
        if kind == "gzip":
            # The upstream reads no compressed body, so the answer must be stored. Now and then it has been evicted since.
            answer = await (await connection.ask(request(body, key=key))).read()
            self.judge(answer, prompt, key, stream)
        answer = await (await connection.ask(data)).read()
        if kind == "gzip" and answer.status == 400 and answer.cache == "MISS":
            return
        self.judge(answer, prompt, key, stream)
