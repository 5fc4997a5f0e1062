"""GGUF files that the operator put into HEADLIGHT_MODELS_DIR: `name.gguf`, or a folder with one in it.

Each is turned once into safetensors in HEADLIGHT_DATA_DIR, and again when the file has changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from utils.errors import UserError
from utils.model_config import MODELS
from utils.models.gguf import Quantisation, convert, read_quantisation
from utils.models.sources.directories import subfolders
from utils.models.sources.pip_download import sha256_of
from utils.models.sources.source import Offer, Progress, Source
from utils.models.sources.store import SourceNote, new_folder, read_note, require_room, stored_models, write_note

SUFFIX = ".gguf"
GROWTH = 4  # 16 bits for each weight, in place of 4 or more


class GgufFile(Source):
    """The operator's GGUF files."""

    place = "from a GGUF file that was added here"

    def folders(self, name: str) -> Iterable[Path]:
        """The safetensors that were made of a file, if they are of the file as it is now."""
        weights = self._files().get(name)
        if weights is None:
            return ()
        folder = self._folder(name)
        note = read_note(folder)
        return (folder,) if note is not None and note.version == _version(weights) else ()

    @property
    def removable_from(self) -> Path | None:
        return stored_models(self.settings)

    def offered_names(self) -> Iterable[str]:
        return [name for name in self._files() if name not in MODELS]

    def offer(self, name: str) -> Offer | None:
        weights = self._files().get(name)
        if weights is None:
            return None
        return Offer(n_bytes_kept=GROWTH * weights.stat().st_size, needs_network=False, is_estimate=True)

    def fetch(self, name: str, progress: Progress) -> Path:
        weights = self._files().get(name)
        if weights is None:
            raise UserError(f"The GGUF file of {name} is gone.", "Put it back.", status=404)
        require_room(stored_models(self.settings), GROWTH * weights.stat().st_size, name)
        target = self._folder(name)
        with new_folder(target) as partial:
            version = _version(weights)
            quantisation = read_quantisation(weights)
            convert(weights, partial, progress)
            hashes = {weights.name: sha256_of(weights)}
            write_note(partial, _note(weights, quantisation, hashes, version))
        return target

    def _folder(self, name: str) -> Path:
        return stored_models(self.settings) / (MODELS[name].folder if name in MODELS else name)

    def _files(self) -> dict[str, Path]:
        """The files by the name of their model; a folder that holds safetensors as well is no GGUF model."""
        root = self.settings.models_dir
        if root is None or not root.is_dir():
            return {}
        single = {path.stem: path for path in _gguf_files(root)}
        by_folder = {
            folder.name: found[0]
            for folder in subfolders(root)
            if len(found := _gguf_files(folder)) == 1 and not any(folder.glob("*.safetensors"))
        }
        of_registry = {spec.folder: name for name, spec in MODELS.items()}
        return {of_registry.get(stem, stem): path for stem, path in sorted((single | by_folder).items())}


def _note(weights: Path, quantisation: Quantisation, hashes: dict[str, str], version: str) -> SourceNote:
    return SourceNote(
        made_from=weights.name[:200],
        quantisation=quantisation.name,
        bits=quantisation.bits,
        hashes=hashes,
        version=version,
    )


def _gguf_files(folder: Path) -> list[Path]:
    """The GGUF files in a folder by name; hidden ones and what is no plain file are left out."""
    try:
        return sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file() and not path.name.startswith("."))
    except OSError:
        return []


def _version(weights: Path) -> str:
    """Size and time of last change: enough to tell that somebody put another file there."""
    status = weights.stat()
    return f"{status.st_size} {status.st_mtime_ns}"
