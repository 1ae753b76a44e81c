"""A large upload and a large download through the pass-through: equal bytes, and a memory that stays flat."""

import hashlib
import http.client
import json
import threading
import time

import processes
from upstream import pattern

BLOCK = 251 * 1024


class Peak:
    """The largest resident memory of a server while the block runs, looked at every 50 ms."""

    def __init__(self, server):
        self.server, self.most, self.ended = server, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.ended.wait(0.05):
            self.most = max(self.most, self.server.memory)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def blocks(size):
    block = pattern(0, BLOCK)
    for start in range(0, size, BLOCK):
        yield block[: size - start]


def digest_of(size):
    digest = hashlib.sha256()
    for block in blocks(size):
        digest.update(block)
    return digest.hexdigest()


def upload(port, size, chunked):
    headers = {"x-api-key": "k1", "content-type": "application/octet-stream"}
    if not chunked:
        headers["content-length"] = str(size)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", "/v1/files", blocks(size), headers, encode_chunked=chunked)
    answer = connection.getresponse()
    echo = json.loads(answer.read())
    connection.close()
    return echo["size"], echo["sha256"]


def download(port, size, rate=None):
    """Reads a download, as fast as it comes or at `rate` bytes a second."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", f"/v1/files/{size}/content", headers={"x-api-key": "k1"})
    answer = connection.getresponse()
    count, digest, started = 0, hashlib.sha256(), time.monotonic()
    while data := answer.read(1 << 18):
        count += len(data)
        digest.update(data)
        if rate:
            time.sleep(max(0, count / rate - (time.monotonic() - started)))
    connection.close()
    return count, digest.hexdigest()


def run(options):
    binary = processes.command(options.bin)
    size = options.megabytes * 1_000_000
    small = size // 10
    digests = {each: digest_of(each) for each in (size, small)}
    measured = [
        ("upload", size, lambda port: upload(port, size, False)),
        ("upload, chunked", size, lambda port: upload(port, size, True)),
        ("download", size, lambda port: download(port, size)),
        ("slow download", small, lambda port: download(port, small, small / 10)),
    ]
    rows, problems = [], []
    with processes.upstream() as upstream, processes.gateway(binary, upstream.url) as gateway:
        for name, bytes_, transfer in measured:
            for side, port in (("direct", upstream.port), ("through", gateway.port)):
                memory, cpu, started = gateway.memory, gateway.processor_seconds, time.monotonic()
                with Peak(gateway) as peak:
                    count, found = transfer(port)
                seconds = time.monotonic() - started
                right = (count, found) == (bytes_, digests[bytes_])
                row = {"transfer": name, "side": side, "bytes": count, "equal": right,
                       "mb_per_second": round(count / 1e6 / seconds),
                       "gateway_cpu_s": round(gateway.processor_seconds - cpu, 2),
                       "rss_before_mb": round(memory / 1e6, 1), "rss_peak_mb": round(peak.most / 1e6, 1)}
                rows.append(row)
                print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
                if not right:
                    problems.append(f"{name} {side}: {count} of {bytes_} bytes, or others")
                if peak.most - memory > 30e6:
                    problems.append(f"{name} {side}: the gateway's memory grew from {memory} to {peak.most} bytes")
    print(processes.load())
    return {"transfers": rows, "load": processes.load(), "problems": problems}
