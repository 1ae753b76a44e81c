"""Opens the dashboard of a running gateway in a headless Chromium, and says whether it shows what the API tells.

    python dashboard_check.py BASE_URL

The gateway must answer from a simulated Claude: requests are sent to it. Where it has had none yet, the page's hint is
checked first. Where its admin surface wants a token, only the question for the token is checked. Nobody else may send it
requests meanwhile. Needs Python 3 alone, and a Chromium: REFRAIN_CHROMIUM, or one of the usual names on the PATH.

Prints one line for each check. Exit status: 0 all hold, 1 one does not, or there is no browser or gateway.
"""

import html.parser
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

HOSTILE_TAG = "<img src=x onerror=\"document.title='owned'\">"
RESULTS = ["hit-memory", "hit-redis", "hit-disk", "joined", "stale", "miss", "bypass", "error"]
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "headless_shell"]
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}

failures = []


def check(name, holds, told=""):
    """Prints whether something holds, and what was there instead where it does not."""
    print(f"{'ok  ' if holds else 'FAIL'} {name}{'' if holds or not told else ': ' + told}")
    if not holds:
        failures.append(name)


def stop(message):
    print(f"FAIL {message}")
    sys.exit(1)


# Asking the gateway.


def ask(url, body=None, headers=None):
    """The status and the bytes of an answer."""
    request = urllib.request.Request(url, data=None if body is None else json.dumps(body).encode(), headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError as error:
        stop(f"the gateway cannot be asked for {url}: {error}")


def statistics(base):
    """The status of the statistics, and the statistics."""
    status, data = ask(base + "/_refrain/api/stats")
    return status, json.loads(data)


def send(base, text, **headers):
    fields = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"model": "claude-haiku-4-5", "max_tokens": 2000, "messages": [{"role": "user", "content": text}]}
    ask(base + "/v1/messages", body, fields)


# Opening the page.


def browser():
    """The path of a Chromium."""
    for name in [os.environ.get("REFRAIN_CHROMIUM"), *BROWSERS]:
        if name and (path := shutil.which(name)):
            return path
    stop("there is no Chromium: install one, or name it in REFRAIN_CHROMIUM")


class Page(html.parser.HTMLParser):
    """What a browser made of the page: its elements, each with its attributes and its text."""

    def __init__(self, dom, log):
        super().__init__()
        self.log = log
        self.elements = []
        self.by_id = {}
        self.open = []
        self.feed(dom)

    def handle_starttag(self, tag, attributes):
        element = {"tag": tag, "attributes": dict(attributes), "text": "", "parent": self.open[-1] if self.open else None}
        self.elements.append(element)
        if "id" in element["attributes"]:
            self.by_id[element["attributes"]["id"]] = element
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        while self.open and self.open.pop()["tag"] != tag:
            pass

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def text(self, identity):
        """The text of the element with an id; empty where there is none."""
        return self.by_id.get(identity, {"text": ""})["text"].strip()

    def shows(self, identity):
        """Whether an element is there, and neither it nor one around it is hidden."""
        element = self.by_id.get(identity)
        if element is None:
            return False
        while element:
            if "hidden" in element["attributes"] or (element["tag"] == "dialog" and "open" not in element["attributes"]):
                return False
            element = element["parent"]
        return True


def open_page(path, base):
    """Opens the dashboard for some seconds of the page's own time, and gives what is there then."""
    with tempfile.TemporaryDirectory() as profile:
        command = [
            path, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
            f"--user-data-dir={profile}", "--enable-logging=stderr", "--virtual-time-budget=6000", "--dump-dom",
            base + "/_refrain/",
        ]
        try:
            run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=180)
        except subprocess.TimeoutExpired:
            stop("Chromium did not come to an end within 3 minutes")
    log = run.stderr.decode(errors="replace")
    if run.returncode != 0 or not run.stdout:
        stop(f"Chromium ended with {run.returncode}: {log[-2000:]}")
    return Page(run.stdout.decode(errors="replace"), log)


# The checks.


def check_common(page, refusals=0):
    """What holds in every state. `refusals`: whether the browser may tell of requests that were answered with 401."""
    lines = [line for line in page.log.splitlines() if "CONSOLE" in line]
    lines = [line for line in lines if not (refusals and "401" in line)]
    check("the console is silent", not lines, " | ".join(lines)[:1000])
    check("no element came from a name", not any(element["tag"] == "img" for element in page.elements))
    title = next((element["text"] for element in page.elements if element["tag"] == "title"), "")
    check("no name was run", title == "Refrain", f"the title is {title!r}")
    foreign = [
        value for element in page.elements for name, value in element["attributes"].items()
        if name in ("src", "href") and value and not value.startswith("data:")
    ]
    check("nothing is loaded from elsewhere", not foreign, str(foreign))


def check_locked(page):
    check("the page asks for the token", page.shows("token-value"))
    check("no figures are shown", not page.shows("share") and not page.shows("purge-form"))
    check_common(page, refusals=1)


def check_empty(page, base):
    check("an empty gateway shows the hint", page.shows("empty"))
    told = page.text("hint-shell")
    check("the hint has the gateway's address", told == f"export ANTHROPIC_BASE_URL={base}", told)
    check("no figures are shown", not page.shows("share") and not page.shows("recent"))
    check("the purge form is there", page.shows("purge-form"))
    check_common(page)


def number(text):
    digits = text.replace(",", "")
    return int(digits) if digits.isdigit() else None


def check_figures(page, stats):
    check("the page is live", page.text("connection") == "Live", page.text("connection"))
    check("the hint is gone", not page.shows("empty"))
    for result in RESULTS:
        count = stats["results"][result]
        # A tier that is not there and answered nothing is not told of.
        shown = number(page.text(f"count-{result}") or "0")
        check(f"{result} is {count}", shown == count, f"the page says {page.text(f'count-{result}')!r}")
    check("all requests are counted", f"of {stats['requests']:,} requests" in page.text("share-note"), page.text("share-note"))
    for result, reasons in stats["reasons"].items():
        for reason in reasons:
            check(f"the reason {reason} is told ({result})", reason in page.text("reasons"))
    for model in stats["models"][:5]:
        check(f"the model {model['name']} is listed", model["name"] in page.text("tables"))
    tags = [tag["name"] for tag in stats["tags"]]
    check("the gateway counted the hostile tag", HOSTILE_TAG in tags, str(tags))
    check("the hostile tag is shown as text", HOSTILE_TAG[:50] in page.text("tables"))
    rows = sum(1 for e in page.elements if e["tag"] == "tr" and e["parent"] is page.by_id.get("recent-rows"))
    expected = min(50, len(stats["recent"]))
    check(f"{expected} recent requests are listed", rows == expected, f"there are {rows}")
    for tier in stats["tiers"]:
        check(f"the tier {tier['name']} is {tier['state']}", tier["state"] in page.text("tiers"))
    check_common(page)


def main():
    if len(sys.argv) != 2:
        stop("usage: dashboard_check.py BASE_URL")
    base = sys.argv[1].rstrip("/")
    path = browser()
    status, stats = statistics(base)
    if status == 401:
        check_locked(open_page(path, base))
    elif status != 200:
        stop(f"the statistics are answered with {status}: {stats}")
    else:
        if stats["requests"] == 0:
            check_empty(open_page(path, base), base)
        else:
            print("skip the empty state: the gateway has had requests")
        for text in ["one", "one", "two", "one"]:
            send(base, text, x_api_key="sk-ant-check", x_refrain_tags=HOSTILE_TAG)
        send(base, "three")
        send(base, "two", x_api_key="sk-ant-check", cache_control="no-cache")
        _, stats = statistics(base)
        page = open_page(path, base)
        check_figures(page, stats)
    print(f"{len(failures)} failed" if failures else "all hold")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
