"""The start without make: which steps are run, and what Ctrl+C and a broken environment make of them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

import scripts.start as start


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A project without an environment."""
    monkeypatch.setattr(start, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(start, "READY", tmp_path / ".venv" / ".runtime-ready")
    monkeypatch.setattr(start, "REQUIREMENTS", tmp_path / "requirements.txt")
    start.REQUIREMENTS.write_text("")
    return tmp_path


def names(only_set_up=False) -> list[str]:
    """The steps in a word each."""
    words = {"venv": "venv", "install": "install", "-c": "ready", "fetch_model.py": "fetch", "app.py": "app"}
    return [
        next(word for key, word in words.items() if any(part.endswith(key) for part in command[1:]))
        for command in start.commands(only_set_up)
    ]


def test_a_fresh_clone_gets_everything_and_then_starts(place):
    assert names() == ["venv", "install", "ready", "fetch", "app"]
    assert names(only_set_up=True) == ["venv", "install", "ready"]


def test_the_second_start_only_starts(place, monkeypatch):
    monkeypatch.setattr(start, "has_pip", lambda: True)
    start.ENVIRONMENT.mkdir()
    start.READY.touch()
    assert names() == ["fetch", "app"]
    os.utime(start.REQUIREMENTS, (time.time() + 10,) * 2)
    assert names() == ["install", "ready", "fetch", "app"]


def test_an_environment_without_pip_is_made_again(place, monkeypatch):
    monkeypatch.setattr(start, "environment_python", lambda: place / "python")
    assert not start.has_pip()
    (place / "python").write_text(f"#!/bin/sh\nexec {sys.executable} -c 'raise SystemExit(1)'\n")
    (place / "python").chmod(0o755)
    assert not start.has_pip()
    monkeypatch.setattr(start, "environment_python", lambda: start.Path(sys.executable))
    assert start.has_pip()


def test_the_first_step_that_fails_ends_it(place, monkeypatch):
    begun = []
    monkeypatch.setattr(start, "commands", lambda _only: [["one"], ["two"], ["three"]])
    monkeypatch.setattr(start, "run", lambda command: begun.append(command[0]) or (command[0] == "two") * 7)
    assert start.main([]) == 7
    assert begun == ["one", "two"]


def test_ctrl_c_ends_the_step_and_not_the_start():
    code = "import time\ntry:\n    time.sleep(20)\nexcept KeyboardInterrupt:\n    raise SystemExit(0)"
    threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    command = [
        sys.executable,
        "-c",
        "import os, signal, threading, time\n"
        "threading.Timer(2.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n" + code,
    ]
    assert start.run(command) == 0
    assert time.monotonic() - began < 15
