"""Pairs of requests: that differ in one thing that changes the answer, that are the same written differently, and whose answers fail.

A request is what `request` returns: a body of the Messages API, headers of its own, the API key, and whether it is streamed. With `raw` it
is the body's text, which only a peer that is reached over HTTP can be asked with.
"""

import base64
import copy
import dataclasses
import json
import struct
import zlib

from .upstream import FAULTS

MODEL = "claude-sonnet-4-5"
TOOL = {
    "name": "look_up", "description": "Looks a word up.",
    "input_schema": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
}
OTHER_TOOL = {
    "name": "tell_time", "description": "Tells the time of a place.",
    "input_schema": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
}


def request(body, headers=None, key="sk-one", stream=False, raw=None):
    return {"body": body, "headers": headers or {}, "key": key, "stream": stream, "raw": raw}


def picture(grey):
    """A picture of one pixel, as base64."""

    def part(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    data = part(b"IHDR", header) + part(b"IDAT", zlib.compress(bytes([0, grey]))) + part(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + data).decode()


@dataclasses.dataclass(frozen=True)
class Form:
    """A first request and a second one. `kind` is "differs", "repeat", "key" or "fault"."""

    name: str
    kind: str
    first: dict
    second: dict


class Topic:
    """The pairs about one nonce: no request of a topic is one of another's."""

    def __init__(self, nonce):
        self.nonce = nonce
        self.question = f"nonce={nonce} What is a quokka?"

    def base(self, **members):
        """The plain request of the topic, with members replaced; those that are None are left out."""
        body = {
            "model": MODEL, "max_tokens": 300, "system": "Answer briefly.", "temperature": 0.5,
            "messages": [{"role": "user", "content": self.question}],
        }
        return {key: value for key, value in {**body, **members}.items() if value is not None}

    def said(self, content, **members):
        return self.base(messages=[{"role": "user", "content": content}], **members)

    def turns(self, *contents, **members):
        roles = ("user", "assistant")
        return self.base(
            messages=[{"role": roles[number % 2], "content": content} for number, content in enumerate(contents)], **members)

    def after_tool(self, arguments=None, result=None):
        """A conversation in which a tool was called."""
        call = {"type": "tool_use", "id": "toolu_01", "name": "look_up", "input": arguments or {"word": "quokka"}}
        answer = {"type": "tool_result", "tool_use_id": "toolu_01", "content": "a marsupial", **(result or {})}
        return self.turns(self.question, [call], [answer], tools=[TOOL])

    def differing(self):
        """Pairs whose answers differ, as (what differs, first body, second body)."""
        base, said, question = self.base, self.said, self.question
        text = {"type": "text", "text": question}
        plain, shot = base(), {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": picture(1)}}
        other = copy.deepcopy(shot)
        other["source"]["data"] = picture(2)
        paper = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Quokkas are small."}}
        property_named = copy.deepcopy(TOOL)
        property_named["input_schema"]["properties"]["cache_control"] = {"type": "string"}
        property_other = copy.deepcopy(property_named)
        property_other["input_schema"]["properties"]["cache_control"] = {"type": "integer"}
        thinking = {"type": "enabled", "budget_tokens": 1024}
        return [
            ("system prompt", plain, base(system="Answer at length.")),
            ("system prompt or none", plain, base(system=None)),
            ("letter case of the question", plain, said(question.replace("quokka", "Quokka"))),
            ("a space at the question's end", plain, said(question + " ")),
            ("a no-break space", plain, said(question.replace("What is", "What\u00a0is"))),
            ("composed or decomposed é", said(question + " caf\u00e9"), said(question + " cafe\u0301")),
            ("where a text block ends", said([{"type": "text", "text": question + " One two"}]),
             said([{"type": "text", "text": question + " One "}, {"type": "text", "text": "two"}])),
            ("order of turns", self.turns(question, "Yes.", "Is it?"), self.turns("Is it?", "Yes.", question)),
            ("who said it", self.turns(question, "It hops.", "Go on."), base(messages=[
                {"role": "user", "content": question}, {"role": "user", "content": "It hops."},
                {"role": "user", "content": "Go on."}])),
            ("the answer's beginning given", plain, self.turns(question, "A quokka is")),
            ("model", plain, base(model="claude-haiku-4-5")),
            ("model or its alias", plain, base(model="claude-sonnet-4-5-20250929")),
            ("max_tokens", plain, base(max_tokens=301)),
            ("temperature", plain, base(temperature=0.6)),
            ("top_p", base(temperature=None, top_p=0.5), base(temperature=None, top_p=0.6)),
            ("top_k", base(top_k=10), base(top_k=20)),
            ("stop_sequences", plain, base(stop_sequences=["END"])),
            ("thinking", base(temperature=None, max_tokens=2000), base(temperature=None, max_tokens=2000, thinking=thinking)),
            ("thinking budget", base(temperature=None, max_tokens=2000, thinking=thinking),
             base(temperature=None, max_tokens=2000, thinking={**thinking, "budget_tokens": 1500})),
            ("effort", base(output_config={"effort": "low"}), base(output_config={"effort": "high"})),
            ("tools", base(tools=[TOOL]), base(tools=[TOOL, OTHER_TOOL])),
            ("tools or none", plain, base(tools=[TOOL])),
            ("order of tools", base(tools=[TOOL, OTHER_TOOL]), base(tools=[OTHER_TOOL, TOOL])),
            ("a tool's description", base(tools=[TOOL]), base(tools=[{**TOOL, "description": "Looks it up."}])),
            ("a tool's property named cache_control", base(tools=[property_named]), base(tools=[property_other])),
            ("tool_choice", base(tools=[TOOL]), base(tools=[TOOL], tool_choice={"type": "tool", "name": "look_up"})),
            ("bytes of a picture", said([shot, text]), said([other, text])),
            ("citations", said([paper, text]), said([{**paper, "citations": {"enabled": True}}, text])),
            ("a tool call's argument", self.after_tool({"word": "quokka"}), self.after_tool({"word": "wombat"})),
            ("1 or 1.0 as an argument", self.after_tool({"n": 1}), self.after_tool({"n": 1.0})),
            ("integers beyond 2^53", self.after_tool({"n": 9007199254740992}), self.after_tool({"n": 9007199254740993})),
            ("an argument named cache_control", self.after_tool({"cache_control": "a"}), self.after_tool({"cache_control": "b"})),
            ("a tool's result", self.after_tool(), self.after_tool(result={"content": "a car"})),
            ("is_error of a tool's result", self.after_tool(), self.after_tool(result={"is_error": True})),
            ("text that looks like a parameter", base(system="Be brief.", temperature=0),
             {key: value for key, value in base(system="Be brief.temperature: 0").items() if key != "temperature"}),
            ("a parameter of tomorrow", base(future_option=1), base(future_option=2)),
        ]

    def same(self):
        """Pairs of requests that are the same to a model, as (what differs, first request, second request)."""
        plain = self.base()
        turned = dict(reversed(plain.items()))
        block = {"type": "text", "text": self.question}
        system = {"type": "text", "text": "Answer briefly."}
        long = ["What?", "That.", "Why?", "So.", "And?", "No.", self.question]
        zero = self.base(temperature=0)
        thought = self.base(temperature=None, max_tokens=2000, thinking={"type": "enabled", "budget_tokens": 1024})
        pairs = [
            ("the same again", plain, plain),
            ("the same again, seven turns", self.turns(*long), self.turns(*long)),
            ("the same again, a tool demanded", *[self.base(tools=[TOOL], tool_choice={"type": "tool", "name": "look_up"})] * 2),
            ("the same again, with thinking", thought, thought),
            ("metadata", self.base(metadata={"user_id": "a"}), self.base(metadata={"user_id": "b"})),
            ("service_tier", self.base(service_tier="auto"), self.base(service_tier="standard_only")),
            ("cache_control", self.base(system=[system]),
             self.base(system=[{**system, "cache_control": {"type": "ephemeral"}}])),
            ("order of members", plain, turned),
            ("order of members of a block", self.said([block]), self.said([dict(reversed(block.items()))])),
            ("0 or 0.0", zero, self.base(temperature=0.0)),
            ("string or text block", plain, self.said([block])),
            ("string or text block as system", plain, self.base(system=[system])),
        ]
        return [(name, request(first), request(second)) for name, first, second in pairs] + [
            ("a stream after a plain call", request(plain), request(plain, stream=True)),
            ("a plain call after a stream", request(plain, stream=True), request(plain)),
            ("a stream after a stream", request(plain, stream=True), request(plain, stream=True)),
            ("a stream after a stream, with thinking", request(thought, stream=True), request(thought, stream=True)),
            ("order of betas", request(plain, {"anthropic-beta": "one-2026-01-01,two-2026-01-01"}),
             request(plain, {"anthropic-beta": "two-2026-01-01,one-2026-01-01"})),
            ("spaces in the JSON", request(plain, raw=json.dumps(plain)), request(plain, raw=json.dumps(plain, indent=2))),
            ("escapes in the JSON", request(plain, raw=json.dumps(plain)),
             request(plain, raw=json.dumps(plain).replace("quokka", "quok\\u006ba"))),
        ]

    def forms(self):
        """All pairs but those whose answers fail."""
        plain = self.base()
        return (
            [Form(name, "differs", request(first), request(second)) for name, first, second in self.differing()]
            + [Form("anthropic-beta", "differs", request(plain), request(plain, {"anthropic-beta": "context-1m-2025-08-07"}))]
            + [Form(name, "repeat", first, second) for name, first, second in self.same()]
            + [Form("another API key", "key", request(plain), request(plain, key="sk-two"))])

    def faults(self):
        """Requests whose answers fail, asked twice: a fault is given again where the second asks nobody."""
        found = []
        for fault in FAULTS:
            for stream in (False, True):
                if (fault == "error-body" and stream) or (fault in ("unfinished", "error-event") and not stream):
                    continue
                body = self.said(f"{self.question} fail={fault}")
                asked = request(body, stream=stream)
                found.append(Form(f"{fault}, {'stream' if stream else 'plain'}", "fault", asked, asked))
        return found


def form(name, nonce):
    """The pair of a name, about a nonce of its own."""
    topic = Topic(nonce)
    return next(each for each in topic.forms() + topic.faults() if each.name == name)


def names():
    """The names and kinds of all pairs, in order."""
    topic = Topic("name")
    return [(each.name, each.kind) for each in topic.forms() + topic.faults()]
