"""Directories with one folder per model: `models/`, which comes with Headlight, and the operator's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import utils.settings
from utils.model_config import MODELS
from utils.models.sources.source import Source


def subfolders(root: Path | None) -> list[Path]:
    """The folders in a directory by name, without hidden ones; none where none can be read."""
    try:
        if root is None or not root.is_dir():
            return []
        return sorted(folder for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    except OSError:  # nobody may look there
        return []


def folders_of_that_name(root: Path | None, name: str) -> Iterator[Path]:
    """Folders of a model in a directory: for a registered one also owner/name; otherwise only what a listing shows."""
    if root is None:
        return
    if name in MODELS:
        yield root / name
        yield root / MODELS[name].folder
    else:
        yield from (folder for folder in subfolders(root) if folder.name == name)


class _Directory(Source):
    """A directory that somebody filled."""

    @property
    def root(self) -> Path | None:
        """The directory, None where the settings name none."""
        raise NotImplementedError

    def folders(self, name: str) -> Iterable[Path]:
        return folders_of_that_name(self.root, name)

    def own_folders(self) -> Iterable[Path]:
        return subfolders(self.root)


class ShippedFolder(_Directory):
    """`models/`, part of Headlight."""

    place = "came with Headlight"
    ships = True

    @property
    def root(self) -> Path:
        return utils.settings.SHIPPED_MODELS_DIR


class OperatorFolder(_Directory):
    """The directory that HEADLIGHT_MODELS_DIR names."""

    place = "added here"

    @property
    def root(self) -> Path | None:
        return self.settings.models_dir

    @property
    def removable_from(self) -> Path | None:
        return self.root
