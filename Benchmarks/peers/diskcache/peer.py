"""diskcache 5.6.3 around the official SDK.

memoize     `Cache.memoize`: https://grantjenks.com/docs/diskcache/tutorial.html
stampede    `memoize_stampede`, which needs an expiry: https://grantjenks.com/docs/diskcache/case-study-landing-page-caching.html
barrier     the same page's answer to many callers of a function at once: a look-up, then a lock, then a look-up again.
            The lock is one for the whole function, so calls of different requests wait for each other too.
"""

import inspect

import anthropic
import diskcache

KNOWN = set(inspect.signature(anthropic.resources.Messages.create).parameters)
WEEK = 7 * 24 * 3600


class Peer:
    def __init__(self, settings):
        self.variant, self.base_url = settings["variant"], settings["base_url"]
        self.cache = diskcache.Cache(settings["folder"])
        self.asks = {}

    def ask(self, key, cached):
        """`messages.create` of a client with this key, memoized."""
        if (key, cached) in self.asks:
            return self.asks[key, cached]
        client = anthropic.Anthropic(
            api_key=key, base_url=self.base_url, max_retries=0, timeout=70,
            http_client=anthropic.DefaultHttpxClient(trust_env=False))

        def create(**request):
            return client.messages.create(**request)

        if cached:
            create = self.memoized(create)
        self.asks[key, cached] = create
        return create

    def memoized(self, create):
        if self.variant == "memoize":
            return self.cache.memoize()(create)
        if self.variant == "stampede":
            return diskcache.memoize_stampede(self.cache, expire=WEEK)(create)
        inner = diskcache.barrier(self.cache, diskcache.Lock)(self.cache.memoize(expire=WEEK)(create))
        return self.cache.memoize(expire=0)(inner)

    def prepare(self, request, cached=True):
        if request["stream"]:
            raise NotImplementedError("a stream cannot be memoized")
        if request["raw"] is not None:
            raise NotImplementedError("sees no JSON text")
        found, extra = {}, {}
        for name, value in request["body"].items():
            (found if name in KNOWN else extra)[name] = value
        if request["headers"]:
            found["extra_headers"] = request["headers"]
        if extra:
            found["extra_body"] = extra
        ask = self.ask(request["key"], cached)
        return lambda: ask(**found)

    @staticmethod
    def dump(answer):
        return answer.model_dump(mode="json")
