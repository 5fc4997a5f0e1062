"""What a folder's weight files are: which weights exactly, how many parameters, how many bytes on disk."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

MOST_PARAMETERS = 10**15
LONGEST_HEADER = 100 * 2**20  # the safetensors format allows no more
# Masks and rotation tables that older checkpoints keep among the weights; nobody trained them.
NOT_TRAINED = re.compile(r"\.(attn|attention)(\.attention)?\.(masked_)?bias$|rotary_emb\.inv_freq$")

SIDE_FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "vocab.json",
    "merges.txt",
    "adapter.json",
)

FileVersion = tuple[Path, int, int]  # path, time of last change in ns, size in bytes


def name_weights(folder: Path) -> str:
    """What says exactly which weights these are: the hub's revision, or a hash of the safetensors files."""
    if folder.parent.name == "snapshots":
        return f"revision:{folder.name}"
    return _hash_files(_weight_files(folder))


def remembered_weights_name(folder: Path) -> str:
    """As `name_weights`, without reading files again that have not changed since."""
    if folder.parent.name == "snapshots":
        return f"revision:{folder.name}"
    return _hash_versions(tuple(_versions(folder)))


def have_weights_changed(recorded: str, folder: Path) -> bool:
    """Whether a folder's weights are others than those recorded under a name; False where nobody can tell.

    A hash and a hub's revision cannot be compared.
    """
    kind = recorded.partition(":")[0]
    now = remembered_weights_name(folder)
    return now.partition(":")[0] == kind and now != recorded


def count_parameters(folder: Path) -> int | None:
    """Trained weights, an unembedding that is the embedding counted once; None where a file lacks or cannot be read."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        versions = tuple(_versions(folder))
        return _count(versions, bool(config.get("tie_word_embeddings", True))) if versions else None
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return None


def file_versions(folder: Path) -> tuple[FileVersion, ...]:
    """What tells that a model's files have changed: each file it is read from, with its size and time of change."""
    paths = [*_weight_files(folder), *(folder / name for name in SIDE_FILES)]
    return tuple(_version(path) for path in paths if path.is_file())


def weight_names(folder: Path) -> set[str]:
    """Names of a folder's trained weights. Raises: OSError, ValueError for files that cannot be read."""
    return {
        name
        for path, _, _ in _versions(folder)
        for name in _header(path)
        if name != "__metadata__" and not NOT_TRAINED.search(name)
    }


def layers_in_weights(folder: Path, block_path: str) -> int | None:
    """How many layers a folder's weights have; None where their names do not tell, as in older checkpoints.

    Args: block_path: where a block stands, such as `model.layers[{layer}]`. Raises: as `weight_names`.
    """
    before, _, after = block_path.partition("[{layer}]")
    block = re.compile(rf"(?:^|\.){re.escape(before.rpartition('.')[2])}\.(\d+){re.escape(after)}\.")
    numbers = {int(found[1]) for name in weight_names(folder) if (found := block.search(name))}
    return max(numbers) + 1 if numbers else None


def bytes_on_disk(folder: Path) -> int:
    """Size of all files in a model's folder; those that vanish meanwhile have none."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def _weight_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.safetensors") if path.is_file())


def _versions(folder: Path) -> Iterator[FileVersion]:
    yield from map(_version, _weight_files(folder))


def _version(path: Path) -> FileVersion:
    status = path.stat()
    return path, status.st_mtime_ns, status.st_size


@lru_cache(maxsize=64)
def _hash_versions(versions: tuple[FileVersion, ...]) -> str:
    return _hash_files(path for path, _, _ in versions)


def _hash_files(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"sha256:{digest.hexdigest()}"


@lru_cache(maxsize=64)
def _count(versions: tuple[FileVersion, ...], is_tied: bool) -> int:
    total = 0
    for path, _, _ in versions:
        for name, tensor in _header(path).items():
            is_copy = is_tied and name == "lm_head.weight"
            if name != "__metadata__" and not is_copy and not NOT_TRAINED.search(name):
                total += math.prod(tensor["shape"])
    if total > MOST_PARAMETERS:
        raise ValueError(f"{total} is no number of weights")
    return total


def _header(path: Path) -> dict[str, Any]:
    """A safetensors file begins with 8 bytes that say how long its JSON header is. Raises ValueError if it does not."""
    with path.open("rb") as file:
        n_bytes = int.from_bytes(file.read(8), "little")
        if n_bytes > LONGEST_HEADER:
            raise ValueError(f"{path.name} has no safetensors header")
        header: dict[str, Any] = json.loads(file.read(n_bytes))
    return header
