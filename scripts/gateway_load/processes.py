"""Servers that a measurement starts, and what the system knows about them."""

import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import urllib.request

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent


class Failure(Exception):
    """What stops a measurement; its text is shown."""


def command(option):
    """The `refrain` command: the option's, REFRAIN_BIN's, the repository's release build, or the one on the path."""
    candidates = [option, os.environ.get("REFRAIN_BIN"), str(ROOT / ".build/release/refrain"), shutil.which("refrain")]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return candidate
        if candidate and candidate in candidates[:2]:
            raise Failure(f"{candidate} is not a program; --bin or REFRAIN_BIN names the refrain command")
    raise Failure("no refrain command: build it with `swift build -c release --product refrain`, or name it with --bin")


def raise_file_limit():
    """Raises this process's soft limit of open files to the hard one, for the processes that it starts too."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def end(process):
    """Ends a process, and kills it where it has not ended in ten seconds."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Server:
    """A process that prints its address as JSON, as `refrain serve --json` does. It is ended with the `with` block."""

    def __init__(self, arguments, log=None):
        environment = {n: v for n, v in os.environ.items() if not n.startswith("REFRAIN_") and "proxy" not in n.lower()}
        self.log = open(log, "ab") if log else None
        self.process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=self.log or subprocess.DEVNULL, env=environment)
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"{' '.join(map(str, arguments))} did not start: exit status {self.process.wait()}")
        self.url = json.loads(line)["base_url"]
        self.port = int(self.url.rsplit(":", 1)[1])
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process)
        self.process.stdout.close()
        if self.log:
            self.log.close()

    @property
    def is_running(self):
        return self.process.poll() is None

    def status(self, name):
        with open(f"/proc/{self.pid}/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))

    @property
    def memory(self):
        """Resident bytes."""
        return self.status("VmRSS") * 1024

    @property
    def threads(self):
        return self.status("Threads")

    @property
    def files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    @property
    def processor_seconds(self):
        return processor_seconds(self.pid)

    def metrics(self):
        """The samples of `/metrics`, by name with labels."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.url + "/metrics", timeout=20) as answer:
            lines = answer.read().decode().splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line and line[0] != "#"}


def processor_seconds(pid):
    """Processor time that a process has used, its threads included."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def connections_to(port):
    """Connections of this machine to a port of its own, on the side that made them."""
    with open("/proc/net/tcp") as lines:
        rows = [line.split() for line in list(lines)[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def gateway(binary, upstream, *options, log=None):
    return Server([binary, "serve", "--upstream", upstream, "--port", "0", "--json", *options], log)


def simulator(binary, *options):
    return Server([binary, "simulate", "--port", "0", "--json", "--deterministic", *options])


def upstream():
    return Server([sys.executable, str(FOLDER / "upstream.py")])


def load():
    """The machine's load over the last minute, and its processors."""
    return f"load {os.getloadavg()[0]:.2f} on {os.cpu_count()} processors"
