"""Where catalogues are read from and written to while Headlight runs.

Two files of the same form: the one that ships (`utils/head_categories.json`), and the operator's own in
HEADLIGHT_DATA_DIR, which holds what was analysed on this computer and goes before the shipped one. A catalogue
belongs to certain weights: where a model's files have changed since, it is found but is `stale`, and must not be used.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from utils.catalogue.file import CATALOGUE_PATH, read_catalogues
from utils.catalogue.schema import ModelCatalogue
from utils.errors import UserError
from utils.models.weights import have_weights_changed
from utils.settings import Settings


@dataclass(frozen=True, eq=False)
class FoundCatalogue:
    """is_own: it was made on this computer, and not shipped. is_stale: it is of other weights than those here."""

    catalogue: ModelCatalogue
    is_own: bool
    is_stale: bool


def own_catalogue_path(settings: Settings) -> Path:
    """The operator's own file; it need not exist."""
    return settings.data_dir / CATALOGUE_PATH.name


def known_catalogues(settings: Settings) -> dict[str, ModelCatalogue]:
    """All catalogues by model name, the operator's own before those that ship. Raises CatalogueError if damaged."""
    return read_catalogues(CATALOGUE_PATH) | read_catalogues(own_catalogue_path(settings))


def find_catalogue(model: str, folder: Path | None, settings: Settings) -> FoundCatalogue | None:
    """The catalogue of a model, one that fits its weights if there is such; None when it was never analysed.

    Args: folder: its files, None when they are not here. Raises: CatalogueError when a file is damaged.
    """
    own = read_catalogues(own_catalogue_path(settings)).get(model)
    shipped = read_catalogues(CATALOGUE_PATH).get(model)
    found = [
        FoundCatalogue(
            catalogue, is_own, folder is not None and have_weights_changed(catalogue.provenance.weights, folder)
        )
        for catalogue, is_own in ((own, True), (shipped, False))
        if catalogue is not None
    ]
    return next((entry for entry in found if not entry.is_stale), found[0] if found else None)


def require_writable(settings: Settings) -> None:
    """Raises UserError when nothing can be kept in the data directory: better before a job than after it."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        is_writable = os.access(settings.data_dir, os.W_OK | os.X_OK)
    except OSError:
        is_writable = False
    if not is_writable:
        raise UserError(
            "Headlight cannot write into its data directory, so a catalogue could not be kept.",
            "Whoever runs Headlight can name another directory with HEADLIGHT_DATA_DIR.",
            status=503,
        )
