"""Runs one program with the official Python SDK against the Claude API and against a gateway in front of it, and compares.

    python sdk_gateway.py DIRECT GATEWAY [--model MODEL] [--only NAME]

DIRECT is the base URL of a simulated Claude (`refrain simulate --deterministic --latency 50ms --tokens-per-second 0`),
GATEWAY that of `refrain serve --upstream DIRECT`. Nobody else may use the two meanwhile: calls are counted.

The program runs three times: directly, through the gateway (misses), and through it again (hits). All three must come
to the same; the second time through the gateway must come from memory wherever that is promised, and then to the letter,
identifiers included. Between the other runs this is not compared, since it is never the same twice:

- identifiers (msg_, toolu_, req_) and signatures of thinking: each is replaced by its number, in order of appearance;
- how a stream's text is cut into deltas: neighbouring deltas of a block are joined;
- pings, and `output_tokens` in message_start, which says how far the answer was when its first event was sent;
- events of no known type, which an entry does not keep (`MessageAssembler`);
- header fields of the gateway's own, of the connection and of the moment (see MOMENTARY).

Prints one JSON object: for each check, true or what was wrong; and the version of the SDK. Exits with 1 where a check failed.
"""

import argparse
import asyncio
import gzip
import json
import re
import sys
import time
import traceback
import uuid

import anthropic

KEY = "sk-ant-api03-gateway-check"
CHECKS = []


def check(cached=None, hits=None):
    """A part of the program: an asynchronous function of a `Run` whose result is compared.

    `cached` are the values of x-refrain-cache that its calls get the first time, `hits` those of the second time.
    """

    def register(function):
        CHECKS.append((function.__name__, function, cached, hits))
        return function

    return register


def user(text):
    return [{"role": "user", "content": text}]


WEATHER = {
    "name": "get_weather",
    "description": "The weather of a place.",
    "input_schema": {
        "type": "object",
        "properties": {"location": {"type": "string"}, "unit": {"type": "string", "enum": ["C", "F"]}},
        "required": ["location", "unit"],
    },
}

# Not compared: the connection's, the moment's, and those that say how many calls there were before.
MOMENTARY = re.compile(r"date|connection|keep-alive|transfer-encoding|age|x-refrain-.*|anthropic-ratelimit-.*")
# What a hit does not keep of its call: see docs/gateway.md.
NOT_STORED = re.compile(
    r"server|anthropic-organization-id|strict-transport-security|cf-.*|vary|cache-control|content-length")


class Run:
    """One run of the program: where it calls, and what it was answered with."""

    def __init__(self, base_url, model, salt):
        self.base_url = base_url
        self.model = model
        self.salt = salt
        self.seen = []
        self.client = self.make()

    def make(self):
        def hook(response):
            self.seen.append((response.status_code, dict(response.headers)))

        return anthropic.Anthropic(
            base_url=self.base_url, api_key=KEY, max_retries=0,
            http_client=anthropic.DefaultHttpxClient(event_hooks={"response": [hook]}))

    def make_async(self, **options):
        async def hook(response):
            self.seen.append((response.status_code, dict(response.headers)))

        return anthropic.AsyncAnthropic(
            base_url=self.base_url, api_key=KEY, max_retries=0,
            http_client=anthropic.DefaultAsyncHttpxClient(event_hooks={"response": [hook]}), **options)

    def question(self, text, **more):
        """A question that nobody asked before this run of the script."""
        # Identifiers of the same length each time, so that tokens can be compared.
        return {"model": self.model, "max_tokens": 4000, "messages": user(f"{text} ({self.salt})"), **more}


def plain(message):
    return message.model_dump(mode="json", exclude_unset=True)


def merged(events):
    """The events of a stream, without what differs each time: see above."""
    result = []
    for event in events:
        if event["type"] in ("ping", "simulated_event"):
            continue
        last = result[-1] if result else None
        delta = event.get("delta", {})
        if event["type"] == "message_start":
            event["message"]["usage"].pop("output_tokens")
        if (
            event["type"] == "content_block_delta"
            and last and last["type"] == "content_block_delta"
            and (last["index"], last["delta"]["type"]) == (event["index"], delta["type"])
        ):
            for name in ("text", "thinking", "partial_json"):
                if name in delta:
                    last["delta"][name] += delta[name]
            continue
        result.append(event)
    return result


# MARK: The program


@check(["MISS"], ["HIT-MEMORY"])
async def plain_call(run):
    return plain(run.client.messages.create(**run.question("Plain")))


@check(["MISS"], ["HIT-MEMORY"])
async def raw_stream(run):
    return merged([plain(event) for event in run.client.messages.create(**run.question("Raw"), stream=True)])


@check(["MISS"], ["HIT-MEMORY"])
async def stream_helper(run):
    with run.client.messages.stream(**run.question("Helper")) as stream:
        text = "".join(stream.text_stream)
        return text, plain(stream.get_final_message()), stream.request_id


@check(["MISS"], ["HIT-MEMORY"])
async def stream_helper_events(run):
    names = []
    with run.client.messages.stream(**run.question("Helper events")) as stream:
        for event in stream:
            if event.type != "ping" and (not names or names[-1] != event.type):
                names.append(event.type)
    # A text event follows each delta, so their alternation depends on how the text was cut.
    return [name for name in names if name not in ("text", "content_block_delta")]


@check(["MISS", "HIT-MEMORY"], ["HIT-MEMORY", "HIT-MEMORY"])
async def one_entry_for_both(run):
    whole = plain(run.client.messages.create(**run.question("Both")))
    with run.client.messages.stream(**run.question("Both")) as stream:
        streamed = plain(stream.get_final_message())
    return [{**message, "id": None} for message in (whole, streamed)]


@check(["MISS"] * 2, ["HIT-MEMORY"] * 2)
async def asynchronous(run):
    async with run.make_async() as client:
        message = plain(await client.messages.create(**run.question("Async")))
        async with client.messages.stream(**run.question("Async stream")) as stream:
            text = "".join([text async for text in stream.text_stream])
            final = plain(await stream.get_final_message())
    return message, text, final


@check()
async def many_at_once(run):
    async with run.make_async() as client:
        messages = await asyncio.gather(
            *[client.messages.create(**run.question(f"Number {number % 5}")) for number in range(40)])
    return [(plain(message)["content"], plain(message)["usage"]) for message in messages]


@check(["MISS"] * 4, ["HIT-MEMORY"] * 4)
async def tools(run):
    results = []
    for stream in (False, True):
        asked = run.question(
            f"Weather in Paris? {stream}", tools=[WEATHER], tool_choice={"type": "tool", "name": "get_weather"})
        if stream:
            with run.client.messages.stream(**asked) as opened:
                message = opened.get_final_message()
        else:
            message = run.client.messages.create(**asked)
        call = [block for block in message.content if block.type == "tool_use"][0]
        # The identifier is part of the question, and so of what a simulated answer depends on: hence the echo.
        turn = [
            {"type": "tool_result", "tool_use_id": call.id, "content": "21"},
            {"type": "text", "text": "[[simulate echo]] 21 it is"},
        ]
        answer = run.client.messages.create(
            model=run.model, max_tokens=4000, tools=[WEATHER],
            messages=asked["messages"] + [
                {"role": "assistant", "content": [plain(block) for block in message.content]},
                {"role": "user", "content": turn},
            ])
        results += [plain(message), plain(answer)]
    return results


@check(["MISS"] * 2, ["HIT-MEMORY"] * 2)
async def thinking(run):
    asked = run.question("Think.", thinking={"type": "enabled", "budget_tokens": 1024})
    whole = plain(run.client.messages.create(**asked))
    with run.client.messages.stream(**{**asked, "messages": user(f"Think again. ({run.salt})")}) as stream:
        return whole, plain(stream.get_final_message())


@check(["MISS"] * 5, ["MISS", "MISS", "MISS", "HIT-MEMORY", "HIT-MEMORY"])
async def other_ends(run):
    """Ends that are not stored (refusal, pause, max_tokens), and shapes that are rare."""
    results = []
    for directive in ("refusal=bio", "stop=pause_turn", "words=900", "redacted", "tools=2"):
        limit = {"max_tokens": 10} if directive == "words=900" else {}
        results.append(plain(run.client.messages.create(
            **{**run.question(f"[[simulate {directive}]]", tools=[WEATHER]), **limit})))
    return results


@check(["MISS"] * 6)
async def unknown_shapes(run):
    results = []
    for directive in ("unknown=event", "unknown=delta", "unknown=block"):
        for stream in (True, False):
            asked = run.question(f"[[simulate {directive}]] {stream}")
            if stream:
                results.append(merged([plain(e) for e in run.client.messages.create(**asked, stream=True)]))
            else:
                results.append(plain(run.client.messages.create(**asked)))
    return results


@check(["MISS"], ["HIT-MEMORY"])
async def raw_response(run):
    raw = run.client.messages.with_raw_response.create(**run.question("Raw response"))
    message = raw.parse()
    assert raw.headers["request-id"] == message._request_id == raw.request_id, "request id"
    assert json.loads(raw.text()) == json.loads(message.to_json(exclude_unset=True)), "body"
    return raw.status_code, raw.http_response.reason_phrase, raw.text()


@check(["MISS"], ["HIT-MEMORY"])
async def streaming_response(run):
    with run.client.messages.with_streaming_response.create(**run.question("Streaming response")) as response:
        return json.loads("".join(response.iter_text()))


@check()
async def response_headers(run):
    raw = run.client.messages.with_raw_response.create(**run.question("Headers"))
    streamed = run.client.messages.with_raw_response.create(**run.question("Headers of a stream"), stream=True)
    list(streamed.parse())
    hit = raw.headers.get("x-refrain-cache", "").startswith("HIT")
    for headers in (raw.headers, streamed.headers):
        if "x-refrain-cache" in headers:
            assert re.fullmatch("[0-9a-f]{64}", headers["x-refrain-key"]), "x-refrain-key"
            assert hit == ("age" in headers), "age is on hits and nowhere else"
            assert hit == ("x-refrain-reason" not in headers), "a reason is on misses and nowhere else"
    return [
        {
            name: value for name, value in headers.items()
            if not MOMENTARY.fullmatch(name) and not NOT_STORED.fullmatch(name)
        } for headers in (raw.headers, streamed.headers)
    ]


@check()
async def headers_of_a_miss(run):
    """What a hit does not keep either: each time another question, since hits have fewer."""
    raw = run.client.messages.with_raw_response.create(**run.question(f"Miss {uuid.uuid4()}"))
    error = failure(run, {}, run.question("No such", model="claude-does-not-exist"))
    return [
        {name: value for name, value in headers.items()
         if not MOMENTARY.fullmatch(name) and name != "content-length"}
        for headers in (raw.headers, error["headers"])
    ]


def failure(run, options, asked, fault=None):
    """How a call fails, as far as a program can see."""
    client = run.client.with_options(**options)
    more = {"extra_headers": {"x-simulator-fault": fault}} if fault else {}
    try:
        result = client.messages.create(**asked, **more)
        if asked.get("stream"):
            events = []
            for event in result:
                events.append(plain(event))
    except anthropic.APIStatusError as error:
        response = {
            "class": type(error).__name__, "status": error.status_code, "message": error.message, "body": error.body,
            "request_id": error.request_id,
            "headers": {n: v for n, v in error.response.headers.items() if not MOMENTARY.fullmatch(n)},
            "attempt": error.request.headers["x-stainless-retry-count"],
        }
        if asked.get("stream") and error.status_code == 200:
            response["events"] = merged(events)[:1]
        return response
    except anthropic.APIConnectionError as error:
        return {"class": type(error).__name__}
    except Exception as error:
        # The SDK does not wrap what goes wrong within a stream.
        if type(error).__module__.partition(".")[0] not in ("httpx", "httpx2"):
            raise
        return {"class": "APIConnectionError"}
    return {"class": None}


@check()
async def errors(run):
    results = {}
    for fault in (
        "error:400", "error:401", "error:402", "error:403", "error:404", "error:409", "error:413", "error", "error:504",
        "overloaded", "rate-limit:3", "rate-limit:none", "spend-limit",
    ):
        for stream in (False, True):
            results[f"{fault} {stream}"] = failure(run, {}, run.question(f"Fails {fault}", stream=stream), fault)
    results["no such model"] = failure(run, {}, {**run.question("Hello"), "model": "claude-does-not-exist"})
    results["no messages"] = failure(run, {}, {**run.question("Hello"), "messages": []})
    results["sampling"] = failure(run, {}, run.question("Hello", extra_body={"temperature": 0.5}))
    results["version"] = failure(run, {"default_headers": {"anthropic-version": "1999-01-01"}}, run.question("Old"))
    return results


@check()
async def no_credential(run):
    class Nobody(anthropic.Anthropic):
        def _validate_headers(self, headers, custom_headers):
            pass

        @property
        def auth_headers(self):
            return {}

    client = Nobody(base_url=run.base_url, api_key="none", max_retries=0)
    try:
        client.messages.create(**run.question("Who am I?"))
    except anthropic.APIStatusError as error:
        return error.status_code, error.body
    return "no error"


@check()
async def broken_connections(run):
    """An answer that is cut short is an error, of whatever class: a gateway that has to wait for all of a plain answer can
    say 502 where without it the connection ends, and it knows a stream that only seems complete (`truncate`)."""
    for fault in ("reset", "cut:0", "cut", "truncate:4"):
        for stream in (False, True):
            if fault == "truncate:4" and not (stream and run.is_gateway):
                continue
            shown = failure(run, {}, run.question(f"Breaks {fault}", stream=stream), fault)
            assert shown["class"], f"{fault} {'as a stream' if stream else 'plain'}: taken for an answer"


@check()
async def error_event(run):
    """An error in the middle of a stream, which is not retried."""
    return failure(
        run, {"max_retries": 2}, run.question("Error event", stream=True), "error-event:5")


@check()
async def slow_drip(run):
    with run.client.messages.stream(**run.question("Drip"), extra_headers={"x-simulator-fault": "drip:40/1ms"}) as stream:
        return plain(stream.get_final_message())


@check()
async def timeouts(run):
    """A client that gives up and asks again; through the gateway the answer is under way or there by then."""
    asked = run.question("[[simulate fault=delay:2s]] Slow")
    if run.name != "hits":
        try:
            run.client.with_options(timeout=0.8).messages.create(**asked)
            return "no timeout"
        except anthropic.APITimeoutError:
            pass
    again = run.client.messages.with_raw_response.create(**asked)
    if run.is_gateway:
        cache = again.headers["x-refrain-cache"]
        assert cache in ("JOINED", "HIT-MEMORY"), f"asked again after a timeout: {cache}"
    return plain(again.parse())


@check()
async def count_tokens(run):
    asked = run.question("Count")
    asked.pop("max_tokens")
    return plain(run.client.messages.count_tokens(**asked)), plain(
        run.client.messages.count_tokens(**{**asked, "tools": [WEATHER], "system": "Be brief."}))


@check()
async def models(run):
    listed = [plain(model) for model in run.client.models.list(limit=5)]
    return listed, plain(run.client.models.retrieve(listed[0]["id"]))


@check()
async def batches(run):
    results = []
    batches = run.client.messages.batches
    for call in (
        lambda: batches.create(requests=[{"custom_id": "a", "params": run.question("Batch")}]),
        lambda: batches.list(limit=3),
        lambda: batches.retrieve("msgbatch_01"),
        lambda: batches.cancel("msgbatch_01"),
        lambda: batches.delete("msgbatch_01"),
        lambda: list(batches.results("msgbatch_01")),
    ):
        try:
            results.append(plain(call()))
        except anthropic.APIStatusError as error:
            results.append((error.status_code, error.body, error.request_id))
    return results


@check()
async def beta(run):
    """The beta resource: other headers, and ?beta=true in older versions."""
    return plain(run.client.beta.messages.create(**run.question("Beta"), betas=["context-1m-2025-08-07"]))


@check()
async def retries(run):
    """How many calls reach the API where a client retries twice: three, with and without a gateway."""
    results = {}
    for fault in ("overloaded", "spend-limit", "error:400"):
        asked = run.question(f"Retried {fault}")
        shown, calls = counting(run, lambda: failure(run, {"max_retries": 2}, asked, fault))
        results[fault] = shown["class"], shown["attempt"], calls
    asked = run.question("Retried reset")
    _, calls = counting(run, lambda: failure(run, {"max_retries": 2}, asked, "reset"))
    # Each of the three may meet a kept connection that had been closed, and is then sent once more.
    assert calls == 3 or run.is_gateway and calls <= 6, f"a reset, tried three times, came to {calls} calls"
    return results


def counting(run, ask):
    """What `ask` returns, and how many requests reached the API meanwhile, by its own count: it starts anew each minute, and
    where one ended meanwhile `ask` is called again."""
    while True:
        minute = time.time() // 60
        before = requests_of_this_minute(run)
        answer = ask()
        calls = requests_of_this_minute(run) - before - 1
        if time.time() // 60 == minute:
            return answer, calls


def requests_of_this_minute(run):
    """The requests of this minute, itself included."""
    raw = run.client.with_options(base_url=run.direct).messages.with_raw_response.create(
        model=run.model, max_tokens=5, messages=user(f"Counted {uuid.uuid4()}"))
    headers = raw.headers
    return int(headers["anthropic-ratelimit-requests-limit"]) - int(headers["anthropic-ratelimit-requests-remaining"])


@check()
async def too_large(run):
    """A body above 32 MB, from a client that sends it all before it reads."""
    shown = failure(run, {}, run.question("x" * (33 << 20)))
    return shown["class"], shown.get("status"), (shown.get("body") or {}).get("error", {}).get("type")


@check()
async def compressed(run):
    """A compressed body is sent on as it is, and finds what a plain one stored."""
    asked = run.question("Plain")
    results = []
    for question in (asked, run.question(f"Compressed {uuid.uuid4()}")):
        response = run.client._client.post(
            run.base_url + "/v1/messages", content=gzip.compress(json.dumps(question).encode()),
            headers={
                "authorization": f"Bearer {KEY}", "content-encoding": "gzip", "content-type": "application/json",
                # The version is in the key, so it must be the SDK's.
                "anthropic-version": run.client.default_headers["anthropic-version"],
            })
        if question is asked and run.is_gateway:
            cache = response.headers.get("x-refrain-cache")
            assert cache == "HIT-MEMORY", f"a compressed question that was asked plainly: {cache} {response.text}"
            continue
        if question is not asked:
            results.append((response.status_code, response.json()))
    return results


@check()
async def connections_are_kept(run):
    """Many calls over one connection, hits and misses and errors in turn."""
    import socket

    opened = []
    original = socket.create_connection

    def create_connection(*arguments, **more):
        opened.append(arguments[0])
        return original(*arguments, **more)

    socket.create_connection = create_connection
    try:
        client = run.make()
        for number in range(10):
            client.messages.create(**run.question(f"Kept {number % 3}"))
            with client.messages.stream(**run.question(f"Kept {number % 3}")) as stream:
                stream.get_final_message()
            try:
                client.messages.create(**{**run.question("No"), "model": "claude-does-not-exist"})
            except anthropic.NotFoundError:
                pass
    finally:
        socket.create_connection = original
    return len(opened)


# MARK: Comparing


def numbered(value, numbers):
    """The value with each identifier replaced by its number, in order of appearance."""
    if isinstance(value, dict):
        return {
            name: f"signature-{len(member) > 0}" if name == "signature" and isinstance(member, str)
            else f"data-{len(member) > 0}" if name == "data" and isinstance(member, str)
            else numbered(member, numbers) for name, member in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [numbered(member, numbers) for member in value]
    if isinstance(value, str):
        return re.sub(
            r"\b(msg|toolu|req)_[0-9A-Za-z]{10,}",
            lambda found: f"{found[1]}-{numbers.setdefault(found[0], len(numbers))}", value)
    return value


def difference(path, one, other):
    """The first place where two values differ; None where they are the same."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in [*one, *(name for name in other if name not in one)]:
            if name not in one or name not in other:
                return f"{path}.{name} is {'missing' if name not in other else 'new: ' + repr(other[name])}"
            found = difference(f"{path}.{name}", one[name], other[name])
            if found:
                return found
        return None
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other)):
            found = difference(f"{path}[{index}]", *pair)
            if found:
                return found
        return None
    if isinstance(one, list) and isinstance(other, list):
        common = [difference(f"{path}[{index}]", *pair) for index, pair in enumerate(zip(one, other))]
        return next(filter(None, common), None) or f"{path} has {len(other)} elements, directly {len(one)}"
    return None if one == other else f"{path} is {json.dumps(other)[:300]}, directly {json.dumps(one)[:300]}"


def perform(name, function, runs, cached, hits):
    results = []
    for run, expected in zip(runs, (None, cached, hits)):
        run.seen = []
        try:
            results.append(asyncio.run(function(run)))
        except Exception as error:
            traceback.print_exc()
            return f"{run.name}: {type(error).__name__}: {error}"
        if expected:
            caches = [headers.get("x-refrain-cache") for _, headers in run.seen]
            if caches != expected:
                return f"{run.name}: x-refrain-cache is {caches}, not {expected}"
    compared = [json.loads(json.dumps(numbered(result, {}))) for result in results]
    for index in (1, 2):
        found = difference("", compared[0], compared[index])
        if found:
            return f"{runs[index].name}: {found}"
    if hits and set(hits) == {"HIT-MEMORY"} and name not in ("one_entry_for_both",):
        exact = [json.loads(json.dumps(result)) for result in results[1:]]
        found = difference("", *exact)
        if found:
            return f"hits: not to the letter: {found}"
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("direct")
    parser.add_argument("gateway")
    parser.add_argument("--model", default="claude-haiku-4-5")
    parser.add_argument("--only")
    options = parser.parse_args()
    salt = uuid.uuid4().hex
    runs = []
    for name, url in (("direct", options.direct), ("misses", options.gateway), ("hits", options.gateway)):
        run = Run(url.rstrip("/"), options.model, salt)
        run.name, run.direct, run.is_gateway = name, options.direct, name != "direct"
        runs.append(run)
    results = {}
    for name, function, cached, hits in CHECKS:
        if options.only and name not in options.only.split(","):
            continue
        start = time.monotonic()
        results[name] = perform(name, function, runs, cached, hits)
        if results[name] is not True:
            print(f"{name}: {results[name]}", file=sys.stderr)
        print(f"{name}: {time.monotonic() - start:.1f} s", file=sys.stderr)
    print(json.dumps({"sdk": anthropic.__version__, "checks": results}))
    sys.exit(0 if all(result is True for result in results.values()) else 1)


main()
