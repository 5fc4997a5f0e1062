"""Every model that Headlight knows or finds, with what stands on its disk and in its catalogue; loads no weights.

Models of the registry come first, in its order, then those that the operator put into models/ or into
HEADLIGHT_MODELS_DIR, complete or not.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from utils.catalogue.store import FoundCatalogue, find_catalogue
from utils.errors import UserError
from utils.heads import Shape
from utils.literature import published_source
from utils.model_config import FAMILIES, MODELS, ModelSpec, display_name_of
from utils.models.adapter import family_in
from utils.models.boundary import why_not_read
from utils.models.completeness import found_files, missing_files, why_no_model
from utils.models.files import begun_folder, model_folders, own_model_names
from utils.models.sources import offers
from utils.models.sources.source import Offer, Source
from utils.models.sources.store import SourceNote, read_note
from utils.models.weights import bytes_on_disk, count_parameters
from utils.settings import Settings


class Readiness(Enum):
    """What can be done with a model now."""

    CATALOGUED = "catalogued"
    CATALOGUE_ONLY = "catalogue_only"  # its heads are known, its weights are not here
    PUBLISHED_ONLY = "published_only"  # others published scores of its heads, its weights are not here
    STALE = "stale"  # its weights have changed since its heads were catalogued
    NOT_ANALYZED = "not_analyzed"
    UNREADABLE = "unreadable"  # a folder that is not complete, or of a family that Headlight cannot read
    OBTAINABLE = "obtainable"  # a source can bring it
    NEEDS_PERMISSION = "needs_permission"
    NOT_HERE = "not_here"


LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ModelEntry:
    """One model.

    Args: licence: empty where nobody said. folder: its files, also when they are not complete; None when there are
    none. source: where they are from. note: what they were made from, where Headlight made them. offer: what the first
    source that can bring them would bring, where they are not all here. n_bytes: on disk. found, missing: names of the
    needed files. problem: why its files cannot be read.
    """

    name: str
    display_name: str
    family: str
    licence: str
    is_gated: bool = False
    folder: Path | None = None
    source: Source | None = None
    note: SourceNote | None = None
    offer: Offer | None = None
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
    def can_be_fetched(self) -> bool:
        """Whether a source can bring what is not here, or not all here, without asking its owner."""
        return not self.is_here and self.offer is not None and not self.offer.needs_account

    @property
    def shape(self) -> Shape | None:
        """Layers and heads, None where nobody knows."""
        return Shape(self.n_layers, self.n_heads) if self.n_layers and self.n_heads else None

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
        if self.can_be_fetched:
            return Readiness.OBTAINABLE
        if self.catalogue is not None:
            return Readiness.CATALOGUE_ONLY
        if published_source(self.name) is not None:
            return Readiness.PUBLISHED_ONLY
        return Readiness.NEEDS_PERMISSION if self.is_gated else Readiness.NOT_HERE


def list_models(settings: Settings) -> list[ModelEntry]:
    """All models: those of the registry, then the operator's. Raises CatalogueError for a damaged catalogue."""
    return [_safe_entry(name, settings) for name in (*MODELS, *own_model_names(settings))]


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


def _safe_entry(name: str, settings: Settings) -> ModelEntry:
    """As `_entry`; a model whose files nobody foresaw says so in its own row, and takes no other with it."""
    try:
        return _entry(name, settings)
    except UserError:
        raise
    except Exception:
        LOG.exception("The files of %s cannot be listed", name)
        spec = MODELS.get(name)
        problem = UserError("Its files cannot be read.", "Look into the log, or copy them again.", status=503)
        begun = next((found for found in model_folders(name, settings)), (None, None))
        licence = spec.licence if spec is not None else ""
        return ModelEntry(name, display_name_of(name), "", licence, folder=begun[1], source=begun[0], problem=problem)


def _entry(name: str, settings: Settings) -> ModelEntry:
    spec = MODELS.get(name)
    complete = next((found for found in model_folders(name, settings) if not missing_files(found[1])), None)
    source, folder = complete or begun_folder(name, settings) or (None, None)
    facts = _facts(folder) if folder is not None else _known_facts(spec)
    return ModelEntry(
        name=name,
        display_name=display_name_of(name),
        family=family_name(spec, folder),
        licence=spec.licence if spec is not None else "",
        is_gated=spec is not None and spec.is_gated,
        source=source,
        offer=None if complete else next((offer for _, offer in offers(name, settings)), None),
        catalogue=find_catalogue(name, complete[1] if complete else None, settings),
        **facts,
    )


def _known_facts(spec: ModelSpec | None) -> dict[str, Any]:
    """What is known of a model whose files are not here."""
    if spec is None or spec.shape is None or spec.millions is None:
        return {}
    n_parameters = int(spec.millions * 1e6)
    return {"n_layers": spec.shape.n_layers, "n_heads": spec.shape.n_heads, "n_parameters": n_parameters}


def _facts(folder: Path) -> dict[str, Any]:
    """What a model's folder says about it, without loading it."""
    facts: dict[str, Any] = {
        "folder": folder,
        "note": read_note(folder),
        "n_bytes": bytes_on_disk(folder),
        "found": tuple(found_files(folder)),
        "missing": tuple(missing_files(folder)),
        "n_parameters": count_parameters(folder),
    }
    config = _read_config(folder)
    try:
        family = family_in(folder, str(config.get("model_type"))) if config else None
    except UserError as problem:
        return facts | {"problem": problem}
    facts["problem"] = why_not_read(config, folder.name) or why_no_model(folder)
    if family is None:
        return facts
    return facts | {
        "n_layers": _whole(config, family.n_layers_attr, "num_hidden_layers"),
        "n_heads": _whole(config, family.n_heads_attr, "num_attention_heads"),
    }


def _whole(config: dict[str, Any], *names: str) -> int | None:
    values = (config.get(name) for name in names if isinstance(name, str))
    return next((value for value in values if isinstance(value, int)), None)


def _read_config(folder: Path) -> dict[str, Any]:
    """A folder's config.json; empty where there is none that can be read."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}
