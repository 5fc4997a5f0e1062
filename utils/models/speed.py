"""How fast a model is on this computer: what loading it took, and what reading a text of 30 tokens takes.

Measured in the background once a model was loaded, and kept for its weights in `speeds.json` in HEADLIGHT_DATA_DIR. Of
several servers' measures of reading the quickest is kept, since other programs can only make it slower.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from utils.models.loader import LoadedModel
from utils.models.weights import remembered_weights_name
from utils.pyvene_engine import capture_patterns
from utils.settings import Settings

LOG = logging.getLogger(__name__)
N_TOKENS = 30
QUIET_S = 2.0  # after an answer, so that whoever asks next is not kept waiting
LOCK_TIMEOUT_S = 5


@dataclass(frozen=True)
class Speed:
    """Seconds on this computer.

    Args: load_s: from the files into memory, last time. read_s: one pass over 30 tokens, with attention patterns.
    """

    load_s: float
    read_s: float


class Speeds:
    """What is known of the speed of models. Thread-safe."""

    def __init__(self, settings: Settings):
        self._path = settings.data_dir / "speeds.json"
        self._lock = threading.Lock()
        self._measured: dict[str, Speed] = {}  # of this server, also where nothing can be written
        self._awaited: set[int] = set()

    def of(self, folder: Path) -> Speed | None:
        """The speed of the weights in a folder; None where it was not measured here, or there are no weights."""
        known = _read(self._path) | self._measured
        try:
            return known.get(remembered_weights_name(folder)) if known else None
        except OSError:
            return None

    def record(self, folder: Path, speed: Speed) -> None:
        """Keep the speed of the weights in a folder; only until the server ends where the disk does not take it."""
        name = remembered_weights_name(folder)
        with self._lock:
            self._measured[name] = speed
            try:
                self._write(name, speed)
            except (OSError, Timeout) as error:
                LOG.warning("The speed of %s is not kept: %s", folder.name, error)

    def measure_later(self, loaded: LoadedModel, load_s: float) -> None:
        """Measure a model that was just loaded, once nobody waits for an answer; each loading once."""
        with self._lock:
            is_new = loaded.edition not in self._awaited
            self._awaited.add(loaded.edition)
        if loaded.folder is not None and is_new:
            self._measure_soon(loaded, loaded.folder, load_s)

    def _measure_soon(self, loaded: LoadedModel, folder: Path, load_s: float) -> None:
        timer = threading.Timer(QUIET_S, self._measure, [loaded, folder, load_s])
        timer.daemon = True
        timer.start()

    def _measure(self, loaded: LoadedModel, folder: Path, load_s: float) -> None:
        """Measure now, or soon again where the model is answering somebody."""
        if loaded.lock.locked():
            self._measure_soon(loaded, folder, load_s)
            return
        try:
            read_s, known = reading_time(loaded), self.of(folder)
            quickest = read_s if known is None else min(read_s, known.read_s)
            self.record(folder, Speed(round(load_s, 3), round(quickest, 3)))
        except Exception:  # nobody asked for it
            LOG.exception("The speed of %s could not be measured", loaded.name)

    def _write(self, name: str, speed: Speed) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._path.with_name(f".{self._path.name}.lock"), timeout=LOCK_TIMEOUT_S):
            speeds = {known: asdict(kept) for known, kept in (_read(self._path) | {name: speed}).items()}
            partial = self._path.with_name(f".{self._path.name}.partial")
            partial.write_text(json.dumps(speeds, indent=1) + "\n", encoding="utf-8")
            os.replace(partial, self._path)


def reading_time(loaded: LoadedModel) -> float:
    """Seconds that a model takes to read 30 tokens, or as many as it can; which ones makes no difference."""
    n_tokens = min(N_TOKENS, loaded.max_positions or N_TOKENS)
    ids = torch.arange(n_tokens) % loaded.config.vocab_size
    began = time.perf_counter()
    capture_patterns(loaded, ids[None], only_last_logits=True)
    return time.perf_counter() - began


def _read(path: Path) -> dict[str, Speed]:
    """The speeds in a file by name of weights; none where it is not there, or damaged."""
    try:
        return {name: Speed(**kept) for name, kept in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
