"""Whether a folder holds all that a model needs, and what is said where it does not.

Weights are safetensors only; a pickle can run code while it is read.
"""

from __future__ import annotations

import json
from pathlib import Path

from utils.errors import Fix, UserError
from utils.models.adapter import FILE_NAME as ADAPTER

NEEDED_FILES = ("config.json", "tokenizer.json", "model.safetensors")
INDEX_OF_PICKLES = "pytorch_model.bin.index.json"
WHOLE_PICKLE = "pytorch_model.bin"
PICKLE_SUFFIXES = (".bin", ".pth", ".pt")
NOT_WEIGHTS = ("training_args", "optimizer", "scheduler", "rng_state")  # what a trainer leaves beside them
LOW_RANK_ADAPTER = "adapter_config.json"  # PEFT writes it beside an adapter's weights


def missing_files(folder: Path) -> list[str]:
    """What a model's folder still lacks, by file name; empty when the model can be loaded from it."""
    try:
        return _missing_files(folder)
    except OSError:  # nobody may look into it
        return ["config.json", "model.safetensors", "tokenizer.json"]


def _missing_files(folder: Path) -> list[str]:
    if not folder.is_dir():
        return ["config.json", "model.safetensors", "tokenizer.json"]
    missing = [] if (folder / "config.json").is_file() else ["config.json"]
    missing += _missing_weights(folder)
    has_vocabulary = (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file()
    if not (folder / "tokenizer.json").is_file() and not has_vocabulary and not (folder / ADAPTER).is_file():
        missing.append("tokenizer.json")
    return missing


def found_files(folder: Path) -> list[str]:
    """The needed files that a folder has; weights in several files are each named."""
    try:
        found = [name for name in NEEDED_FILES if (folder / name).is_file()]
        if NEEDED_FILES[2] not in found:
            found += sorted(path.name for path in folder.glob("*.safetensors") if path.is_file())
    except OSError:
        return []
    return found


def pickled_weights(folder: Path) -> list[str]:
    """The pickles with a model's weights, by file name, where they are all it has; empty otherwise.

    Several are the parts that an index names; without an index it is `pytorch_model.bin`, or else the only pickle.
    """
    try:
        return _pickled_weights(folder)
    except OSError:
        return []


def _pickled_weights(folder: Path) -> list[str]:
    if not (folder / "config.json").is_file() or not _missing_weights(folder):
        return []
    if (folder / INDEX_OF_PICKLES).is_file():
        shards = _shards_of(folder / INDEX_OF_PICKLES)
        return shards if all((folder / shard).is_file() for shard in shards) else []
    pickles = [path.name for path in folder.iterdir() if path.suffix in PICKLE_SUFFIXES]
    weights = sorted(name for name in pickles if not name.startswith(NOT_WEIGHTS))
    if WHOLE_PICKLE in weights:
        return [WHOLE_PICKLE]
    return weights if len(weights) == 1 else []


def incomplete_folder(folder: Path, name: str, fix: Fix | None = None) -> UserError:
    """Why a model cannot be loaded from a folder: files that are missing, or weights of a kind that is not read."""
    pickles = pickled_weights(folder)
    if pickles:
        return UserError(
            f"The weights of {name} are a pickle ({pickles[0]}). Headlight reads none, since a pickle can run code.",
            f"Run python scripts/convert_weights.py --model {name} once. It turns them into safetensors.",
            status=503,
            fix=fix,
        )
    return why_no_model(folder, fix) or UserError(
        f"The folder {folder.name} is not complete. Still missing: {', '.join(missing_files(folder))}.",
        "Put these files there; the weights must be safetensors.",
        status=503,
        fix=fix,
    )


def why_no_model(folder: Path, fix: Fix | None = None) -> UserError | None:
    """Why a folder can never become a model by adding files to it; None where it can, or is one."""
    if not (folder / LOW_RANK_ADAPTER).is_file() or not _missing_weights(folder):
        return None
    return UserError(
        f"The folder {folder.name} holds only an adapter (LoRA), which changes another model and is none itself.",
        "Merge it into its base model (merge_and_unload of the package peft) and put the merged folder there.",
        status=503,
        fix=fix,
    )


def _missing_weights(folder: Path) -> list[str]:
    """Weights are one file, or an index and all the files that it names."""
    if (folder / "model.safetensors").is_file():
        return []
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return ["model.safetensors"]
    shards = _shards_of(index)
    return [shard for shard in shards if not (folder / shard).is_file()] if shards else [index.name]


def _shards_of(index: Path) -> list[str]:
    """The files that an index names, without any folder before them; empty for an index that cannot be read."""
    try:
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return []
    return sorted(Path(str(shard)).name for shard in shards)
