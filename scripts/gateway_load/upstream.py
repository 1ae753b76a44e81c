"""An upstream of the tests' own: what it answers follows from the request alone, and says when it was made.

A prompt of `/v1/messages` is a list of `name=value` words:

    nonce=TEXT      whatever makes the prompt another one
    size=N          characters of the answer (default 200)
    wait=S          seconds before the answer begins
    events=N        how many text deltas a stream has (default 5)
    pause=S         seconds between two deltas
    stamp=1         each delta is the sending time, in nanoseconds of the monotonic clock, and a space
    hold=WHERE      nothing more is sent until `POST /release`: from the `start`, or from the `middle` of a stream
    fail=KIND       overloaded (529), cut (the connection ends in the middle of the answer), reset (it ends before)

Everything else echoes: an upload is answered with its size and SHA-256, `/v1/files/N/content` with N bytes of `pattern`.
`GET /counts` tells how many calls there were, and `POST /hold` lets later ones stop again.
"""

import asyncio
import hashlib
import json
import sys
import time


def text_of(prompt, credential):
    """The text that the upstream answers a prompt of this credential with."""
    words = dict(word.split("=", 1) for word in prompt.split() if "=" in word)
    size = int(words.get("size", 200))
    line = hashlib.sha256(f"{credential} {prompt}".encode()).hexdigest() + " "
    return (line * (size // len(line) + 1))[:size]


def pattern(start, count):
    """Bytes of the endless file that downloads are taken from, whose period of 251 bytes is no power of two."""
    first = start % 251
    return (bytes(range(251)) * ((first + count) // 251 + 1))[first : first + count]


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(name, **members):
    return f"event: {name}\ndata: {json.dumps({'type': name, **members})}\n\n".encode()


def error(kind, message):
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()


class Upstream:
    def __init__(self):
        self.calls = 0
        self.unfinished = 0
        self.released = asyncio.Event()

    async def serve(self, reader, writer):
        try:
            while await self.one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, EOFError):
            pass
        finally:
            writer.close()

    async def one(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except asyncio.IncompleteReadError:
            return False
        method, path, _ = head[0].split(" ", 2)
        headers = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if method == "POST" and path.split("?")[0].endswith("/v1/messages"):
            body = b"".join([part async for part in self.body(reader, headers)])
            return await self.message(writer, body, headers)
        size, digest = 0, hashlib.sha256()
        async for part in self.body(reader, headers):
            size += len(part)
            digest.update(part)
        if path == "/release":
            self.released.set()
        if path == "/hold":
            self.released.clear()
        if path.startswith("/v1/files/") and path.endswith("/content"):
            await self.download(writer, int(path.split("/")[3]))
            return True
        answer = {"method": method, "path": path, "size": size, "sha256": digest.hexdigest()}
        if path == "/counts":
            answer = {"calls": self.calls, "unfinished": self.unfinished}
        await self.respond(writer, 200, json.dumps(answer).encode(), head=method == "HEAD")
        return True

    @staticmethod
    async def body(reader, headers):
        if "chunked" in headers.get("transfer-encoding", ""):
            while size := int(await reader.readline(), 16):
                yield await reader.readexactly(size)
                await reader.readline()
            await reader.readline()
            return
        left = int(headers.get("content-length", 0))
        while left:
            part = await reader.read(min(left, 1 << 18))
            if not part:
                raise EOFError
            left -= len(part)
            yield part

    @staticmethod
    async def respond(writer, status, body, head=False):
        writer.write(
            f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nrequest-id: req_{time.monotonic_ns()}\r\n"
            f"content-length: {len(body)}\r\n\r\n".encode() + (b"" if head else body))
        await writer.drain()

    @staticmethod
    async def download(writer, size):
        writer.write(
            f"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: {size}\r\n\r\n".encode())
        block = pattern(0, 251 * 1024)
        for start in range(0, size, len(block)):
            writer.write(block[: size - start])
            await writer.drain()

    async def message(self, writer, body, headers):
        self.calls += 1
        made = time.monotonic_ns()
        credential = headers.get("x-api-key", "")
        try:
            asked = json.loads(body)
            prompt = asked["messages"][0]["content"]
        except (ValueError, KeyError, TypeError):
            await self.respond(writer, 400, error("invalid_request_error", "not JSON"))
            return True
        words = dict(word.split("=", 1) for word in prompt.split() if "=" in word)
        self.unfinished += 1
        if words.get("hold") == "start":
            await self.released.wait()
        if "wait" in words:
            await asyncio.sleep(float(words["wait"]))
        failure = words.get("fail")
        if failure == "reset":
            return False
        if failure == "overloaded":
            await self.respond(writer, 529, error("overloaded_error", "Overloaded"))
            return True
        text = text_of(prompt, credential)
        message = {
            "model": asked["model"], "id": f"msg_{made}", "type": "message", "role": "assistant",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": None,
            "usage": {"input_tokens": 5, "output_tokens": 5},
        }
        if not asked.get("stream"):
            data = json.dumps(message).encode()
            if failure == "cut":
                head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(data)
                writer.write(head + data[:-50])
                await writer.drain()
                return False
            await self.respond(writer, 200, data)
        else:
            whole = await self.stream(writer, message, text, words)
            if not whole:
                return False
        self.unfinished -= 1
        return True

    async def stream(self, writer, message, text, words):
        events = int(words.get("events", 5))
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
            b"request-id: req_%d\r\ntransfer-encoding: chunked\r\n\r\n" % time.monotonic_ns())
        writer.write(chunk(
            event("message_start", message={**message, "content": [], "stop_reason": None})
            + event("content_block_start", index=0, content_block={"type": "text", "text": ""})))
        step = -(-len(text) // events)
        for number in range(events):
            if number == 1 and words.get("hold") == "middle":
                await self.released.wait()
            if number == 1 and words.get("fail") == "cut":
                await writer.drain()
                return False
            part = text[number * step : (number + 1) * step]
            if "stamp" in words:
                part = f"{time.monotonic_ns()} "
            writer.write(chunk(event("content_block_delta", index=0, delta={"type": "text_delta", "text": part})))
            await writer.drain()
            if "pause" in words:
                await asyncio.sleep(float(words["pause"]))
        writer.write(
            chunk(
                event("content_block_stop", index=0)
                + event(
                    "message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None},
                    usage={"output_tokens": 5})
                + event("message_stop")) + b"0\r\n\r\n")
        await writer.drain()
        return True


async def main():
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, backlog=4096)
    print(json.dumps({"base_url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
