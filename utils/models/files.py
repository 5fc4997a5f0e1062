"""Where a model's files are: the first source (`sources/`) that has all of them, or that can bring them.

Only names from the registry, and what the operator put there, are ever looked up: a name that a browser sends is
compared with what exists and never becomes a path or an address by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from utils.errors import Fix, UserError
from utils.model_config import BEST_FIRST, MODELS, ModelSpec, display_name_of
from utils.models.completeness import found_files, incomplete_folder, missing_files, pickled_weights
from utils.models.sources import offers, sources
from utils.models.sources.source import Progress, Source, no_progress
from utils.settings import Settings


def find_model_dir(name: str, settings: Settings, progress: Progress = no_progress) -> Path:
    """The directory with a model's files, fetched if need be, which may take long.

    Raises: UserError when they cannot be had; whatever `progress` raises.
    """
    here = local_model_dir(name, settings)
    return here if here is not None else fetch_model(name, settings, progress)


def require_local_model_dir(name: str, settings: Settings) -> Path:
    """The directory on this computer with a model's files. Raises UserError, with what to do, where there is none."""
    here = local_model_dir(name, settings)
    if here is None:
        raise not_here(name, settings)
    return here


def fetch_model(name: str, settings: Settings, progress: Progress = no_progress) -> Path:
    """Bring a model here from the first source that offers it, and from no other: each has other weights of it.

    Raises: as `find_model_dir`.
    """
    first = next(offers(name, settings), None)
    if first is None:
        raise not_here(name, settings)
    return first[0].fetch(name, progress)


def local_model_dir(name: str, settings: Settings) -> Path | None:
    """The directory on this computer with everything a model needs; None when it is unknown or incomplete."""
    return next((folder for _, folder in model_folders(name, settings) if not missing_files(folder)), None)


def model_folders(name: str, settings: Settings) -> Iterator[tuple[Source, Path]]:
    """Folders that may hold a model's files, complete or not, each with the source that keeps it, the best first."""
    for source in sources(settings):
        for folder in source.folders(name):
            yield source, folder


def begun_folder(name: str, settings: Settings) -> tuple[Source, Path] | None:
    """The first folder of a model that holds some of its files; None where none does."""
    return next(((source, folder) for source, folder in model_folders(name, settings) if found_files(folder)), None)


def own_model_names(settings: Settings) -> list[str]:
    """Models in no registry, with at least one of their files here or in a form that a source can bring, by name."""
    known = {spec.folder for spec in MODELS.values()} | set(MODELS)
    names: set[str] = set()
    for source in sources(settings):
        names |= {folder.name for folder in source.own_folders() if found_files(folder)} | set(source.offered_names())
    return sorted(names - known)


def local_model_names(settings: Settings) -> list[str]:
    """Models that can be loaded without a network: those of the registry first, then the operator's others."""
    return [name for name in (*MODELS, *own_model_names(settings)) if local_model_dir(name, settings) is not None]


def folder_with_pickles(name: str, settings: Settings) -> Path | None:
    """The folder of a model whose weights are here, yet only as pickles."""
    return next((folder for _, folder in model_folders(name, settings) if pickled_weights(folder)), None)


def not_here(name: str, settings: Settings) -> UserError:
    """Why a model cannot be read: nobody knows it, its folder is not complete, or it has to be fetched first."""
    use_default = _use_default(settings)
    pickled = folder_with_pickles(name, settings)
    if pickled is not None:
        return incomplete_folder(pickled, name, use_default)
    best_offer = next((offer for _, offer in offers(name, settings)), None)
    begun = begun_folder(name, settings)
    if begun is not None and (best_offer is None or best_offer.needs_network):
        return incomplete_folder(begun[1], name, use_default)
    if name not in MODELS and name not in own_model_names(settings):
        return UserError(
            "Headlight does not know a model of that name.",
            "Choose a model from the list, or put its folder into the directory that HEADLIGHT_MODELS_DIR names.",
            status=404,
            fix=use_default,
        )
    if best_offer is not None:
        return UserError(
            f"{display_name_of(name)} is not on this computer yet. Your text is safe.",
            "Whoever runs Headlight can get it: under Models, or with scripts/fetch_model.py.",
            status=503,
            fix=Fix("Show it under Models", model=name, shows_models=True),
        )
    return _cannot_be_had(MODELS[name], use_default)


def _cannot_be_had(spec: ModelSpec, use_default: Fix) -> UserError:
    if spec.is_own:
        reason = "It comes with Headlight, but its folder is missing or incomplete."
    else:
        reason = "Headlight is set to stay off the network."
    return UserError(
        f"{spec.display_name} is not on this computer. {reason} Your text is safe.",
        f"Put config.json, model.safetensors and tokenizer.json into the folder {spec.folder}, in models or in the "
        "directory that HEADLIGHT_MODELS_DIR names.",
        status=503,
        fix=use_default,
    )


def _use_default(settings: Settings) -> Fix:
    name = settings.default_model or BEST_FIRST[-1]
    return Fix(f"Use {display_name_of(name)}", model=name)
