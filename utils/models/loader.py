"""Models in memory: float32, eager attention, evaluation mode, each loaded once and shared by all threads."""

from __future__ import annotations

import itertools
import json
import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

import utils.models.attention_only  # noqa: F401  # makes the toy family known to transformers' Auto classes
from utils.errors import UserError
from utils.heads import Shape
from utils.model_config import MODELS, Family, ModelSpec, StartMark
from utils.models.adapter import Adapter, family_in, read_adapter
from utils.models.files import find_model_dir, incomplete_folder, local_model_dir, missing_files
from utils.settings import Settings

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

RETRY_AFTER_S = 60.0  # a model that could not be fetched is not tried again before that
_READING = threading.Lock()  # transformers changes its own functions while it reads weights: one model at a time

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model ready to read.

    Args: name: as in the registry, or its folder's. start_mark_id: the id to put at position 0, or None. adapter: what
    its owner says about a model that is unlike others, or None. lock: held while PyVene's hooks are on the model,
    since two passes at once would mix their patterns. edition: a number that no other loading of any model has, by
    which to remember results: files that have changed are loaded again.
    """

    name: str
    family: Family
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    config: PreTrainedConfig
    start_mark_id: int | None
    adapter: Adapter | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    edition: int = field(default_factory=itertools.count().__next__, repr=False)

    @property
    def n_layers(self) -> int:
        return self.family.n_layers(self.config)

    @property
    def n_heads(self) -> int:
        return self.family.n_heads(self.config)

    @property
    def shape(self) -> Shape:
        return Shape(self.n_layers, self.n_heads)

    @property
    def start_ids(self) -> list[int]:
        """The start mark in front of every text; empty for a model without."""
        return [] if self.start_mark_id is None else [self.start_mark_id]

    @property
    def max_positions(self) -> int | None:
        return self.family.max_positions(self.config)


class ModelStore:
    """The models of one server. A model is loaded when it is first asked for; others can be used meanwhile."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._models: dict[str, LoadedModel] = {}
        self._refusals: dict[str, tuple[float, UserError]] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        if settings.threads:
            torch.set_num_threads(settings.threads)

    def get(self, name: str) -> LoadedModel:
        """The model of that name. Raises UserError, with what to do, when it cannot be had."""
        loaded = self._models.get(name)
        if loaded is not None:
            return loaded
        if name not in MODELS:
            find_model_dir(name, self._settings)  # refuses unknown names, so that no lock is kept for them
        lock = self._lock_of(name)
        with lock:
            if self._lock_of(name) is not lock:  # forgotten while this one waited
                return self.get(name)
            loaded = self._models.get(name)
            if loaded is None:
                loaded = self._load(name)
                with self._guard:
                    if self._locks.get(name) is lock:  # else forgotten while it was read, and not to be kept
                        self._models[name] = loaded
            return loaded

    def forget(self, name: str) -> None:
        """Load the model from its files again when it is next asked for; whoever reads with it now can finish."""
        with self._guard:
            self._models.pop(name, None)
            self._refusals.pop(name, None)
            self._locks.pop(name, None)

    def _lock_of(self, name: str) -> threading.Lock:
        """Held while the model is loaded; another one after the model was forgotten."""
        with self._guard:
            return self._locks.setdefault(name, threading.Lock())

    def _load(self, name: str) -> LoadedModel:
        """Load a model; a room full of people who ask for one that cannot be fetched waits for the network once."""
        refused_at, refusal = self._refusals.get(name, (0.0, None))
        if refusal and time.monotonic() - refused_at < RETRY_AFTER_S and not local_model_dir(name, self._settings):
            raise refusal.again()
        try:
            return load_model(name, self._settings)
        except UserError as error:
            self._refusals[name] = (time.monotonic(), error)
            raise


def load_model(name: str, settings: Settings) -> LoadedModel:
    """Load a model by its name in the registry or in the operator's models directory."""
    return load_model_from(find_model_dir(name, settings), name)


def load_model_from(folder: Path, name: str | None = None) -> LoadedModel:
    """Load the model in a directory. Raises UserError when files are missing, damaged, or of an unknown family."""
    name = name or folder.name
    if missing_files(folder):
        raise incomplete_folder(folder, name)
    try:
        return _load(folder, name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        LOG.exception("Could not load %s", name)
        raise UserError(
            f"The files of {name} are damaged or do not fit together.", "Copy or download them again.", status=503
        ) from error


def _load(folder: Path, name: str) -> LoadedModel:
    family = family_in(folder, str(_read_json(folder / "config.json").get("model_type")))
    transformers_logging.disable_progress_bar()
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    config = AutoConfig.from_pretrained(folder, **options)
    with _READING:
        loading: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            attn_implementation="eager",
            use_safetensors=True,
            output_loading_info=True,
            **options,
        )
    model, info = loading
    if info["missing_keys"]:
        raise ValueError(f"weights without a value: {sorted(info['missing_keys'])[:5]}")
    model.eval().requires_grad_(False)
    adapter = read_adapter(folder)
    if adapter is not None and adapter.labels:
        tokenizer = adapter.tokenizer()
        return LoadedModel(name, family, model, tokenizer, config, tokenizer.bos_token_id, adapter)
    tokenizer = _load_tokenizer(folder, options)
    start_mark_id = _start_mark_id(_start_mark_rule(folder, name, family), config, tokenizer)
    return LoadedModel(name, family, model, tokenizer, config, start_mark_id, adapter)


def _load_tokenizer(folder: Path, options: dict[str, Any]) -> PreTrainedTokenizerFast:
    """A fast tokenizer that neither cuts nor pads, and reads "<|endoftext|>" in a student's text as plain text."""
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, **options)
    if not tokenizer.is_fast:
        raise ValueError("the tokenizer has no tokenizer.json")
    tokenizer.split_special_tokens = True
    tokenizer.backend_tokenizer.encode_special_tokens = True
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    return tokenizer


def _start_mark_rule(folder: Path, name: str, family: Family) -> StartMark:
    """The registry's rule for a model that it lists, by name or by folder; else the family's."""
    by_folder: dict[str, ModelSpec] = {spec.folder: spec for spec in MODELS.values()}
    spec = MODELS.get(name) or by_folder.get(folder.name)
    return spec.start_mark if spec else family.start_mark


def _start_mark_id(rule: StartMark, config: PreTrainedConfig, tokenizer: PreTrainedTokenizerFast) -> int | None:
    """The id at position 0. Raises ValueError for a model that needs one and names none."""
    bos_id = config.bos_token_id if config.bos_token_id is not None else tokenizer.bos_token_id
    if rule is StartMark.NONE:
        return None
    if rule is StartMark.AS_TOKENIZER:
        first = tokenizer.backend_tokenizer.encode("a", add_special_tokens=True).ids[:1]
        return bos_id if bos_id is not None and first == [bos_id] else None
    if bos_id is None:
        raise ValueError("the model needs a start mark, and its config has no bos_token_id")
    return int(bos_id)


def _read_json(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} holds no JSON object")
    return content
