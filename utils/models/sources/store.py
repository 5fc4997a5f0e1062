"""Where Headlight keeps models that it made into safetensors itself: `models/` in HEADLIGHT_DATA_DIR.

A folder there is written under a hidden name and renamed when everything in it has been checked, so none is ever half
there. `source.json` in it says what it was made from.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from utils.errors import UserError
from utils.settings import Settings

NOTE = "source.json"
LONGEST_NOTE = 50_000  # bytes
PARTIAL_PREFIX = ".partial-"
PARTIAL = re.compile(rf"{re.escape(PARTIAL_PREFIX)}(.+)-[0-9a-f]{{8}}", re.DOTALL)
SPARE_BYTES = 100 * 2**20  # nobody likes a disk that is full to the last byte


class SourceNote(BaseModel):
    """What a stored model was made from. Somebody else may have written the file, so every part is a short text.

    Args: made_from: the package and its version, or the file. quantisation: of the weights as they were distributed,
    such as Q4_1. bits: about how many each weight took there. hashes: SHA-256 by file name, of what was read. version:
    of a file on this computer, what tells that it is another one by now.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=300)

    made_from: str
    quantisation: str
    bits: int = Field(ge=1, le=64)
    hashes: dict[str, str] = Field(max_length=50)
    version: str = ""


def stored_models(settings: Settings) -> Path:
    """The directory of stored models; it need not exist."""
    return settings.data_dir / "models"


def read_note(folder: Path) -> SourceNote | None:
    """What a model's folder says it was made from; None for one that Headlight did not make."""
    try:
        with (folder / NOTE).open("rb") as file:
            return SourceNote.model_validate_json(file.read(LONGEST_NOTE))
    except (OSError, ValidationError):
        return None


def write_note(folder: Path, note: SourceNote) -> None:
    (folder / NOTE).write_text(note.model_dump_json(indent=1) + "\n", encoding="utf-8")


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
    the disk takes no more; ValueError for a name that is none.
    """
    if target.name in ("", ".", "..") or target.name.startswith("."):
        raise ValueError(f"{target} is no folder for a model")
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.parent / f".{target.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(f"{target.name} is being fetched already.", "Wait until that is done.", status=409) from error
    try:
        for leftover in _leftovers(target.parent, target.name):
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


def sweep(settings: Settings) -> None:
    """Delete what fetches left behind that were killed, unless somebody is writing there now."""
    directory = stored_models(settings)
    names = {PARTIAL.fullmatch(path.name)[1] for path in _leftovers(directory)}  # type: ignore[index]
    for name in names:
        with suppress(Timeout, OSError), FileLock(directory / f".{name}.lock", timeout=0):
            for leftover in _leftovers(directory, name):
                shutil.rmtree(leftover, ignore_errors=True)


def _leftovers(directory: Path, name: str | None = None) -> list[Path]:
    """Hidden folders that were written into, of one model or of all."""
    if not directory.is_dir():
        return []
    found = ((path, PARTIAL.fullmatch(path.name)) for path in directory.iterdir())
    return [path for path, match in found if match is not None and name in (None, match[1])]


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
