"""The report as tables, in Markdown."""


# What is told of the pairs behind the figures, by their kind and outcome.
LABELS = {
    "wrong hits": [("differs", "wrong"), ("repeat", "wrong")],
    "missed repeats": [("repeat", "missed")],
    "failures given again": [("fault", "given again")],
    "not offered": [("differs", "not offered"), ("repeat", "not offered")],
    "sent to upstream as one": [("differs", "not sent")],
    "errors": [("differs", "error"), ("repeat", "error"), ("fault", "error")],
}


def table(title, head, rows, notes=()):
    lines = [f"### {title}", ""]
    lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join([*lines, "", *notes, ""] if notes else [*lines, ""])


def duration(microseconds):
    """A time with three digits, in the unit that suits it."""
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if abs(microseconds) >= size:
            return f"{microseconds / size:.3g} {unit}"
    return f"{microseconds:.3g} µs"


def milliseconds(value):
    return "-" if value is None else duration(value * 1000)


def pairs(report, titles):
    """The table of pairs, and what is behind its figures."""
    rows, behind = [], {}

    def explain(name, label, found):
        if found:
            behind.setdefault((label, "; ".join(found)), []).append(titles[name])

    for name, outcomes in report.items():
        if "problem" in outcomes:
            rows.append([titles[name], f"not run: {outcomes['problem']}", *["-"] * 5])
            continue
        by = {}
        for form, each in outcomes.items():
            by.setdefault((each["kind"], each["outcome"]), []).append(form)

        def count(kind, *wanted):
            found = sum(len(by.get((kind, outcome), [])) for outcome in wanted)
            asked = sum(len(names) for (each, outcome), names in by.items()
                        if each == kind and outcome not in ("not offered", "not sent"))
            return f"{found} of {asked}"

        errors = sum(len(names) for (_, outcome), names in by.items() if outcome == "error")
        key = {"shared": "yes", "apart": "no"}.get(outcomes["another API key"]["outcome"], outcomes["another API key"]["outcome"])
        rows.append([titles[name], count("differs", "wrong"), count("repeat", "hit"), count("repeat", "wrong"), key,
                     count("fault", "given again"), errors])
        for label, kinds in LABELS.items():
            explain(name, label, [form for each in kinds for form in by.get(each, [])])
        explain(name, "hits without all that the live answer holds", [form for form, each in outcomes.items() if each.get("changed")])
    return table(
        "Pairs of requests: wrong hits, repeats written differently, failures",
        ["peer", "wrong hits, of pairs that differ", "repeats that hit", "repeats answered wrongly", "another key's answer",
         "failures given again", "errors"],
        rows, [f"- {', '.join(names)}: {label}: {found}" for (label, found), names in behind.items()])


def traffic(report, titles):
    rows, notes = [], []
    for name, found in report.items():
        if "problem" in found:
            rows.append([titles[name], f"not run: {found['problem']}", *["-"] * 6])
            continue
        if found["wrong_by"]:
            notes.append(f"- {titles[name]}: " + "; ".join(f"{text} ({count})" for text, count in found["wrong_by"].items()))
        asked = max(1, found["asked"])
        right = found["hits"] - found["wrong"]
        rows.append([
            titles[name], found["asked"], found["not_offered"], f"{100 * found['repeats'] / asked:.1f} %",
            f"{100 * right / asked:.1f} %", f"{100 * found['wrong'] / asked:.1f} % ({found['wrong']})", found["missed"], found["errors"]])
    return table(
        "Traffic drawn from all pairs of four topics: hit rate",
        ["peer", "asked", "cannot be asked", "repeats (the bound)", "right hits", "wrong hits", "repeats missed", "errors"], rows, notes)


def latency(report, titles, inside):
    rows = []
    for name, found in report.items():
        if "problem" in found:
            rows.append([titles[name], "-", f"not measured: {found['problem']}", "-"])
            continue
        for way, each in found.items():
            how = {"client": "HTTP, official SDK" if "socket" in found or name == "no-cache" else "in process",
                   "socket": "HTTP, a socket without a client"}[way]
            rows.append([titles[name], how, duration(each["p50_us"]), duration(each["p99_us"])])
    if inside is None:
        rows.append(["Refrain library", "in process", "not measured", "-"])
    for row in inside or []:
        rows.append(["Refrain library", f"in process, {row['section']}: {row['operation']}",
                     duration(row["p50_ns"] / 1000), duration(row["p99_ns"] / 1000)])
    return table("A hit: 1 KB request, 1 KB answer, one caller", ["peer", "how", "p50", "p99"], rows)


def burst(report, titles):
    rows = []
    for name, found in report.items():
        if "problem" in found:
            rows.append([titles[name], f"not run: {found['problem']}", *["-"] * 4])
            continue
        for kind, each in found.items():
            if "problem" in each:
                rows.append([titles[name], kind, f"not run: {each['problem']}", "-", "-", "-"])
                continue
            rows.append([titles[name], f"{kind}, {each['means']}", each["calls"], each["answered"],
                         f"{each['errors']} {' '.join(each['error'])}".strip(), f"{each['seconds']:.2f} s"])
    return table(
        "50 identical requests at once, upstream takes 1 s",
        ["peer", "how", "upstream calls", "answered", "errors", "all done in"], rows)


def frozen(report, titles):
    rows = []
    for name, found in report.items():
        if "problem" in found:
            rows.append([titles[name], f"not run: {found['problem']}", *["-"] * 7])
            continue
        for kind, text in (("fresh", "new"), ("known", "asked before")):
            alive, stopped = found["alive"][kind], found["frozen"][kind]
            if stopped is None:
                rows.append([titles[name], text, milliseconds(alive["p50_ms"]), milliseconds(alive["max_ms"]), *["-"] * 4, "not asked"])
                continue

            def added(key):
                return "-" if None in (alive[key], stopped[key]) else milliseconds(stopped[key] - alive[key])

            note = stopped["stopped"] or " ".join(stopped["error"])[:120]
            rows.append([
                titles[name], text, milliseconds(alive["p50_ms"]), milliseconds(alive["max_ms"]), milliseconds(stopped["p50_ms"]),
                milliseconds(stopped["max_ms"]), f"{added('p50_ms')} / {added('max_ms')}",
                f"{stopped['answered']} / {stopped['errors']}", note])
    return table(
        "Redis frozen: 20 requests one after another",
        ["peer", "requests", "p50, Redis well", "max", "p50, frozen", "max", "added p50 / max", "answered / errors of 20", ""], rows)


def rate(report, titles, options):
    rows = []
    for name, found in report["medians"].items():
        rows.append([titles[name], f"{found['rate']:.0f}", duration(found["p50_us"]), duration(found["p99_us"]),
                     duration(found["cpu_us"]), found["wrong"], found["upstream_calls"]])
    rows += [[titles[name], f"not run: {why}", *["-"] * 5] for name, why in report["not_run"].items()]
    return table(
        f"Requests a second on hits: wrk, {options.connections} connections, median of {options.rounds} turns of {options.seconds:g} s",
        ["gateway", "requests a second", "p50", "p99", "CPU a request", "failures", "upstream calls"], rows)
