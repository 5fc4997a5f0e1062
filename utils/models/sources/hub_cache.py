"""What was fetched from the Hugging Face hub before, by Headlight or by anybody else on this computer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from huggingface_hub import constants
from huggingface_hub.file_download import repo_folder_name

from utils.model_config import MODELS
from utils.models.sources.directories import subfolders
from utils.models.sources.source import Source


class HubCache(Source):
    """The local cache of the hub; it belongs to the computer's user, so nothing is removed from it."""

    place = "from your cache"

    def folders(self, name: str) -> Iterable[Path]:
        """Snapshots of a registered model, the newest first."""
        if name not in MODELS or MODELS[name].is_own:
            return ()
        snapshots = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model") / "snapshots"
        return sorted(subfolders(snapshots), key=lambda folder: folder.stat().st_mtime, reverse=True)
