"""A small HTTP/1.1 client over asyncio that sees what a connection brings, and when."""

import asyncio
import json


class Answer:
    """A response whose head has been read."""

    def __init__(self, connection, status, headers):
        self.connection = connection
        self.status = status
        self.headers = headers
        self.body = b""

    @property
    def cache(self):
        return self.headers.get("x-refrain-cache")

    async def parts(self):
        """The body as it comes. Raises EOFError where the connection ends before it does."""
        reader = self.connection.reader
        if "chunked" in self.headers.get("transfer-encoding", ""):
            while True:
                line = await reader.readline()
                if not line:
                    raise EOFError("the connection ended between two chunks")
                size = int(line, 16)
                if not size:
                    break
                data = await reader.readexactly(size + 2)
                yield data[:-2]
            await reader.readline()
            return
        left = int(self.headers.get("content-length", 0))
        while left:
            data = await reader.read(min(left, 1 << 18))
            if not data:
                raise EOFError(f"the connection ended {left} bytes before the body did")
            left -= len(data)
            yield data

    async def read(self):
        self.body = b"".join([part async for part in self.parts()])
        return self


class Connection:
    """A connection that is opened when it is first used, and again once it was closed."""

    def __init__(self, port):
        self.port = port
        self.reader = self.writer = None

    async def open(self, **options):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 18, **options)
        return self

    def close(self, abort=False):
        if self.writer:
            if abort:
                self.writer.transport.abort()
            else:
                self.writer.close()
        self.reader = self.writer = None

    async def send(self, data):
        if not self.writer:
            await self.open()
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, method="POST"):
        """The head of the next response, interim ones left out."""
        while True:
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            status = int(lines[0].split()[1])
            if status >= 200:
                break
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if method == "HEAD" or status in (204, 304):
            headers["content-length"] = "0"
            headers.pop("transfer-encoding", None)
        return Answer(self, status, headers)

    async def ask(self, data, method="POST"):
        """Sends a whole request, and reads the head of its answer. An idle connection that was closed is opened again."""
        fresh = not self.writer
        try:
            await self.send(data)
            return await self.head(method)
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            if fresh or getattr(error, "partial", b""):
                raise
        self.close()
        await self.send(data)
        return await self.head(method)


def request(body, *lines, method="POST", path="/v1/messages", key="k1", length=True):
    """The bytes of a request."""
    fields = [f"{method} {path} HTTP/1.1", "host: localhost", f"x-api-key: {key}", "anthropic-version: 2023-06-01"]
    if length:
        fields += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*fields, *lines, "", ""]).encode() + body


def body_of(prompt, stream=False):
    members = {"model": "claude-haiku-4-5", "max_tokens": 100, "messages": [{"role": "user", "content": prompt}]}
    return json.dumps({**members, "stream": True} if stream else members).encode()


class Events:
    """Splits a stream into its events: feed it what came, and it returns the (name, members) that are complete."""

    def __init__(self):
        self.rest = b""

    def feed(self, data):
        *whole, self.rest = (self.rest + data).split(b"\n\n")
        events = []
        for lines in whole:
            name, data = None, []
            for line in lines.split(b"\n"):
                if line.startswith(b"event:"):
                    name = line[6:].strip().decode()
                elif line.startswith(b"data:"):
                    data.append(line[5:])
            events.append((name, json.loads(b"\n".join(data))))
        return events


def message_of(body, stream):
    """The id and the text of a whole answer. Raises ValueError where it is not whole."""
    if not stream:
        message = json.loads(body)
        return message["id"], "".join(block["text"] for block in message["content"])
    splitter = Events()
    events = [event for event in splitter.feed(body) if event[0] != "ping"]
    names = [name for name, _ in events]
    if splitter.rest or names[:1] + names[-1:] != ["message_start", "message_stop"] or names.count("message_stop") != 1:
        raise ValueError(f"not a whole stream: {names[:2]} … {names[-2:]}, {splitter.rest[:40]!r} left")
    text = "".join(members["delta"]["text"] for name, members in events if name == "content_block_delta")
    return events[0][1]["message"]["id"], text


def percentile(values, share):
    """The nearest rank of a list."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
