"""Where Headlight keeps models that it made into safetensors itself: `models/` in HEADLIGHT_DATA_DIR.

A folder there is written under a hidden name and renamed when everything in it has been checked, so none is ever half
there. `source.json` in it says what it was made from.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from utils.errors import UserError
from utils.settings import Settings

NOTE = "source.json"
PARTIAL_PREFIX = ".partial-"
SPARE_BYTES = 100 * 2**20  # nobody likes a disk that is full to the last byte


@dataclass(frozen=True)
class SourceNote:
    """What a stored model was made from.

    Args: made_from: the package and its version, or the file. quantisation: of the weights as they were distributed,
    such as Q4_1. bits: about how many each weight took there. hashes: SHA-256 by file name, of what was read. version:
    of a file on this computer, what tells that it is another one by now.
    """

    made_from: str
    quantisation: str
    bits: int
    hashes: dict[str, str]
    version: str = ""


def stored_models(settings: Settings) -> Path:
    """The directory of stored models; it need not exist."""
    return settings.data_dir / "models"


def read_note(folder: Path) -> SourceNote | None:
    """What a model's folder says it was made from; None for one that Headlight did not make."""
    try:
        return SourceNote(**json.loads((folder / NOTE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_note(folder: Path, note: SourceNote) -> None:
    (folder / NOTE).write_text(json.dumps(asdict(note), indent=1) + "\n", encoding="utf-8")


def require_room(directory: Path, n_bytes: int, what: str) -> None:
    """Raises UserError where a directory has no room for so many bytes, or cannot be written."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        free = psutil.disk_usage(str(directory)).free
    except OSError as error:
        raise _not_writable() from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise _not_writable()
    if free < n_bytes + SPARE_BYTES:
        raise UserError(
            f"There is not enough room on the disk for {what}: it needs {gigabytes(n_bytes + SPARE_BYTES)}, "
            f"{gigabytes(free)} are free.",
            "Make room, or name another directory with HEADLIGHT_DATA_DIR.",
            status=503,
        )


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A hidden folder beside `target` to write into; it becomes `target` when the block ends well, else it is deleted.

    What an earlier attempt left behind is deleted first. Raises: UserError where somebody else is writing there now, or
    the disk takes no more.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.parent / f".{target.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(f"{target.name} is being fetched already.", "Wait until that is done.", status=409) from error
    try:
        for leftover in target.parent.glob(f"{PARTIAL_PREFIX}{target.name}-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        partial = target.parent / f"{PARTIAL_PREFIX}{target.name}-{secrets.token_hex(4)}"
        try:
            partial.mkdir()
            yield partial
            for path in partial.iterdir():
                path.chmod(0o644)  # for whoever runs the server, who may be somebody else
            if target.exists():
                shutil.rmtree(target)
            partial.rename(target)
        except OSError as error:
            raise (disk_full() if error.errno == errno.ENOSPC else _not_writable()) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    finally:
        lock.release()


def disk_full() -> UserError:
    """The refusal of a disk that takes no more."""
    return UserError("The disk is full.", "Make room, or name another directory with HEADLIGHT_DATA_DIR.", status=503)


def gigabytes(n_bytes: int) -> str:
    """`0.4 GB`."""
    return f"{n_bytes / 1e9:.1f} GB"


def _not_writable() -> UserError:
    return UserError(
        "Headlight cannot write into its data directory, so the model could not be kept.",
        "Whoever runs Headlight can name another directory with HEADLIGHT_DATA_DIR.",
        status=503,
    )
