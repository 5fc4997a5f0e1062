"""Models in memory: float32, eager attention, evaluation mode, each loaded once and shared by all threads."""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

import utils.models.attention_only  # noqa: F401  # makes the toy family known to transformers' Auto classes
from utils.heads import Shape
from utils.model_config import MODELS, Family, StartMark
from utils.models.adapter import Adapter, read_adapter
from utils.models.boundary import BUILDING, check_all_was_read, check_before_reading, read_config, reading
from utils.models.completeness import incomplete_folder, missing_files
from utils.models.files import require_local_model_dir
from utils.models.weights import FileVersion, file_versions
from utils.settings import Settings

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model ready to read.

    Args: name: as in the registry, or its folder's. start_mark_id: the id to put at position 0, or None. adapter: what
    its owner says about a model that is unlike others, or None. lock: held while PyVene's hooks are on the model,
    since two passes at once would mix their patterns. edition: a number that no other loading of any model has, by
    which to remember results: files that have changed are loaded again. folder, versions: the files it was read from,
    as they were then.
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
    folder: Path | None = None
    versions: tuple[FileVersion, ...] = ()

    @property
    def is_as_its_files(self) -> bool:
        """Whether its files are still those it was read from."""
        return self.folder is None or file_versions(self.folder) == self.versions

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

    @property
    def windows(self) -> tuple[int | None, ...]:
        """How many positions back the heads of each layer see; empty where every layer sees all."""
        return self.family.windows(self.config)


class ModelStore:
    """The models of one server. A model is loaded when it is first asked for; others can be used meanwhile."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._models: dict[str, LoadedModel] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._began: dict[str, float] = {}
        self._guard = threading.Lock()
        if settings.threads:
            torch.set_num_threads(settings.threads)

    def get(self, name: str) -> LoadedModel:
        """The model of that name, read again where its files have changed since.

        Raises: UserError, with what to do, when it cannot be had.
        """
        loaded = self._models.get(name)
        if loaded is not None:
            if loaded.is_as_its_files:
                return loaded
            self._forget_this(name, loaded)
        require_local_model_dir(name, self._settings)  # before there is a lock, so that unknown names leave none
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

    def is_loaded(self, name: str) -> bool:
        """Whether a question to that model need not wait for its files."""
        return name in self._models

    def loading_for_s(self, name: str) -> float | None:
        """For how many seconds a model has been read by now; None while nobody reads it."""
        began = self._began.get(name)
        return None if began is None else time.monotonic() - began

    def _load(self, name: str) -> LoadedModel:
        self._began[name] = time.monotonic()
        try:
            return load_model(name, self._settings)
        finally:
            self._began.pop(name, None)

    def forget(self, name: str) -> None:
        """Load the model from its files again when it is next asked for; whoever reads with it now can finish."""
        with self._guard:
            self._models.pop(name, None)
            self._locks.pop(name, None)

    def _forget_this(self, name: str, loaded: LoadedModel) -> None:
        """As `forget`, unless somebody else has loaded it anew meanwhile."""
        with self._guard:
            if self._models.get(name) is loaded:
                del self._models[name]
                self._locks.pop(name, None)

    def _lock_of(self, name: str) -> threading.Lock:
        """Held while the model is loaded; another one after the model was forgotten."""
        with self._guard:
            return self._locks.setdefault(name, threading.Lock())


def load_model(name: str, settings: Settings) -> LoadedModel:
    """Load a model that is on this computer by its name in the registry or in the operator's models directory."""
    return load_model_from(require_local_model_dir(name, settings), name)


def load_model_from(folder: Path, name: str | None = None) -> LoadedModel:
    """Load the model in a directory.

    Raises: UserError, and nothing else, when files are missing, damaged, do not fit together or into memory, or are of
    a kind or family that is not read.
    """
    name = name or folder.name
    if missing_files(folder):
        raise incomplete_folder(folder, name)
    with reading(name):
        versions = file_versions(folder)
    config, family = read_config(folder, name)
    check_before_reading(folder, name, config, family)
    with reading(name, "weights"):
        model = _read_weights(folder, name, config)
    with reading(name, "vocabulary (tokenizer.json)"):
        adapter = read_adapter(folder)
        if adapter is not None and adapter.labels:
            tokenizer = adapter.tokenizer()
            start_mark_id = tokenizer.bos_token_id
        else:
            tokenizer = _load_tokenizer(folder)
            start_mark_id = _start_mark_id(_start_mark_rule(name, family, adapter), config, tokenizer)
    return LoadedModel(name, family, model, tokenizer, config, start_mark_id, adapter, folder=folder, versions=versions)


def _read_weights(folder: Path, name: str, config: PreTrainedConfig) -> PreTrainedModel:
    transformers_logging.disable_progress_bar()
    with BUILDING:
        loading: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            attn_implementation="eager",
            use_safetensors=True,
            output_loading_info=True,
            local_files_only=True,
            trust_remote_code=False,
        )
    model, info = loading
    check_all_was_read(name, info, folder)
    model.eval().requires_grad_(False)
    return model


def _load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """A fast tokenizer that neither cuts nor pads, and reads "<|endoftext|>" in a student's text as plain text."""
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if not tokenizer.is_fast:
        raise ValueError("the tokenizer has no tokenizer.json")
    tokenizer.split_special_tokens = True
    tokenizer.backend_tokenizer.encode_special_tokens = True
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    return tokenizer


def _start_mark_rule(name: str, family: Family, adapter: Adapter | None) -> StartMark:
    """What the model's own adapter.json says; else the registry, for a model that it lists; else the family's rule."""
    if adapter is not None and adapter.start_mark is not None:
        return adapter.start_mark
    return MODELS[name].start_mark if name in MODELS else family.start_mark


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
