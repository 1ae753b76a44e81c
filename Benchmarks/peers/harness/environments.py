"""An environment for each folder that has a requirements.txt, installed once and again when that changes."""

import os
import pathlib
import shutil
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parent.parent
ROOT = FOLDER.parent.parent
PLACE = ROOT / ".build/peers"


class NotInstalled(Exception):
    """Why a peer's packages could not be installed."""


def clean_environment(**more):
    """What peers are started with: no proxies, no configuration of the user's, nothing that calls home."""
    kept = {name: value for name, value in os.environ.items()
            if "proxy" not in name.lower() and not name.startswith(("REFRAIN_", "LITELLM_", "ANTHROPIC_", "LANG", "REDIS_", "PYTHON"))}
    return kept | {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LANGSMITH_TRACING": "false", "HF_HUB_OFFLINE": "1",
        "PIP_NO_INDEX": "1", "LANG": "C.UTF-8", **more,
    }


def install(folder):
    """Installs what a folder's peer needs; the command of its Python."""
    wanted = (FOLDER / folder / "requirements.txt").read_text()
    place, python = PLACE / folder, PLACE / folder / "bin/python"
    stamp = place / "installed.txt"
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"installing {', '.join(wanted.split())}", file=sys.stderr, flush=True)
    shutil.rmtree(place, ignore_errors=True)
    for command in ([sys.executable, "-m", "venv", place],
                    [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", FOLDER / folder / "requirements.txt"]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise NotInstalled((done.stderr or done.stdout).strip().splitlines()[-1][:300])
    stamp.write_text(wanted)
    return python


def versions(python):
    """What is installed, as `name==version`."""
    return subprocess.run(
        [python, "-m", "pip", "freeze", "--disable-pip-version-check"], capture_output=True, text=True, check=True).stdout.split("\n")[:-1]
