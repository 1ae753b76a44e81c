"""LangChain's caches with ChatAnthropic (langchain-core 1.8.3, langchain-anthropic 1.7.10).

The cache is set for the whole program: https://reference.langchain.com/python/langchain-core/globals/set_llm_cache and
https://reference.langchain.com/python/langchain-core/caches

memory      langchain_core.caches.InMemoryCache
sqlite      langchain_community.cache.SQLiteCache: https://reference.langchain.com/python/langchain-community/cache/SQLiteCache
redis       langchain_redis.RedisCache: https://docs.langchain.com/oss/python/integrations/caches/redis_llm_caching. It needs a Redis
            with the JSON module.
redis-hash  langchain_community.cache.RedisCache, which a plain Redis is enough for
gptcache    langchain_community.cache.GPTCache: see ../gptcache/peer.py
"""

import inspect
import json
import os

import anthropic
from langchain_anthropic import ChatAnthropic
from langchain_core.globals import set_llm_cache
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

# Parameters of a request that ChatAnthropic has a field for.
FIELDS = {"model", "max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "thinking"}
ELSEWHERE = {"messages", "system", "tools", "tool_choice"}
KNOWN = set(inspect.signature(anthropic.resources.Messages.create).parameters)


def memory_cache(settings):
    from langchain_core.caches import InMemoryCache

    return InMemoryCache()


def sqlite_cache(settings):
    from langchain_community.cache import SQLiteCache

    return SQLiteCache(database_path=os.path.join(settings["folder"], ".langchain.db"))


def redis_cache(settings):
    from langchain_redis import RedisCache

    return RedisCache(redis_url="redis://{host}:{port}".format(**settings["redis"]))


def redis_hash_cache(settings):
    from langchain_community.cache import RedisCache
    from redis import Redis

    return RedisCache(Redis(**settings["redis"]))


CACHES = {"memory": memory_cache, "sqlite": sqlite_cache, "redis": redis_cache, "redis-hash": redis_hash_cache}


class Peer:
    def __init__(self, settings, cache=None):
        self.base_url = settings["base_url"]
        self.models = {}
        set_llm_cache(cache or CACHES[settings["variant"]](settings))

    def model(self, request, cached):
        """The chat model with a request's parameters; the same object for the same parameters."""
        body = request["body"]
        name = json.dumps([{key: body[key] for key in body if key not in ELSEWHERE}, request["headers"], request["key"], cached])
        if name not in self.models:
            fields = {key: value for key, value in body.items() if key in FIELDS}
            others = {key: value for key, value in body.items() if key in KNOWN - FIELDS - ELSEWHERE}
            unknown = {key: value for key, value in body.items() if key not in KNOWN | FIELDS | ELSEWHERE}
            if unknown:
                others["extra_body"] = unknown
            self.models[name] = ChatAnthropic(
                **fields, base_url=self.base_url, api_key=request["key"], max_retries=0, default_headers=request["headers"] or None,
                model_kwargs=others, cache=None if cached else False, timeout=70)
        return self.models[name]

    def asked(self, request, cached):
        """The model with its tools, and LangChain's messages."""
        if request["raw"] is not None:
            raise NotImplementedError("sees no JSON text")
        body, model = request["body"], self.model(request, cached)
        if "tools" in body:
            choice = {"tool_choice": body["tool_choice"]} if "tool_choice" in body else {}
            model = model.bind_tools(body["tools"], **choice)
        kinds = {"user": HumanMessage, "assistant": AIMessage}
        messages = [SystemMessage(body["system"])] if "system" in body else []
        return model, messages + [kinds[each["role"]](each["content"]) for each in body["messages"]]

    def prepare(self, request, cached=True):
        model, messages = self.asked(request, cached)
        if request["stream"]:
            return lambda: sum_of(list(model.stream(messages)))
        return lambda: model.invoke(messages)

    def prepare_async(self, request):
        model, messages = self.asked(request, True)

        async def call():
            if request["stream"]:
                return sum_of([part async for part in model.astream(messages)])
            return await model.ainvoke(messages)

        return call

    @staticmethod
    def dump(answer):
        return {"content": answer.content, "tool_calls": answer.tool_calls,
                "stop_reason": answer.response_metadata.get("stop_reason")}


def sum_of(parts):
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
