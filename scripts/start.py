#!/usr/bin/env python3
"""Set Headlight up and start it, with nothing but Python: what `make run` does, for a computer without make.

    python scripts/start.py                  # then open http://127.0.0.1:8050
    python scripts/start.py --only-set-up    # the virtual environment with everything in it, and no more

Needs Python 3.11 or newer. The first start installs PyTorch and fetches a model, which takes a few minutes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
REQUIREMENTS = ROOT / "requirements.txt"
READY = ENVIRONMENT / ".runtime-ready"  # the Makefile knows this name too
OLDEST = (3, 11)


def environment_python() -> Path:
    """The Python of the virtual environment, wherever this system puts it."""
    return ENVIRONMENT / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def has_pip() -> bool:
    """Whether the virtual environment is whole; one that was interrupted while it was made has no pip."""
    if not environment_python().is_file():
        return False
    asked = [str(environment_python()), "-m", "pip", "--version"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, check=False).returncode == 0


def is_ready() -> bool:
    """Whether everything in requirements.txt, as it is now, was installed."""
    return READY.is_file() and READY.stat().st_mtime >= REQUIREMENTS.stat().st_mtime


def commands(only_set_up: bool) -> list[list[str]]:
    """What is run, one after the other, each only when those before ended well."""
    python = str(environment_python())
    steps = [] if has_pip() else [[sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)]]
    if not is_ready():
        install = [python, "-m", "pip", "install", "--disable-pip-version-check", "-r", str(REQUIREMENTS)]
        steps += [install, [python, "-c", f"import pathlib; pathlib.Path({str(READY)!r}).touch()"]]
    if not only_set_up:
        steps += [[python, str(ROOT / "scripts" / "fetch_model.py"), "--optional"], [python, str(ROOT / "app.py")]]
    return steps


def main(arguments: list[str] | None = None) -> int:
    """Set up and start. Returns the exit status of the first step that failed, else of the app."""
    parser = argparse.ArgumentParser(description="Set Headlight up and start it.")
    parser.add_argument("--only-set-up", action="store_true", help="install everything and end")
    only_set_up = parser.parse_args(arguments).only_set_up
    if sys.version_info < OLDEST:
        print("Headlight needs Python 3.11 or newer; this is", sys.version.split()[0], file=sys.stderr)
        return 1
    for command in commands(only_set_up):
        status = run(command)
        if status:
            return status
    return 0


def run(command: list[str]) -> int:
    """The exit status of one step. Ctrl+C is for the step, which says what it makes of it."""
    with subprocess.Popen(command, cwd=ROOT) as step:
        while True:
            try:
                return step.wait()
            except KeyboardInterrupt:
                continue


if __name__ == "__main__":
    sys.exit(main())
