"""Who is compared, and how each is started."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Peer:
    """A peer: its folder with `peer.py` and `requirements.txt`, and the variant of it that is run."""

    name: str
    title: str
    folder: str
    variant: str
    server: str | None = None
    uses_redis: bool = False

    @property
    def is_gateway(self):
        return self.server is not None


PEERS = [
    Peer("refrain", "Refrain gateway, memory", "gateways", "refrain", "refrain"),
    Peer("refrain-redis", "Refrain gateway, Redis", "gateways", "refrain", "refrain", True),
    Peer("litellm-proxy", "LiteLLM proxy, memory", "gateways", "litellm", "litellm"),
    Peer("litellm-proxy-redis", "LiteLLM proxy, Redis", "gateways", "litellm", "litellm", True),
    Peer("litellm-memory", "LiteLLM SDK, memory", "litellm", "memory"),
    Peer("litellm-disk", "LiteLLM SDK, disk", "litellm", "disk"),
    Peer("litellm-redis", "LiteLLM SDK, Redis", "litellm", "redis", None, True),
    Peer("langchain-memory", "LangChain InMemoryCache", "langchain", "memory"),
    Peer("langchain-sqlite", "LangChain SQLiteCache", "langchain", "sqlite"),
    Peer("langchain-redis", "LangChain RedisCache (langchain-redis)", "langchain", "redis", None, True),
    Peer("langchain-redis-hash", "LangChain RedisCache (community)", "langchain", "redis-hash", None, True),
    Peer("diskcache", "diskcache memoize", "diskcache", "memoize"),
    Peer("diskcache-stampede", "diskcache memoize_stampede", "diskcache", "stampede"),
    Peer("diskcache-barrier", "diskcache memoize and barrier", "diskcache", "barrier"),
    Peer("gptcache-exact", "GPTCache exact, in LangChain", "gptcache", "exact"),
    Peer("gptcache-similar", "GPTCache similar, in LangChain (its embedding is downloaded)", "gptcache", "similar"),
]
BARE = Peer("no-cache", "no cache: the official SDK alone", "gateways", "none")


def peers(names):
    """The peers of these names, a name's beginning naming several; all of them where there is none."""
    if not names:
        return PEERS
    found = [peer for peer in PEERS if any(peer.name == name or peer.name.startswith(name + "-") for name in names)]
    unknown = [name for name in names if not any(peer.name == name or peer.name.startswith(name + "-") for peer in PEERS)]
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: none of {', '.join(peer.name for peer in PEERS)}")
    return found
