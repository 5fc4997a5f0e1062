"""Where attention patterns come from: one interface for TransformerLens and PyVene, and batching for both.

An engine turns a batch of token ids into patterns and knows nothing of roles. Sequences of one batch are padded on
the right; attention is causal, so no real position can see the padding, and it is cut off again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Literal, Protocol

import numpy as np
import torch

from utils.models.loader import LoadedModel
from utils.pyvene_engine import capture_patterns

EngineName = Literal["transformer_lens", "pyvene"]
BATCH_BYTES = 128 * 2**20


class PatternEngine(Protocol):
    """What an analysis needs of an engine."""

    name: EngineName
    packages: tuple[str, ...]

    @property
    def loaded(self) -> LoadedModel:
        """The model's tokenizer, config and start mark; its weights belong to the engine."""

    def batch_patterns(self, input_ids: torch.Tensor) -> np.ndarray:
        """Attention patterns of a batch [batch, position]: float32 [batch, layer, head, query_pos, key_pos]."""


class PyVeneEngine:
    """The running app's own way to the patterns."""

    name: EngineName = "pyvene"
    packages: tuple[str, ...] = ("pyvene",)

    def __init__(self, loaded: LoadedModel):
        self.loaded = loaded

    def batch_patterns(self, input_ids: torch.Tensor) -> np.ndarray:
        return capture_patterns(self.loaded, input_ids, only_last_logits=True).patterns.numpy()


def read_sequences(
    engine: PatternEngine, sequences: Sequence[np.ndarray], batch_bytes: int | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Patterns [layer, head, query_pos, key_pos] and token ids of every sequence, the shortest first.

    Only one batch is in memory at a time, of `batch_bytes` (128 MB) at most; 0 reads one sequence at a time, so that
    others who use the model wait for no more than one.
    """
    ordered = sorted(sequences, key=len)
    n_heads = engine.loaded.n_layers * engine.loaded.n_heads
    limit = BATCH_BYTES if batch_bytes is None else batch_bytes
    while ordered:
        batch = ordered[: _batch_size(ordered, n_heads, limit)]
        ordered = ordered[len(batch) :]
        patterns = engine.batch_patterns(_padded(batch))
        for row, token_ids in zip(patterns, batch, strict=True):
            n = len(token_ids)
            yield row[:, :, :n, :n], token_ids


def _batch_size(ordered: Sequence[np.ndarray], n_heads: int, batch_bytes: int) -> int:
    """How many of the first sequences fit in memory together, at least one."""
    fitting = [
        count
        for count, sequence in enumerate(ordered, start=1)
        if count * n_heads * len(sequence) ** 2 * 4 <= batch_bytes
    ]
    return max(fitting, default=1)


def _padded(batch: Sequence[np.ndarray]) -> torch.Tensor:
    """Token ids [batch, position], padded on the right with each sequence's own first id."""
    longest = max(map(len, batch))
    rows = [np.pad(token_ids, (0, longest - len(token_ids)), constant_values=token_ids[0]) for token_ids in batch]
    return torch.from_numpy(np.stack(rows))


def library_versions(engine: PatternEngine) -> dict[str, str]:
    """Versions of everything that a number depends on."""
    return {package: version(package) for package in ("torch", "transformers", "tokenizers", "numpy", *engine.packages)}
