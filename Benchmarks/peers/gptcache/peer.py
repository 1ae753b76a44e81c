"""GPTCache 0.1.44, by the only way it documents for Claude: as LangChain's cache.

exact       the exact match of https://reference.langchain.com/v0.3/python/community/cache/langchain_community.cache.GPTCache.html and
            https://gptcache.readthedocs.io/en/latest/usage.html: a map from the prompt, for each model's parameters one
similar     the same pages' `init_similar_cache` with its default embedding, whose weights are downloaded from a hub at the first use
"""

import hashlib
import importlib.util
import os
import pathlib

from gptcache import Cache
from gptcache.adapter.api import init_similar_cache
from gptcache.manager.factory import manager_factory
from gptcache.processor.pre import get_prompt
from langchain_community.cache import GPTCache

specification = importlib.util.spec_from_file_location(
    "langchain_peer", pathlib.Path(__file__).resolve().parent.parent / "langchain/peer.py")
langchain_peer = importlib.util.module_from_spec(specification)
specification.loader.exec_module(langchain_peer)


class Peer(langchain_peer.Peer):
    def __init__(self, settings):
        def folder(llm):
            return os.path.join(settings["folder"], "cache_" + hashlib.sha256(llm.encode()).hexdigest())

        def exact(cache: Cache, llm: str):
            cache.init(pre_embedding_func=get_prompt, data_manager=manager_factory(manager="map", data_dir=folder(llm)))

        def similar(cache: Cache, llm: str):
            init_similar_cache(cache_obj=cache, data_dir=folder(llm))

        super().__init__(settings, GPTCache({"exact": exact, "similar": similar}[settings["variant"]]))
