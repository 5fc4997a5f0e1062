"""Where a model's files are: models/, then HEADLIGHT_MODELS_DIR, then the Hugging Face cache, then the hub.

Only names from the registry, and folders that the operator put there, are ever looked up: a name that a browser sends
is compared with what exists and never becomes a path or an address by itself. Weights are safetensors only; a pickle
can run code while it is read.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import GatedRepoError, HTTPError
from huggingface_hub.file_download import repo_folder_name

from utils.errors import Fix, UserError
from utils.model_config import MODELS, ModelSpec, display_name_of
from utils.models.adapter import FILE_NAME as ADAPTER
from utils.settings import SHIPPED_MODELS_DIR, Settings

LOG = logging.getLogger(__name__)

# Everything else in a repository (pickles, other frameworks' weights, Python code) stays where it is.
WANTED_FILES = ("*.json", "*.safetensors", "merges.txt", "vocab.txt", "LICENSE*")
HUB_TIMEOUT_S = 5.0
INDEX_OF_PICKLES = "pytorch_model.bin.index.json"
WHOLE_PICKLE = "pytorch_model.bin"
PICKLE_SUFFIXES = (".bin", ".pth", ".pt")
NOT_WEIGHTS = ("training_args", "optimizer", "scheduler", "rng_state")  # what a trainer leaves beside them
CONVERSION_BOT = "SFconvertbot"
CONVERSION_TITLE = "Adding `safetensors` variant of this model"


def find_model_dir(name: str, settings: Settings) -> Path:
    """The directory with a model's files, fetched from the hub if need be. Raises UserError when they cannot be had."""
    here = local_model_dir(name, settings)
    if here is not None:
        return here
    spec = _registered(name, settings)
    if spec.is_own:
        raise _not_here(spec, settings, "It comes with Headlight, but its folder is missing or incomplete.")
    if settings.offline:
        raise _not_here(spec, settings, "Headlight is set to stay off the network.")
    return _fetch(spec, settings)


def local_model_dir(name: str, settings: Settings) -> Path | None:
    """The directory on this computer with everything a model needs; None when it is unknown or incomplete."""
    candidates = [*named_folders(name, settings), *(_cached_snapshots(name) if name in MODELS else ())]
    return next((folder for folder in candidates if not missing_files(folder)), None)


def local_model_names(settings: Settings) -> list[str]:
    """Models that can be loaded without a network: those of the registry first, then the operator's other folders."""
    registered = [name for name in MODELS if local_model_dir(name, settings) is not None]
    known_folders = {spec.folder for spec in MODELS.values()}
    own = {
        folder.name
        for root in model_roots(settings)
        for folder in subfolders(root)
        if folder.name not in known_folders and not missing_files(folder)
    }
    return registered + sorted(own)


def missing_files(folder: Path) -> list[str]:
    """What a model's folder still lacks, by file name; empty when the model can be loaded from it."""
    if not folder.is_dir():
        return ["config.json", "model.safetensors", "tokenizer.json"]
    missing = [] if (folder / "config.json").is_file() else ["config.json"]
    missing += _missing_weights(folder)
    has_vocabulary = (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file()
    if not (folder / "tokenizer.json").is_file() and not has_vocabulary and not (folder / ADAPTER).is_file():
        missing.append("tokenizer.json")
    return missing


def pickled_weights(folder: Path) -> list[str]:
    """The pickles with a model's weights, by file name, where they are all it has; empty otherwise.

    Several are the parts that an index names; without an index it is `pytorch_model.bin`, or else the only pickle.
    """
    if not (folder / "config.json").is_file() or not _missing_weights(folder):
        return []
    if (folder / INDEX_OF_PICKLES).is_file():
        shards = _shards_of(folder / INDEX_OF_PICKLES)
        return shards if all((folder / shard).is_file() for shard in shards) else []
    pickles = [path.name for path in folder.iterdir() if path.suffix in PICKLE_SUFFIXES]
    weights = sorted(name for name in pickles if not name.startswith(NOT_WEIGHTS))
    if WHOLE_PICKLE in weights:
        return [WHOLE_PICKLE]
    return weights if len(weights) == 1 else []


def folder_with_pickles(name: str, settings: Settings) -> Path | None:
    """The folder of a model whose weights are here, yet only as pickles."""
    candidates = [*named_folders(name, settings), *(_cached_snapshots(name) if name in MODELS else ())]
    return next((folder for folder in candidates if pickled_weights(folder)), None)


def incomplete_folder(folder: Path, name: str, fix: Fix | None = None) -> UserError:
    """Why a model cannot be loaded from a folder: files that are missing, or weights of a kind that is not read."""
    pickles = pickled_weights(folder)
    if pickles:
        return UserError(
            f"The weights of {name} are a pickle ({pickles[0]}). Headlight reads none, since a pickle can run code.",
            f"Run python scripts/convert_weights.py --model {name} once. It turns them into safetensors.",
            status=503,
            fix=fix,
        )
    return UserError(
        f"The folder {folder.name} is not complete. Still missing: {', '.join(missing_files(folder))}.",
        "Put these files there; the weights must be safetensors.",
        status=503,
    )


def _missing_weights(folder: Path) -> list[str]:
    """Weights are one file, or an index and all the files that it names."""
    if (folder / "model.safetensors").is_file():
        return []
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return ["model.safetensors"]
    shards = _shards_of(index)
    return [shard for shard in shards if not (folder / shard).is_file()] if shards else [index.name]


def _shards_of(index: Path) -> list[str]:
    """The files that an index names, without any folder before them; empty for an index that cannot be read."""
    try:
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, AttributeError, TypeError):
        return []
    return sorted(Path(str(shard)).name for shard in shards)


def model_roots(settings: Settings) -> list[Path]:
    """The directories in which models are looked for, one folder per model: models/, then HEADLIGHT_MODELS_DIR."""
    return [SHIPPED_MODELS_DIR] + ([settings.models_dir] if settings.models_dir else [])


def subfolders(root: Path) -> list[Path]:
    """The folders in a directory by name, without hidden ones; none where there is no such directory."""
    if not root.is_dir():
        return []
    return sorted(folder for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith("."))


def named_folders(name: str, settings: Settings) -> Iterator[Path]:
    """Folders of that name: for a registered model also owner/name; otherwise only what a listing shows."""
    for root in model_roots(settings):
        if name in MODELS:
            yield root / name
            yield root / MODELS[name].folder
        else:
            yield from (folder for folder in subfolders(root) if folder.name == name)


def _cached_snapshots(name: str) -> list[Path]:
    """Snapshots of a model in the Hugging Face cache, the newest first."""
    snapshots = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model") / "snapshots"
    return sorted(subfolders(snapshots), key=lambda folder: folder.stat().st_mtime, reverse=True)


def _registered(name: str, settings: Settings) -> ModelSpec:
    if name not in MODELS:
        pickled = folder_with_pickles(name, settings)
        if pickled is not None:
            raise incomplete_folder(pickled, name, _use_default(settings))
        raise UserError(
            "Headlight does not know a model of that name.",
            "Choose a model from the list, or put its folder into the directory that HEADLIGHT_MODELS_DIR names.",
            status=404,
            fix=_use_default(settings),
        )
    return MODELS[name]


def _fetch(spec: ModelSpec, settings: Settings) -> Path:
    """Download a model's configuration, tokenizer and safetensors, and nothing else."""
    try:
        revision = _safetensors_revision(spec)
        if revision is None:
            raise _not_here(spec, settings, "Its owner offers no safetensors file, and Headlight reads no other kind.")
        folder = snapshot_download(
            spec.name, revision=revision, allow_patterns=list(WANTED_FILES), etag_timeout=HUB_TIMEOUT_S
        )
    except GatedRepoError as error:
        raise _not_here(
            spec, settings, "Its owner asks for an account: accept the licence, then set HF_TOKEN."
        ) from error
    except (HTTPError, OSError, ValueError) as error:
        LOG.warning("Could not download %s: %s", spec.name, error)
        raise _not_here(spec, settings, "It could not be downloaded either.") from error
    return Path(folder)


def _safetensors_revision(spec: ModelSpec) -> str | None:
    """The commit to fetch: the newest, or Hugging Face's own conversion where the owner left only pickles."""
    api = HfApi()
    info = api.model_info(spec.name, timeout=HUB_TIMEOUT_S)
    if any(file.rfilename.endswith(".safetensors") for file in info.siblings or ()):
        return info.sha
    for discussion in api.get_repo_discussions(spec.name, author=CONVERSION_BOT):
        if discussion.is_pull_request and discussion.title == CONVERSION_TITLE:
            return f"refs/pr/{discussion.num}"
    return None


def _not_here(spec: ModelSpec, settings: Settings, reason: str) -> UserError:
    pickled = folder_with_pickles(spec.name, settings)
    if pickled is not None:
        return incomplete_folder(pickled, spec.name, _use_default(settings))
    return UserError(
        f"{spec.display_name} is not on this computer. {reason} Your text is safe.",
        f"Put config.json, model.safetensors and tokenizer.json into the folder {spec.folder}, in models or in the "
        "directory that HEADLIGHT_MODELS_DIR names.",
        status=503,
        fix=_use_default(settings),
    )


def _use_default(settings: Settings) -> Fix | None:
    name = settings.default_model
    return Fix(f"Use {display_name_of(name)}", model=name)
