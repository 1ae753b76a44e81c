"""A gateway, reached by the official SDK. The variant says whose.

refrain     `refrain serve` with its defaults: docs/gateway.md
litellm     LiteLLM's proxy with ../litellm/config.yaml or config-redis.yaml. The SDK is pointed at it:
            https://docs.litellm.ai/docs/anthropic_unified/. Past its cache by `"cache": {"no-cache": true, "no-store": true}` in the
            body: https://docs.litellm.ai/docs/proxy/caching_controls
none        no cache: the SDK alone
"""

import http.client
import inspect
import json
import urllib.parse

import anthropic

KNOWN = set(inspect.signature(anthropic.resources.Messages.create).parameters)


def arguments(request):
    """The SDK's arguments for a request; what the SDK has no name for goes into `extra_body`."""
    body, found, extra = request["body"], {}, {}
    for name, value in body.items():
        (found if name in KNOWN else extra)[name] = value
    found["extra_headers"], found["extra_body"] = dict(request["headers"]), extra
    return found


class Peer:
    def __init__(self, settings):
        self.variant, self.base_url, self.credential = settings["variant"], settings["base_url"], settings.get("credential")
        self.clients = {}

    def client(self, kind, key):
        if (kind, key) not in self.clients:
            http = anthropic.DefaultAsyncHttpxClient if kind is anthropic.AsyncAnthropic else anthropic.DefaultHttpxClient
            self.clients[kind, key] = kind(
                api_key=key, base_url=self.base_url, max_retries=0, timeout=70, http_client=http(trust_env=False))
        return self.clients[kind, key]

    def settled(self, request, cached):
        """The SDK's arguments, and the key to present."""
        found, key = arguments(request), request["key"]
        if self.variant == "litellm":
            if key != "sk-one":
                raise NotImplementedError("keys of its own need a Postgres")
            key = self.credential
            if not cached:
                found["extra_body"]["cache"] = {"no-cache": True, "no-store": True}
        if self.variant == "refrain" and not cached:
            found["extra_headers"]["cache-control"] = "no-cache, no-store"
        return found, key

    def prepare(self, request, cached=True):
        found, key = self.settled(request, cached)
        if request["raw"] is not None:
            return lambda: self.post(request, found, key)
        messages = self.client(anthropic.Anthropic, key).messages
        if request["stream"]:
            def stream():
                with messages.stream(**found) as events:
                    return events.get_final_message()

            return stream
        return lambda: messages.create(**found)

    def post(self, request, found, key):
        """A body as it is, without the SDK."""
        text = request["raw"]
        if "cache" in found["extra_body"]:
            text = text.replace("{", '{"cache": {"no-cache": true, "no-store": true}, ', 1)
        headers = {"x-api-key": key, "anthropic-version": "2023-06-01", "content-type": "application/json", **found["extra_headers"]}
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.base_url).netloc, timeout=70)
        try:
            connection.request("POST", "/v1/messages", text.encode(), headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise OSError(f"{answer.status} {data[:200]!r}")
        return json.loads(data)

    def prepare_async(self, request):
        found, key = self.settled(request, True)

        async def call():
            messages = client.messages
            if request["stream"]:
                async with messages.stream(**found) as events:
                    return await events.get_final_message()
            return await messages.create(**found)

        client = self.client(anthropic.AsyncAnthropic, key)
        return call

    @staticmethod
    def dump(answer):
        return answer if isinstance(answer, dict) else answer.model_dump(mode="json")
