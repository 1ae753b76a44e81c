"""Compares Refrain with other response caches on the same requests and the same upstream, in one run."""
