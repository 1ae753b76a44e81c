"""LiteLLM's SDK 1.108.7 with its own caches.

`litellm.cache` is set for the whole program, and calls are `litellm.completion` and `litellm.acompletion` with `caching=True`, as in
https://docs.litellm.ai/docs/caching/all_caches:

memory      Cache(), in memory
disk        Cache(type="disk"), which is diskcache
redis       Cache(type="redis", host=…, port=…)

Past the cache by `cache={"no-cache": True, "no-store": True}`, as on that page. `completion` takes OpenAI's format, so requests are
converted: https://docs.litellm.ai/docs/providers/anthropic says to what.
"""

import json

import litellm
from litellm.caching.caching import Cache

litellm.suppress_debug_info = True
litellm.telemetry = False
SAME = {"model", "max_tokens", "temperature", "top_p", "top_k", "thinking"}


def block(each):
    """A content block as OpenAI's format has it; a document is passed as it is."""
    if each["type"] == "image":
        return {"type": "image_url", "image_url": {"url": "data:{media_type};base64,{data}".format(**each["source"])}}
    return each


def messages_of(body):
    """The messages of a request, its system prompt the first."""
    found = [{"role": "system", "content": body["system"]}] if "system" in body else []
    for message in body["messages"]:
        content, others = message["content"], []
        if isinstance(content, list):
            calls = [each for each in content if each["type"] == "tool_use"]
            results = [each for each in content if each["type"] == "tool_result"]
            if any("is_error" in each for each in results):
                raise NotImplementedError("OpenAI's format has no is_error")
            others = [{"role": "tool", "tool_call_id": each["tool_use_id"], "content": each["content"]} for each in results]
            if calls:
                found.append({"role": "assistant", "content": None, "tool_calls": [
                    {"id": each["id"], "type": "function",
                     "function": {"name": each["name"], "arguments": json.dumps(each["input"])}} for each in calls]})
            content = [block(each) for each in content if each not in calls + results]
        found += others
        if content:
            found.append({"role": message["role"], "content": content})
    return found


def converted(body):
    found = {}
    for name, value in body.items():
        if name in SAME:
            found[name] = "anthropic/" + value if name == "model" else value
        elif name == "messages":
            found["messages"] = messages_of(body)
        elif name == "stop_sequences":
            found["stop"] = value
        elif name == "tools":
            found["tools"] = [{"type": "function", "function": {
                "name": tool["name"], "description": tool["description"], "parameters": tool["input_schema"]}} for tool in value]
        elif name == "tool_choice":
            found["tool_choice"] = {"type": "function", "function": {"name": value["name"]}}
        elif name != "system":
            found[name] = value
    return found


class Peer:
    def __init__(self, settings):
        self.base_url = settings["base_url"]
        litellm.cache = {
            "memory": lambda: Cache(),
            "disk": lambda: Cache(type="disk", disk_cache_dir=settings["folder"]),
            "redis": lambda: Cache(type="redis", host=settings["redis"]["host"], port=str(settings["redis"]["port"])),
        }[settings["variant"]]()

    def arguments(self, request, cached):
        if request["raw"] is not None:
            raise NotImplementedError("sees no JSON text")
        found = converted(request["body"])
        found.update(api_base=self.base_url, api_key=request["key"], max_retries=0, num_retries=0, timeout=70)
        if request["headers"]:
            found["extra_headers"] = request["headers"]
        if request["stream"]:
            found["stream"] = True
        return {**found, "caching": True} if cached else {**found, "cache": {"no-cache": True, "no-store": True}}

    def prepare(self, request, cached=True):
        found = self.arguments(request, cached)
        if request["stream"]:
            return lambda: litellm.stream_chunk_builder(list(litellm.completion(**found)))
        return lambda: litellm.completion(**found)

    def prepare_async(self, request):
        found = self.arguments(request, True)

        async def call():
            answer = await litellm.acompletion(**found)
            if request["stream"]:
                return litellm.stream_chunk_builder([part async for part in answer])
            return answer

        return call

    @staticmethod
    def dump(answer):
        choice = answer.choices[0]
        return {"message": choice.message.model_dump(mode="json"), "stop_reason": choice.finish_reason}
