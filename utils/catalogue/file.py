"""Catalogues as a file, `head_categories.json`: one `ModelCatalogue` per model name.

`load_catalogues` refuses a file that does not fit the schema and names the field; `save_catalogue` replaces one model
and keeps the others, all or nothing.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from utils.catalogue.schema import SCHEMA_VERSION, FieldError, ModelCatalogue
from utils.errors import UserError

CATALOGUE_PATH = Path(__file__).parents[1] / "head_categories.json"
LOG = logging.getLogger(__name__)
LOCK_TIMEOUT_S = 30
REBUILD_HINT = "Run scripts/analyze_heads.py for the model again, or restore the file that came with Headlight."


class CatalogueError(UserError):
    """The catalogue file cannot be used; the sentence names the field that is wrong."""

    def __init__(self, sentence: str, hint: str = REBUILD_HINT):
        super().__init__(sentence, hint, status=503)


_FILE_SCHEMA = TypeAdapter(dict[str, ModelCatalogue])


def load_catalogues(path: Path = CATALOGUE_PATH) -> dict[str, ModelCatalogue]:
    """All catalogues of a file, by model name; empty when there is no file.

    Raises: CatalogueError with the path of the first bad field, or when the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"The catalogue {path.name} cannot be read: {error}.") from error
    return parse_catalogues(text, path.name)


def read_catalogues(path: Path = CATALOGUE_PATH) -> dict[str, ModelCatalogue]:
    """As `load_catalogues`, kept in memory until the file changes; the running app reads through this."""
    try:
        status = path.stat()
    except OSError:
        return load_catalogues(path)
    return _read_version(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _read_version(path: Path, _modified_ns: int, _size: int) -> dict[str, ModelCatalogue]:
    return load_catalogues(path)


def parse_catalogues(text: str, file_name: str) -> dict[str, ModelCatalogue]:
    """The catalogues in a JSON text; entries that an earlier Headlight measured are left out, as if those models had
    not been analysed yet. Raises CatalogueError with the path of the first bad field."""
    try:
        catalogues = _FILE_SCHEMA.validate_json(_without_earlier(text, file_name))
    except ValidationError as error:
        raise CatalogueError(f"The catalogue {file_name} is damaged: {_first_problem(error)}.") from error
    for name, catalogue in catalogues.items():
        if catalogue.model_name != name:
            raise CatalogueError(
                f"The catalogue {file_name} is damaged: {name}.model_name: says {catalogue.model_name!r}."
            )
    return catalogues


def _without_earlier(text: str, file_name: str) -> str:
    """The same JSON without entries of an earlier schema: what they hold is not what decides today."""
    entries = _parsed(text)
    earlier = sorted(name for name, entry in entries.items() if _version(entry) < SCHEMA_VERSION)
    if not earlier:
        return text
    LOG.warning(
        "The catalogue %s has entries of an earlier version of Headlight (%s). Analyze these models again.",
        file_name,
        ", ".join(earlier),
    )
    return json.dumps({name: entry for name, entry in entries.items() if name not in earlier})


def _parsed(text: str) -> dict[str, Any]:
    """The entries of a JSON text; empty for one that is no JSON object, of which the schema will say what is wrong."""
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return entries if isinstance(entries, dict) else {}


def _version(entry: Any) -> int:
    """The schema that an entry names; the newest for one that names none, since that is damage and not age."""
    provenance = entry.get("provenance") if isinstance(entry, dict) else None
    version = provenance.get("schema_version") if isinstance(provenance, dict) else None
    return version if isinstance(version, int) else SCHEMA_VERSION


def _first_problem(error: ValidationError) -> str:
    details = error.errors()[0]
    path = _dotted(details["loc"])
    problem = details.get("ctx", {}).get("error")
    if isinstance(problem, FieldError):
        return f"{path}.{problem.path}: {problem.sentence}"
    if not path:
        return details["msg"]
    return f"{path}: {details['msg'][0].lower()}{details['msg'][1:]}"


def _dotted(location: tuple[int | str, ...]) -> str:
    """Example: ("gpt2", "all_scores", "induction", 0, 3) gives `gpt2.all_scores.induction[0][3]`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return "".join(steps).removeprefix(".")


def save_catalogue(path: Path, catalogue: ModelCatalogue) -> None:
    """Put one model into a catalogue file, in place of its earlier entry; the other models stay as they are.

    The file is complete at every moment: the new one is written beside it, read back, and renamed. A lock lets
    several jobs share one file. Raises: CatalogueError when the file there is damaged or stays locked.
    """
    _rewrite(path, lambda catalogues: catalogues | {catalogue.model_name: catalogue})


def remove_catalogue(path: Path, model_name: str) -> None:
    """Take one model out of a catalogue file, if it is in there. Writes and raises as `save_catalogue` does."""
    _rewrite(path, lambda catalogues: {name: kept for name, kept in catalogues.items() if name != model_name})


def _rewrite(path: Path, change: Callable[[dict[str, ModelCatalogue]], dict[str, ModelCatalogue]]) -> None:
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=LOCK_TIMEOUT_S):
            _replace(path, catalogues_as_json(change(load_catalogues(path))))
    except Timeout as error:
        raise CatalogueError(
            f"Another analysis has been writing {path.name} for {LOCK_TIMEOUT_S} seconds.",
            "Wait until it is done, then run this one again.",
        ) from error


def _replace(path: Path, text: str) -> None:
    parse_catalogues(text, path.name)
    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(partial).chmod(0o644)
        os.replace(partial, path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def catalogues_as_json(catalogues: Mapping[str, ModelCatalogue]) -> str:
    """The file's text: models in alphabetical order, one matrix row or head per line."""
    plain = {name: catalogues[name].model_dump(mode="json") for name in sorted(catalogues)}
    return _json_lines(plain) + "\n"


def _json_lines(value: Any, indent: str = "") -> str:
    """JSON in which a list or object without further objects or long lists inside stands on one line."""
    on_one_line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or _is_row(value):
        return on_one_line
    inner = indent + " "
    if isinstance(value, dict):
        lines = [f"{json.dumps(key, ensure_ascii=False)}: {_json_lines(item, inner)}" for key, item in value.items()]
        opening, closing = "{", "}"
    else:
        lines = [_json_lines(item, inner) for item in value]
        opening, closing = "[", "]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(lines) + f"\n{indent}{closing}"


def _is_row(value: dict | list) -> bool:
    """A flat list or object, or a list of lists of words (one layer of head_roles)."""
    items = list(value.values() if isinstance(value, dict) else value)
    if isinstance(value, list) and items and all(isinstance(item, list) for item in items):
        return all(isinstance(word, str) for item in items for word in item)
    return not any(isinstance(item, dict | list) for item in items)
