"""Take away what the operator added, with a moment to think again.

A removed folder is first renamed, where it lies, to a hidden one, and deleted for good a little later; until then
`undo` puts it back. What is removed is an entry of the listing, found by comparing names; nothing that a browser sends
is ever part of a path, links are never followed, and nothing is touched outside the directories from which a source
lets go of models and the operator's own catalogue file.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from utils.catalogue.file import remove_catalogue, save_catalogue
from utils.catalogue.schema import ModelCatalogue
from utils.catalogue.store import own_catalogue_path
from utils.errors import UserError
from utils.models.listing import ModelEntry
from utils.models.sources import sources
from utils.settings import SHIPPED_MODELS_DIR, Settings

log = logging.getLogger(__name__)

HIDDEN_PREFIX = ".headlight-removed-"
UNDO_S = 8.0
GRACE_S = 4.0  # an Undo that is pressed at the last moment still has to travel


@dataclass(frozen=True)
class Removal:
    """What would be taken away. files: the model's folder, and with it everything in it."""

    files: Path | None
    catalogue: ModelCatalogue | None


@dataclass(eq=False)
class _Removed:
    removal: Removal
    hidden: Path | None
    timer: threading.Timer


def removable(entry: ModelEntry) -> Removal | None:
    """What the operator added of a model; None for one of which everything came with Headlight, or is nowhere."""
    catalogue = entry.catalogue.catalogue if entry.catalogue is not None and entry.catalogue.is_own else None
    files = entry.folder if _is_own_folder(entry) else None
    return Removal(files, catalogue) if files is not None or catalogue is not None else None


def _is_own_folder(entry: ModelEntry) -> bool:
    """Whether a folder lies where its source lets go of models, and not in what ships, wherever links lead."""
    removable_from = entry.source.removable_from if entry.source is not None else None
    if entry.folder is None or removable_from is None:
        return False
    parent, root, shipped = (path.resolve() for path in (entry.folder.parent, removable_from, SHIPPED_MODELS_DIR))
    return parent.is_relative_to(root) and not parent.is_relative_to(shipped)


class Removals:
    """The removals of one server; thread-safe."""

    def __init__(self, settings: Settings, undo_s: float = UNDO_S + GRACE_S):
        self._settings = settings
        self._undo_s = undo_s
        self._lock = threading.Lock()
        self._removed: dict[str, _Removed] = {}

    def remove(self, entry: ModelEntry) -> Removal:
        """Remove what the operator added of a model. Raises UserError when there is nothing, or it cannot be done."""
        removal = removable(entry)
        if removal is None:
            raise UserError("What came with Headlight cannot be removed.", "Only what was added can.", status=403)
        with self._lock:
            self._forget(entry.name)
            self._delete_leftovers()
            if removal.catalogue is not None:
                remove_catalogue(own_catalogue_path(self._settings), entry.name)
            hidden = self._hide(removal)
            timer = threading.Timer(self._undo_s, self._forget_later, [entry.name, hidden])
            timer.daemon = True
            self._removed[entry.name] = _Removed(removal, hidden, timer)
            timer.start()
        return removal

    def undo(self, name: str) -> None:
        """Put back what was last removed of a model. Raises UserError when it is too late."""
        with self._lock:
            removed = self._removed.pop(name, None)
            if removed is None:
                raise UserError("It is too late to undo that.", "Add the files again.", status=410)
            removed.timer.cancel()
            self._keep(removed.removal)
            if removed.hidden is not None and removed.removal.files is not None:
                _rename(removed.hidden, removed.removal.files)

    def _hide(self, removal: Removal) -> Path | None:
        """Give a folder, or a link to one, a hidden name beside it; if that fails, the catalogue is kept as well."""
        if removal.files is None:
            return None
        hidden = removal.files.with_name(f"{HIDDEN_PREFIX}{secrets.token_hex(8)}")
        try:
            _rename(removal.files, hidden)
        except UserError:
            self._keep(removal)
            raise
        return hidden

    def _keep(self, removal: Removal) -> None:
        if removal.catalogue is not None:
            save_catalogue(own_catalogue_path(self._settings), removal.catalogue)

    def _delete_leftovers(self) -> None:
        """Delete what an earlier server had hidden when it ended."""
        waiting = {removed.hidden for removed in self._removed.values()}
        directories = {source.removable_from for source in sources(self._settings)}
        for directory in (path for path in directories if path is not None):
            for depth in ("", "*/"):
                for hidden in directory.glob(f"{depth}{HIDDEN_PREFIX}*"):
                    if hidden not in waiting:
                        _delete(hidden)

    def _forget_later(self, name: str, hidden: Path | None) -> None:
        with self._lock:
            removed = self._removed.get(name)
            if removed is not None and removed.hidden == hidden:
                self._forget(name)

    def _forget(self, name: str) -> None:
        """Delete for good what was removed of a model earlier, if anything was."""
        removed = self._removed.pop(name, None)
        if removed is None:
            return
        removed.timer.cancel()
        if removed.hidden is not None:
            _delete(removed.hidden)


def _rename(source: Path, target: Path) -> None:
    try:
        os.rename(source, target)
    except OSError as error:
        log.warning("Could not rename %s: %s", source, error)
        raise UserError(
            "The files of this model cannot be moved.", "Headlight may not write in their directory.", status=503
        ) from error


def _delete(hidden: Path) -> None:
    """A folder with all that is in it; of a link only the link."""
    if hidden.is_symlink():
        hidden.unlink()
    else:
        shutil.rmtree(hidden, ignore_errors=True)
