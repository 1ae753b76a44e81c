"""Calls a server that speaks the Claude Messages API with the official Python SDK, and says what came of it.

    python sdk_check.py BASE_URL [--faults] [--model MODEL]

Prints one JSON object: for each check, true or what went wrong; and the version of the SDK. Exits with 1 where a check
failed. With --faults, checks that need a simulated Claude behind the server run too: they ask for faults in the header
x-simulator-fault, and for answers in the header x-simulator, which the server must pass on.
"""

import argparse
import asyncio
import json
import sys
import traceback

import anthropic

CHECKS = []


def check(function):
    CHECKS.append((function.__name__, function, False))
    return function


def simulated(function):
    CHECKS.append((function.__name__, function, True))
    return function


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


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


class Context:
    def __init__(self, base_url, model):
        self.base_url = base_url
        self.model = model
        self.client = self.make()

    def make(self, **options):
        options.setdefault("api_key", "sk-ant-api03-check")
        return anthropic.Anthropic(base_url=self.base_url, **options)


@check
def plain(c):
    raw = c.client.messages.with_raw_response.create(model=c.model, max_tokens=200, messages=user("Hello"))
    message = raw.parse()
    assert raw.headers["request-id"] == message._request_id, "request id"
    assert message.type == "message" and message.role == "assistant", "shape"
    assert message.model.startswith(c.model), message.model
    assert text_of(message), "no text"
    assert message.stop_reason in ("end_turn", "max_tokens"), message.stop_reason
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0, "usage"
    assert message.usage.cache_creation.ephemeral_5m_input_tokens == 0, "cache creation"


@check
def streaming(c):
    names = []
    text = ""
    for event in c.client.messages.create(model=c.model, max_tokens=200, messages=user("Hello"), stream=True):
        names.append(event.type)
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            text += event.delta.text
    assert names[0] == "message_start" and names[-1] == "message_stop", names
    assert "message_delta" in names and text, names


@check
def stream_helper(c):
    with c.client.messages.stream(model=c.model, max_tokens=200, messages=user("Hi there")) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text == text_of(message) and text, "text"
    assert message.stop_reason and message.usage.output_tokens > 0, "final message"


@check
def async_calls(c):
    async def run():
        client = anthropic.AsyncAnthropic(base_url=c.base_url, api_key="sk-ant-api03-check")
        calls = [
            client.messages.create(model=c.model, max_tokens=50, messages=user(f"Number {number}"))
            for number in range(20)
        ]
        messages = await asyncio.gather(*calls)
        async with client.messages.stream(model=c.model, max_tokens=50, messages=user("Async")) as stream:
            messages.append(await stream.get_final_message())
        await client.close()
        return messages

    messages = asyncio.run(run())
    assert len({message.id for message in messages}) == 21, "ids"


@check
def bearer_token(c):
    client = c.make(api_key=None, auth_token="token")
    assert text_of(client.messages.create(model=c.model, max_tokens=50, messages=user("Hello"))), "no text"


@check
def tools(c):
    for stream in (False, True):
        arguments = dict(
            model=c.model, max_tokens=500, messages=user("Weather in Paris?"), tools=[WEATHER],
            tool_choice={"type": "tool", "name": "get_weather"},
        )
        if stream:
            with c.client.messages.stream(**arguments) as opened:
                message = opened.get_final_message()
        else:
            message = c.client.messages.create(**arguments)
        assert message.stop_reason == "tool_use", message.stop_reason
        call = [block for block in message.content if block.type == "tool_use"][0]
        assert list(call.input) == ["location", "unit"] and call.input["unit"] in ("C", "F"), call.input
        conversation = user("Weather in Paris?") + [
            {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in message.content]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "21"}]},
        ]
        answer = c.client.messages.create(model=c.model, max_tokens=200, messages=conversation, tools=[WEATHER])
        assert answer.stop_reason in ("end_turn", "max_tokens") and text_of(answer), answer.stop_reason


@check
def thinking(c):
    arguments = dict(
        model=c.model, max_tokens=3000, messages=user("Think."), thinking={"type": "enabled", "budget_tokens": 1024}
    )
    with c.client.messages.stream(**arguments) as stream:
        streamed = stream.get_final_message()
    for message in (c.client.messages.create(**arguments), streamed):
        block = message.content[0]
        assert block.type == "thinking" and block.thinking and block.signature, block
        assert text_of(message), "no text"


@check
def count_tokens(c):
    counted = c.client.messages.count_tokens(model=c.model, messages=user("Hello"))
    message = c.client.messages.create(model=c.model, max_tokens=20, messages=user("Hello"))
    assert counted.input_tokens == message.usage.input_tokens, counted


@check
def prompt_cache(c):
    system = [{"type": "text", "text": "word " * 6000, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    usages = [
        c.client.messages.create(model=c.model, max_tokens=20, system=system, messages=user(text)).usage
        for text in ("One", "Two")
    ]
    first = usages[0]
    # A server that was asked before may have it already.
    assert first.cache_creation.ephemeral_1h_input_tokens + first.cache_read_input_tokens > 5000, first
    assert usages[1].cache_read_input_tokens > 5000, usages[1]


@check
def models(c):
    ids = [model.id for model in c.client.models.list()]
    assert len(ids) > 5 and len(ids) == len(set(ids)), ids
    assert c.client.models.retrieve(ids[0]).id == ids[0], "retrieve"


@check
def not_found(c):
    try:
        c.client.messages.create(model="claude-does-not-exist", max_tokens=5, messages=user("Hello"))
    except anthropic.NotFoundError as error:
        assert error.status_code == 404 and error.body["error"]["type"] == "not_found_error", error.body
        assert error.body["error"]["message"] == "model: claude-does-not-exist", error.body
        assert error.request_id == error.body["request_id"], error.request_id
    else:
        raise AssertionError("no error")


@check
def bad_request(c):
    try:
        c.client.messages.create(model=c.model, max_tokens=5, messages=[])
    except anthropic.BadRequestError as error:
        assert error.body["error"]["type"] == "invalid_request_error", error.body
    else:
        raise AssertionError("no error")
    try:
        c.client.messages.create(model=c.model, max_tokens=5, messages=user("x"), extra_body={"temperature": 0.5})
    except anthropic.BadRequestError as error:
        assert error.body["error"]["message"] == "temperature: Extra inputs are not permitted", error.body
    else:
        raise AssertionError("no error")


def raises(c, fault, expected, retries=0, **arguments):
    client = c.make(max_retries=retries, timeout=20)
    headers = {"x-simulator-fault": fault}
    try:
        client.messages.create(
            model=c.model, max_tokens=50, messages=user(f"Fault {fault}"), extra_headers=headers, **arguments
        )
    except expected as error:
        return error
    raise AssertionError(f"{fault}: no error")


@simulated
def typed_errors(c):
    for fault, expected in [
        ("error:400", anthropic.BadRequestError), ("error:401", anthropic.AuthenticationError),
        ("error:403", anthropic.PermissionDeniedError), ("error:404", anthropic.NotFoundError),
        ("error:409", anthropic.ConflictError), ("rate-limit:3", anthropic.RateLimitError),
        ("spend-limit", anthropic.RateLimitError), ("error", anthropic.InternalServerError),
        ("overloaded", anthropic.InternalServerError),
    ]:
        error = raises(c, fault, expected)
        assert error.request_id == error.body["request_id"], fault
        assert error.response.headers.get("retry-after") == ("3" if fault == "rate-limit:3" else None), fault


@simulated
def futile_retries(c):
    # x-should-retry: false holds, although the status is one that is retried.
    error = raises(c, "spend-limit", anthropic.RateLimitError, retries=2)
    assert error.request.headers["x-stainless-retry-count"] == "0", error.request.headers


@simulated
def broken_connections(c):
    raises(c, "reset", anthropic.APIConnectionError)
    raises(c, "cut", anthropic.APIConnectionError)


@simulated
def error_event(c):
    client = c.make(max_retries=2)
    events = []
    try:
        for event in client.messages.create(
            model=c.model, max_tokens=200, messages=user("Error event"), stream=True,
            extra_headers={"x-simulator-fault": "error-event:5"},
        ):
            events.append(event.type)
    except anthropic.APIStatusError as error:
        assert error.status_code == 200 and error.body["error"]["type"] == "overloaded_error", error.body
    else:
        raise AssertionError("no error")
    assert events[0] == "message_start", events


@simulated
def slow_drip(c):
    with c.client.messages.stream(
        model=c.model, max_tokens=50, messages=user("Drip"), extra_headers={"x-simulator-fault": "drip:20/1ms"}
    ) as stream:
        assert text_of(stream.get_final_message()), "no text"


@simulated
def answers_on_request(c):
    def ask(directive, **arguments):
        arguments = {"model": c.model, "max_tokens": 500, "messages": user(f"Asked: {directive}"), **arguments}
        return c.client.messages.create(extra_headers={"x-simulator": directive}, **arguments)

    refusal = ask("refusal=bio")
    assert refusal.stop_reason == "refusal" and refusal.stop_details.category == "bio", refusal
    assert ask("stop=pause_turn").stop_reason == "pause_turn", "pause"
    assert ask("redacted").content[0].type == "redacted_thinking", "redacted"
    parallel = ask("tools=2", tools=[WEATHER])
    assert [block.type for block in parallel.content] == ["tool_use", "tool_use"], parallel
    stopped = ask("words=300", max_tokens=10)
    assert stopped.stop_reason == "max_tokens" and stopped.usage.output_tokens == 10, stopped
    with c.client.messages.stream(
        model=c.model, max_tokens=500, messages=user("Unknown"), extra_headers={"x-simulator": "unknown=delta"}
    ) as stream:
        assert text_of(stream.get_final_message()), "unknown delta"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("base_url")
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--model", default="claude-haiku-4-5")
    options = parser.parse_args()
    context = Context(options.base_url, options.model)
    results = {}
    for name, function, needs_simulation in CHECKS:
        if needs_simulation and not options.faults:
            continue
        try:
            function(context)
            results[name] = True
        except Exception as error:  # noqa: BLE001: the check failed, whatever it was
            results[name] = f"{type(error).__name__}: {error}"
            traceback.print_exc()
    print(json.dumps({"sdk": anthropic.__version__, "checks": results}))
    sys.exit(0 if all(result is True for result in results.values()) else 1)


main()
