"""Whether a peer's answers are those that upstream would have given, and which repeats it answers itself."""

import collections
import json
import random
import re
import time

from . import forms

# Some peers store an answer after they have given it.
PAUSE = 0.05


def digest_of(said):
    """The digest in an answer; None where there is no answer."""
    found = re.search(r"[0-9a-f]{64}", json.dumps(said.get("answer")))
    return found.group() if found else None


def substance(value):
    """An answer without what has no content: members that are null or empty, ids of messages, and notes of the library's."""
    if isinstance(value, dict):
        kept = {key: substance(member) for key, member in value.items()
                if key not in ("usage", "provider_specific_fields") and not (key == "id" and str(member).startswith("msg_"))}
        return {key: member for key, member in kept.items() if member not in (None, [], {}, "")}
    return [substance(member) for member in value] if isinstance(value, list) else value


class Judge:
    """Asks a peer both requests of a pair, and says what came of it."""

    def __init__(self, worker, upstream):
        self.worker, self.upstream = worker, upstream
        self.truths = {}

    def truth(self, request):
        """The digest that upstream gives through this peer, past its cache."""
        name = json.dumps(request)
        if name not in self.truths:
            self.truths[name] = self.worker.ask(request, cached=False)
        return self.truths[name]

    def ask(self, request):
        """The answer, and whether upstream was called for it."""
        before = self.upstream.calls
        said = self.worker.ask(request)
        called = self.upstream.calls > before
        if called:
            time.sleep(PAUSE)
        return said, called

    def pair(self, form):
        if form.kind == "fault":
            return self.fault(form)
        truths = [self.truth(form.first), self.truth(form.second)]
        for truth in truths:
            if "not_offered" in truth:
                return {"outcome": "not offered", "why": truth["not_offered"]}
            if "error" in truth:
                return {"outcome": "error", "why": truth["error"]}
        first, called = self.ask(form.first)
        if "error" in first:
            return {"outcome": "error", "why": first["error"]}
        second, called = self.ask(form.second)
        if "error" in second:
            return {"outcome": "error", "why": second["error"]}
        given, truth = digest_of(second), digest_of(truths[1])
        if called:
            return {"outcome": "missed" if form.kind == "repeat" else "apart"}
        if given != truth:
            return {"outcome": "shared" if form.kind == "key" else "wrong"}
        if form.kind == "differs" and digest_of(truths[0]) == truth:
            return {"outcome": "not sent"}
        return {"outcome": "hit", "changed": form.kind == "repeat" and substance(truths[1]["answer"]) != substance(second["answer"])}

    def fault(self, form):
        first, _ = self.ask(form.first)
        if "not_offered" in first:
            return {"outcome": "not offered", "why": first["not_offered"]}
        second, called = self.ask(form.second)
        outcome = "asked again" if called else "given again" if "answer" in second else "error"
        return {"outcome": outcome, "first": first.get("error") or "an answer", "why": second.get("error")}


def judge(worker, upstream, run):
    """What came of each pair, by its name."""
    judged = Judge(worker, upstream)
    return {name: {"kind": kind, **judged.pair(forms.form(name, f"{run}-{number}"))}
            for number, (name, kind) in enumerate(forms.names())}


def traffic(worker, upstream, run, count, seed=1):
    """Requests drawn from all pairs of a few topics: how many repeat, how many the peer answers itself, and how many of those wrongly."""
    drawn = random.Random(seed)
    topics = [[(form.name, request) for form in forms.Topic(f"{run}-traffic-{number}").forms() if form.kind != "key"
               for request in (form.first, form.second)] for number in range(4)]
    judged = Judge(worker, upstream)
    seen, found = set(), {"asked": 0, "repeats": 0, "hits": 0, "wrong": 0, "missed": 0, "errors": 0, "not_offered": 0}
    wrong, owners = collections.Counter(), {}
    for _ in range(count):
        name, request = drawn.choice(drawn.choices(topics, weights=[8, 4, 2, 1])[0])
        truth = judged.truth(request)
        if "not_offered" in truth:
            found["not_offered"] += 1
            continue
        said, called = judged.ask(request)
        found["asked"] += 1
        if "error" in said or "error" in truth:
            found["errors"] += 1
            continue
        wanted, repeated = digest_of(truth), digest_of(truth) in seen
        owners.setdefault(wanted, name)
        found["repeats"] += repeated
        found["hits"] += not called
        if not called and digest_of(said) != wanted:
            found["wrong"] += 1
            wrong[f"{name}: given the answer to {owners.get(digest_of(said))}"] += 1
        found["missed"] += called and repeated
        seen.add(wanted)
    return found | {"wrong_by": dict(wrong)}
