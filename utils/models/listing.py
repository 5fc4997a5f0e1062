"""Every model that Headlight knows or finds, with what stands on its disk and in its catalogue; loads no weights.

Models of the registry come first, in its order, then the folders that the operator put into models/ or into
HEADLIGHT_MODELS_DIR, complete or not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from utils.catalogue.store import FoundCatalogue, find_catalogue
from utils.errors import UserError
from utils.literature import published_source
from utils.model_config import FAMILIES, MODELS, ModelSpec, display_name_of
from utils.models.adapter import family_in
from utils.models.files import local_model_dir, missing_files, model_roots, named_folders, subfolders
from utils.models.weights import bytes_on_disk, count_parameters
from utils.settings import SHIPPED_MODELS_DIR, Settings

NEEDED_FILES = ("config.json", "tokenizer.json", "model.safetensors")

# Layers, heads of each, and weights in millions, as the models' own configs and cards give them.
PUBLISHED_SHAPES: dict[str, tuple[int, int, float]] = {
    "callummcdougall/attn_only_2L_half": (2, 12, 84),
    "gpt2": (12, 12, 124),
    "gpt2-medium": (24, 16, 355),
    "distilgpt2": (6, 12, 82),
    "Qwen/Qwen2.5-0.5B": (24, 14, 494),
    "Qwen/Qwen2.5-0.5B-Instruct": (24, 14, 494),
    "Qwen/Qwen3-0.6B": (28, 16, 596),
    "EleutherAI/pythia-70m": (6, 8, 70),
    "EleutherAI/pythia-160m": (12, 12, 162),
    "EleutherAI/pythia-410m": (24, 16, 405),
    "facebook/opt-125m": (12, 12, 125),
    "EleutherAI/gpt-neo-125M": (12, 12, 125),
    "HuggingFaceTB/SmolLM2-135M": (30, 9, 135),
    "meta-llama/Llama-3.2-1B": (16, 32, 1236),
    "google/gemma-3-270m": (18, 4, 268),
    "roneneldan/TinyStories-33M": (4, 16, 68),
    "bigscience/bloom-560m": (24, 16, 559),
}


class Origin(Enum):
    """Where a model's files are."""

    SHIPPED = "shipped"  # in models/, which comes with Headlight
    ADDED = "added"  # in HEADLIGHT_MODELS_DIR
    CACHED = "cached"  # in the Hugging Face cache


class Readiness(Enum):
    """What can be done with a model now."""

    CATALOGUED = "catalogued"
    CATALOGUE_ONLY = "catalogue_only"  # its heads are known, its weights are not here
    PUBLISHED_ONLY = "published_only"  # others published scores of its heads, its weights are not here
    STALE = "stale"  # its weights have changed since its heads were catalogued
    NOT_ANALYZED = "not_analyzed"
    UNREADABLE = "unreadable"  # a folder that is not complete, or of a family that Headlight cannot read
    NEEDS_PERMISSION = "needs_permission"
    NOT_HERE = "not_here"


@dataclass(frozen=True, eq=False)
class ModelEntry:
    """One model.

    Args: licence: empty where nobody said. folder: its files, also when they are not complete; None when there are
    none. n_bytes: on disk. found, missing: names of the needed files. problem: why its files cannot be read.
    """

    name: str
    display_name: str
    family: str
    licence: str
    is_gated: bool = False
    folder: Path | None = None
    origin: Origin | None = None
    n_layers: int | None = None
    n_heads: int | None = None
    n_parameters: int | None = None
    n_bytes: int | None = None
    found: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    problem: UserError | None = None
    catalogue: FoundCatalogue | None = None

    @property
    def is_here(self) -> bool:
        """Whether a text can be put to it."""
        return self.folder is not None and not self.missing and self.problem is None

    @property
    def readiness(self) -> Readiness:
        if not self.is_here:
            return self._why_not_here()
        if self.catalogue is None:
            return Readiness.NOT_ANALYZED
        return Readiness.STALE if self.catalogue.is_stale else Readiness.CATALOGUED

    def _why_not_here(self) -> Readiness:
        if self.folder is not None:
            return Readiness.UNREADABLE
        if self.catalogue is not None:
            return Readiness.CATALOGUE_ONLY
        if published_source(self.name) is not None:
            return Readiness.PUBLISHED_ONLY
        return Readiness.NEEDS_PERMISSION if self.is_gated else Readiness.NOT_HERE

    @property
    def has_own_catalogue(self) -> bool:
        """Whether its catalogue was made on this computer."""
        return self.catalogue is not None and self.catalogue.is_own


def list_models(settings: Settings) -> list[ModelEntry]:
    """All models: those of the registry, then the operator's folders. Raises CatalogueError for a damaged catalogue."""
    registered = [_registered_entry(name, settings) for name in MODELS]
    return registered + [_folder_entry(folder, settings) for folder in own_folders(settings)]


def own_folders(settings: Settings) -> list[Path]:
    """Folders of no registered model that hold at least one of a model's files; the first of each name, by name."""
    known = {spec.folder for spec in MODELS.values()} | set(MODELS)
    by_name: dict[str, Path] = {}
    for root in model_roots(settings):
        for folder in subfolders(root):
            if folder.name not in known and any(_needed_files(folder)):
                by_name.setdefault(folder.name, folder)
    return [by_name[name] for name in sorted(by_name)]


def family_name(spec: ModelSpec | None, folder: Path | None) -> str:
    """The display name of a model's family, as the registry has it or else its folder.

    For a family that Headlight does not know it is what the config says; nothing without a folder.
    """
    if spec is not None and spec.family is not None:
        return FAMILIES[spec.family].display_name
    if folder is None:
        return ""
    config = _read_config(folder)
    try:
        return family_in(folder, str(config.get("model_type"))).display_name
    except UserError:
        return str(config.get("model_type", ""))


def _registered_entry(name: str, settings: Settings) -> ModelEntry:
    spec = MODELS[name]
    complete = local_model_dir(name, settings)
    folder = complete or next((path for path in named_folders(name, settings) if any(_needed_files(path))), None)
    facts = _facts(folder, settings) if folder is not None else _published(name)
    return ModelEntry(
        name=name,
        display_name=spec.display_name,
        family=family_name(spec, folder),
        licence=spec.licence,
        is_gated=spec.is_gated,
        catalogue=find_catalogue(name, complete, settings),
        **facts,
    )


def _folder_entry(folder: Path, settings: Settings) -> ModelEntry:
    complete = None if missing_files(folder) else folder
    return ModelEntry(
        name=folder.name,
        display_name=display_name_of(folder.name),
        family=family_name(None, folder),
        licence="",
        catalogue=find_catalogue(folder.name, complete, settings),
        **_facts(folder, settings),
    )


def _published(name: str) -> dict[str, Any]:
    if name not in PUBLISHED_SHAPES:
        return {}
    n_layers, n_heads, millions = PUBLISHED_SHAPES[name]
    return {"n_layers": n_layers, "n_heads": n_heads, "n_parameters": int(millions * 1e6)}


def _facts(folder: Path, settings: Settings) -> dict[str, Any]:
    """What a model's folder says about it, without loading it."""
    facts: dict[str, Any] = {
        "folder": folder,
        "origin": _origin(folder, settings),
        "n_bytes": bytes_on_disk(folder),
        "found": tuple(_needed_files(folder)),
        "missing": tuple(missing_files(folder)),
        "n_parameters": count_parameters(folder),
    }
    config = _read_config(folder)
    try:
        family = family_in(folder, str(config.get("model_type"))) if config else None
    except UserError as problem:
        return facts | {"problem": problem}
    if family is None:
        return facts
    return facts | {
        "n_layers": _whole(config, family.n_layers_attr, "num_hidden_layers"),
        "n_heads": _whole(config, family.n_heads_attr, "num_attention_heads"),
    }


def _origin(folder: Path, settings: Settings) -> Origin:
    if folder.is_relative_to(SHIPPED_MODELS_DIR):
        return Origin.SHIPPED
    if settings.models_dir is not None and folder.is_relative_to(settings.models_dir):
        return Origin.ADDED
    return Origin.CACHED


def _needed_files(folder: Path) -> Iterator[str]:
    """The needed files that a folder has; weights in several files count as one."""
    for name in NEEDED_FILES:
        if (folder / name).is_file():
            yield name
    if not (folder / NEEDED_FILES[2]).is_file():
        yield from sorted(path.name for path in folder.glob("*.safetensors"))


def _whole(config: dict[str, Any], *names: str) -> int | None:
    values = (config.get(name) for name in names)
    return next((value for value in values if isinstance(value, int)), None)


def _read_config(folder: Path) -> dict[str, Any]:
    """A folder's config.json; empty where there is none that can be read."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}
