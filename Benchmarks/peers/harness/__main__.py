"""`scripts/peers`: see there."""

import argparse
import contextlib
import json
import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "scripts/gateway_load"))
import processes  # noqa: E402

from . import answers, catalogue, environments, forms, running, speed, tables  # noqa: E402

QUESTIONS = {
    "pairs": "requests that differ in one thing, repeats written differently, failures",
    "traffic": "hit rate on requests drawn from those pairs",
    "latency": "how long a hit takes",
    "burst": "upstream calls for 50 identical requests at once",
    "redis": "what a frozen Redis costs",
    "rate": "requests a second on hits, of the gateways",
}


class Comparison:
    """Asks each question of each peer, and prints a table as soon as a question is answered."""

    def __init__(self, options, stage, run):
        self.options, self.stage, self.run = options, stage, run
        self.peers = catalogue.peers(options.only)
        self.titles = {peer.name: peer.title for peer in [*self.peers, catalogue.BARE]}
        self.report = {"load_before": processes.load(), "minutes": {}}

    def each(self, question, ask, peers):
        """What `ask` finds for each peer; a peer that cannot be started or asked is a row that says so."""
        found = {}
        for peer in peers:
            print(f"{question}: {peer.title} ({processes.load()})", file=sys.stderr, flush=True)
            try:
                with self.stage.running(peer) as worker:
                    said = worker.ask(forms.request(forms.Topic(f"{self.run}-probe").base()))
                    found[peer.name] = ask(worker) if "answer" in said else {"problem": said["error"]}
            except (processes.Failure, environments.NotInstalled, running.NoAnswer, OSError) as problem:
                found[peer.name] = {"problem": str(problem)[:300]}
        return found

    def pairs(self):
        found = self.each("pairs", lambda worker: answers.judge(worker, self.stage.upstream, self.run), self.peers)
        return found, tables.pairs(found, self.titles)

    def traffic(self):
        count = self.options.traffic
        found = self.each("traffic", lambda worker: answers.traffic(worker, self.stage.upstream, self.run, count), self.peers)
        return found, tables.traffic(found, self.titles)

    def latency(self):
        count, upstream = self.options.requests, self.stage.upstream
        found = self.each("latency", lambda worker: speed.latency(worker, upstream, self.run, count), self.peers)
        found |= self.each("latency", lambda worker: speed.latency(worker, upstream, self.run, count, cached=False), [catalogue.BARE])
        with running.Redis() as redis:
            inside = speed.inside(self.stage.binary, redis)
        return {"peers": found, "inside": inside}, tables.latency(found, self.titles, inside)

    def burst(self):
        found = self.each("burst", lambda worker: speed.burst(worker, self.stage.upstream, self.run), self.peers)
        return found, tables.burst(found, self.titles)

    def redis(self):
        found = {}
        for awaited in (False, True):
            peers = [peer for peer in self.peers if peer.uses_redis and not (awaited and peer.is_gateway)]
            asked = self.each("redis", lambda worker: speed.frozen(worker, self.run, awaited), peers)
            found |= {(name + "-asyncio" if awaited else name): each for name, each in asked.items()}
        titles = self.titles | {f"{name}-asyncio": f"{title}, asyncio" for name, title in self.titles.items()}
        return found, tables.frozen(found, titles)

    def rate(self):
        rate, not_run, titles = speed.Rate(self.stage.upstream, self.run), {}, dict(self.titles)
        with contextlib.ExitStack() as stack:
            for peer in self.peers:
                if not peer.is_gateway:
                    continue
                print(f"rate: {peer.title} ({processes.load()})", file=sys.stderr, flush=True)
                workers = os.cpu_count() if peer.uses_redis and peer.server == "litellm" else 1
                if peer.server == "litellm":
                    titles[peer.name] += f", {workers} worker{'s' if workers > 1 else ''}"
                try:
                    redis = stack.enter_context(running.Redis()) if peer.uses_redis else None
                    server = stack.enter_context(self.stage.server(peer, redis, workers))
                    problem = rate.add(peer.name, server, self.options.connections, workers)
                except (processes.Failure, environments.NotInstalled, OSError) as failure:
                    problem = str(failure)
                if problem:
                    not_run[peer.name] = problem
            rounds = rate.run(self.options.connections, self.options.seconds, self.options.rounds)
        found = {"rounds": rounds, "medians": rate.medians(), "not_run": not_run}
        return found, tables.rate(found, titles, self.options)

    def ask(self):
        for question in self.options.questions or QUESTIONS:
            started = time.monotonic()
            try:
                self.report[question], text = getattr(self, question)()
            except processes.Failure as failure:
                self.report[question], text = {}, f"### {QUESTIONS[question]}\n\nNot asked: {failure}\n"
            self.report["minutes"][question] = round((time.monotonic() - started) / 60, 1)
            print(text, flush=True)
        self.report["load_after"] = processes.load()
        return self.report

    def wrong(self):
        """What Refrain answered wrongly, and where it was not asked at all."""
        found = [f"{name}: not run: {asked[name]['problem']}" for asked in (self.report.get("pairs", {}), self.report.get("traffic", {}))
                 for name in ("refrain", "refrain-redis") if "problem" in asked.get(name, {})]
        for name in ("refrain", "refrain-redis"):
            for form, each in self.report.get("pairs", {}).get(name, {}).items():
                if form != "problem" and (each["outcome"] in ("wrong", "shared", "given again")):
                    found.append(f"{name}: {form}: {each['outcome']}")
            count = self.report.get("traffic", {}).get(name, {}).get("wrong")
            if count:
                found.append(f"{name}: {count} wrong hits in the traffic")
        return found


def installed(peers):
    """The versions of what is compared, by its folder."""
    found = {}
    for folder in sorted({peer.folder for peer in peers} | ({"litellm"} if any(peer.server == "litellm" for peer in peers) else set())):
        try:
            found[folder] = environments.versions(environments.install(folder))
        except environments.NotInstalled as problem:
            found[folder] = [f"not installed: {problem}"]
    return found


def main():
    parser = argparse.ArgumentParser(
        prog="scripts/peers",
        description="Compares Refrain with other response caches, on the same requests and the same simulated upstream.",
        epilog="Questions: " + "; ".join(f"{name}: {text}" for name, text in QUESTIONS.items())
        + ". Exits with 1 where Refrain answers wrongly.")
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help="what to ask (default: everything)")
    parser.add_argument("--requests", type=int, default=1000, help="hits that are timed, for each peer (default: 1000)")
    parser.add_argument("--traffic", type=int, default=300, help="requests of the traffic (default: 300)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"some peers: {', '.join(peer.name for peer in catalogue.PEERS)}")
    parser.add_argument("--connections", type=int, default=16, help="of wrk (default: 16)")
    parser.add_argument("--seconds", type=float, default=5, help="for each gateway and turn of wrk (default: 5)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of wrk (default: 3)")
    parser.add_argument("--json", metavar="FILE", help="write everything that was found there")
    parser.add_argument("--log", metavar="FILE", help="what peers print goes there")
    parser.add_argument("--bin", help="the refrain command (default: REFRAIN_BIN, or the release build)")
    options = parser.parse_args()
    for question in options.questions:
        if question not in QUESTIONS:
            parser.error(f"{question}: none of {', '.join(QUESTIONS)}")
    if sys.version_info < (3, 11) or sys.platform != "linux" or not shutil.which("redis-server"):
        sys.exit("scripts/peers needs Linux, Python 3.11 or later and redis-server")
    try:
        binary = processes.command(options.bin)
        peers = catalogue.peers(options.only)
    except (processes.Failure, ValueError) as failure:
        sys.exit(f"peers: {failure}")
    versions = installed(peers)
    refrain = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=environments.ROOT, capture_output=True, text=True).stdout.strip()
    print(f"Refrain {refrain}; {processes.load()}; {time.strftime('%Y-%m-%d')}\n")
    with open(options.log or os.path.join(tempfile.gettempdir(), "refrain-peers.log"), "wb") as log, running.Stage(binary, log) as stage:
        comparison = Comparison(options, stage, f"run-{secrets.token_hex(4)}")
        report = comparison.ask() | {"refrain": refrain, "versions": versions}
    problems = comparison.wrong()
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(report, indent=1) + "\n")
    print("Minutes: " + ", ".join(f"{name} {minutes}" for name, minutes in report["minutes"].items()) + f"; {report['load_after']}")
    for problem in problems:
        print(f"WRONG: {problem}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
