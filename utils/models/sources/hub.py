"""The Hugging Face hub: a model's configuration, tokenizer and safetensors, and nothing else of its repository."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import GatedRepoError, HTTPError
from tqdm.auto import tqdm

from utils.errors import UserError
from utils.model_config import MODELS, display_name_of
from utils.models.sources.pip_download import sha256_of
from utils.models.sources.source import NETWORK_TIMEOUT_S, Offer, Progress, Source, no_progress

LOG = logging.getLogger(__name__)

# Everything else in a repository (pickles, other frameworks' weights, Python code) stays where it is.
WANTED_FILES = ("*.json", "*.safetensors", "merges.txt", "vocab.txt", "chat_template.jinja", "LICENSE*")
BYTES_PER_WEIGHT = 4  # at most; most repositories keep 16 bits
CONVERSION_BOT = "SFconvertbot"
CONVERSION_TITLE = "Adding `safetensors` variant of this model"


class Hub(Source):
    """Any registered model that is not our own; what is fetched lies in the hub's cache."""

    place = "from the hub"

    def offer(self, name: str) -> Offer | None:
        spec = MODELS.get(name)
        if spec is None or spec.is_own or self.settings.offline:
            return None
        n_bytes = int(spec.millions * 1e6 * BYTES_PER_WEIGHT) if spec.millions else None
        return Offer(n_bytes, n_bytes, is_estimate=True, needs_account=spec.is_gated)

    def fetch(self, name: str, progress: Progress) -> Path:
        try:
            return download(name, progress)
        except GatedRepoError as error:
            raise UserError(
                f"The owner of {display_name_of(name)} asks for an account.",
                "Accept the licence on the model's own page, then set HF_TOKEN.",
                status=503,
            ) from error
        except (HTTPError, OSError, ValueError) as error:
            LOG.warning("Could not download %s: %s", name, error)
            raise UserError(
                f"{display_name_of(name)} could not be downloaded: the hub cannot be reached, or does not have it.",
                "Check the network, or add the files by hand.",
                status=503,
            ) from error


def download(name: str, progress: Progress = no_progress) -> Path:
    """The folder in the hub's cache with a repository's newest safetensors, each checked against the hub's hash.

    Raises: UserError where its owner offers none or a file is damaged; what huggingface_hub raises where there is no
    such repository, or no network within the one limit for every answer; whatever `progress` raises.
    """
    constants.HF_HUB_DOWNLOAD_TIMEOUT = constants.HF_HUB_ETAG_TIMEOUT = int(NETWORK_TIMEOUT_S)
    progress(0.0, "Asking the hub")
    revision, hashes = _safetensors_revision(name)
    if revision is None:
        raise UserError(
            f"The owner of {display_name_of(name)} offers no safetensors file, and Headlight reads no other kind.",
            "Choose another model.",
            status=503,
        )
    folder = Path(
        snapshot_download(
            name,
            revision=revision,
            allow_patterns=list(WANTED_FILES),
            etag_timeout=NETWORK_TIMEOUT_S,
            tqdm_class=_told(progress),
        )
    )
    for file_name, sha256 in hashes.items():
        if sha256_of(folder / file_name) != sha256:
            (folder / file_name).resolve().unlink()  # what the snapshot's link leads to, else it is linked again
            (folder / file_name).unlink(missing_ok=True)
            raise UserError(f"{file_name} arrived damaged, so it was not used.", "Try again.", status=503)
    return folder


def _safetensors_revision(name: str) -> tuple[str | None, dict[str, str]]:
    """The commit to fetch, and the SHA-256 of its weights by file name.

    It is the newest, or Hugging Face's own conversion where the owner left only pickles; None where there is neither.
    """
    api = HfApi()
    info = api.model_info(name, timeout=NETWORK_TIMEOUT_S, files_metadata=True)
    if any(file.rfilename.endswith(".safetensors") for file in info.siblings or ()):
        return info.sha, _hashes(info)
    for discussion in api.get_repo_discussions(name, author=CONVERSION_BOT):
        if discussion.is_pull_request and discussion.title == CONVERSION_TITLE:
            revision = f"refs/pr/{discussion.num}"
            return revision, _hashes(
                api.model_info(name, revision=revision, timeout=NETWORK_TIMEOUT_S, files_metadata=True)
            )
    return None, {}


def _hashes(info: Any) -> dict[str, str]:
    """SHA-256 of the safetensors of a repository, by file name, as the hub tells them."""
    weights = (file for file in info.siblings or () if file.rfilename.endswith(".safetensors"))
    return {file.rfilename: file.lfs.sha256 for file in weights if file.lfs is not None}


def _told(progress: Progress) -> type[tqdm]:
    """A progress bar that shows nothing and tells `progress` about bytes. Its exceptions end the download."""
    lock = threading.Lock()

    class Told(tqdm):
        def __init__(self, *args: Any, **kwargs: Any):
            self._counts_bytes = kwargs.get("unit") == "B"
            super().__init__(*args, **{**kwargs, "disable": False, "file": _Nowhere()})

        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            if self._counts_bytes and self.total:
                with lock:
                    progress(min(1.0, self.n / self.total), f"Fetching it, {self.n / 1e6:.0f} MB are here")
            return shown

    return Told


class _Nowhere:
    """Takes what a bar would draw."""

    def write(self, _text: str) -> int:
        return 0

    def flush(self) -> None:
        pass
