"""An upstream whose answer is a digest of whatever in a request can change a model's answer.

What two requests differ in shows in their answers, so an answer that was given to another request is seen to be wrong.
The digest leaves out what the Messages API documents as no part of the prompt or of the sampling (`stream`, `metadata`, `service_tier`,
`cache_control` where the API defines it), and takes as one what the API takes as one: a string and a single text block, the order of
members outside of free-form JSON, `0` and `0.0` as a sampling parameter. It takes in the credential and the `anthropic-beta` header.

Words anywhere in a body ask for something: `size=N` characters of text, `wait=S` seconds before the answer, `fail=KIND` (see `FAULTS`).
"""

import asyncio
import decimal
import hashlib
import json
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "scripts/gateway_load"))
import upstream as base  # noqa: E402
from upstream import chunk, error, event  # noqa: E402

# What can go wrong with an answer; after a colon what it looks like.
FAULTS = {
    "overloaded": "529, an error",
    "cut": "the connection ends within the answer",
    "unfinished": "a stream that ends cleanly before its message_stop",
    "error-event": "a stream with an error event in its middle",
    "error-body": "200, with an error for its body",
    "max_tokens": "a whole answer that was stopped at max_tokens",
    "refusal": "a whole answer that is a refusal",
    "pause_turn": "a whole answer that is to be continued",
}
STOPS = ("max_tokens", "refusal", "pause_turn")
FREE_FORM = ("input_schema", "input", "input_examples", "schema")


class Number(str):
    """A number as it was written."""


def canonical(value, name=None, free=False):
    """A value as text that is equal for requests that a model could not tell apart."""
    if isinstance(value, dict):
        free = free or name in FREE_FORM
        members = [(key, canonical(member, key, free)) for key, member in value.items()
                   if free or not (key == "cache_control" and isinstance(member, (dict, type(None))))]
        return "{" + ",".join(f"{json.dumps(key)}:{member}" for key, member in (members if free else sorted(members))) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(member, None, free) for member in value) + "]"
    if isinstance(value, Number):
        return str(value) if free else str(decimal.Decimal(value).normalize())
    if not free and name in ("content", "system") and isinstance(value, str):
        return canonical([{"type": "text", "text": value}])
    return json.dumps(value)


def digest(asked, headers):
    """What the answer to a request depends on, as 64 hexadecimal digits."""
    relevant = {key: value for key, value in asked.items() if key not in ("stream", "metadata", "service_tier")}
    betas = sorted({beta.strip() for beta in headers.get("anthropic-beta", "").split(",")} - {""})
    credential = headers.get("x-api-key") or headers.get("authorization", "")
    return hashlib.sha256(json.dumps([canonical(relevant), betas, credential]).encode()).hexdigest()


class DigestUpstream(base.Upstream):
    """Answers `/v1/messages`; counts and the rest are those of the gateway's own upstream."""

    async def message(self, writer, body, headers):
        self.calls += 1
        try:
            asked = json.loads(body, parse_int=Number, parse_float=Number)
        except ValueError:
            await self.respond(writer, 400, error("invalid_request_error", "not JSON"))
            return True
        words = dict(re.findall(r"\b(size|wait|fail)=([\w.-]+)", body.decode()))
        failure = words.get("fail")
        await asyncio.sleep(float(words.get("wait", 0)))
        if failure == "overloaded":
            await self.respond(writer, 529, error("overloaded_error", "Overloaded"))
            return True
        if failure == "error-body":
            await self.respond(writer, 200, error("api_error", "Internal server error"))
            return True
        message = self.answer(asked, digest(asked, headers), int(words.get("size", 200)))
        if failure in STOPS:
            message["stop_reason"] = failure
        if asked.get("stream"):
            return await self.streamed(writer, message, failure)
        data = json.dumps(message).encode()
        if failure == "cut":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(data) + data[:-50])
            await writer.drain()
            return False
        await self.respond(writer, 200, data)
        return True

    @staticmethod
    def answer(asked, found, size):
        """The message: thinking where it was asked for, then a call of the tool that was demanded, else text."""
        content, reason = [], "end_turn"
        if isinstance(asked.get("thinking"), dict) and asked["thinking"].get("type") == "enabled":
            content.append({"type": "thinking", "thinking": f"I think of {found}.", "signature": f"c2ln{found}"})
        choice = asked.get("tool_choice") or {}
        if choice.get("type") == "tool":
            content.append({"type": "tool_use", "id": f"toolu_{found[:24]}", "name": choice["name"], "input": {"digest": found}})
            reason = "tool_use"
        else:
            content.append({"type": "text", "text": (f"{found} " + "word " * (size // 5 + 1))[:max(size, 65)]})
        return {
            "id": f"msg_{time.monotonic_ns()}", "type": "message", "role": "assistant", "model": asked["model"],
            "content": content, "stop_reason": reason, "stop_sequence": None,
            "usage": {"input_tokens": 50, "output_tokens": 40},
        }

    @staticmethod
    async def streamed(writer, message, failure):
        """The message as events. Returns whether the connection goes on."""
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nrequest-id: req_%d\r\n"
                     b"transfer-encoding: chunked\r\n\r\n" % time.monotonic_ns())
        writer.write(chunk(event("message_start", message={**message, "content": [], "stop_reason": None})))
        for index, block in enumerate(message["content"]):
            if block["type"] == "thinking":
                empty = {**block, "thinking": "", "signature": ""}
                deltas = [{"type": "thinking_delta", "thinking": block["thinking"]},
                          {"type": "signature_delta", "signature": block["signature"]}]
            elif block["type"] == "tool_use":
                empty = {**block, "input": {}}
                deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
            else:
                empty = {**block, "text": ""}
                text = block["text"]
                deltas = [{"type": "text_delta", "text": text[start : start + 100]} for start in range(0, len(text), 100)]
            writer.write(chunk(event("content_block_start", index=index, content_block=empty)))
            for number, delta in enumerate(deltas):
                writer.write(chunk(event("content_block_delta", index=index, delta=delta)))
                if number == 0 and failure in ("cut", "unfinished", "error-event"):
                    if failure == "error-event":
                        writer.write(chunk(event("error", error={"type": "overloaded_error", "message": "Overloaded"})))
                    if failure != "cut":
                        writer.write(b"0\r\n\r\n")
                    await writer.drain()
                    return failure != "cut"
            writer.write(chunk(event("content_block_stop", index=index)))
        ending = {"stop_reason": message["stop_reason"], "stop_sequence": None}
        writer.write(chunk(event("message_delta", delta=ending, usage={"output_tokens": 40}) + event("message_stop")) + b"0\r\n\r\n")
        await writer.drain()
        return True


if __name__ == "__main__":
    base.Upstream = DigestUpstream
    try:
        asyncio.run(base.main())
    except KeyboardInterrupt:
        sys.exit(0)
