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
    facts = _facts(folder, settings) if folder is not None else _published(spec)
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


def _published(spec: ModelSpec) -> dict[str, Any]:
    """What is known of a model whose files are not here."""
    if spec.shape is None or spec.millions is None:
        return {}
    n_parameters = int(spec.millions * 1e6)
    return {"n_layers": spec.shape.n_layers, "n_heads": spec.shape.n_heads, "n_parameters": n_parameters}


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
