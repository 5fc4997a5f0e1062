"""Where readings come from: one interface for TransformerLens and PyVene, and batching for both.

An engine turns a batch of token ids into patterns, and whatever else the measures need, and knows nothing of roles.
Sequences of one batch are padded on the right; attention is causal, so no real position can see the padding, and it is
cut off again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal, Protocol

import numpy as np
import torch

from utils.measures.reading import Need, Reading
from utils.models.loader import LoadedModel
from utils.pyvene_engine import capture_patterns
from utils.roles import needs_of_roles

EngineName = Literal["transformer_lens", "pyvene"]
BATCH_BYTES = 128 * 2**20


@dataclass(frozen=True, eq=False)
class Batch:
    """patterns: float32 [batch, layer, head, query_pos, key_pos]. head_values: [batch, layer, head, position, d_head],
    None where nobody needs them."""

    patterns: np.ndarray
    head_values: np.ndarray | None = None


class PatternEngine(Protocol):
    """What a catalogue job needs of an engine."""

    name: EngineName
    packages: tuple[str, ...]

    @property
    def loaded(self) -> LoadedModel:
        """The model's tokenizer, config and start mark; its weights belong to the engine."""

    def read_batch(self, input_ids: torch.Tensor, needs: frozenset[Need]) -> Batch:
        """What all heads do on a batch [batch, position]."""


class PyVeneEngine:
    """The running app's own way to the patterns."""

    name: EngineName = "pyvene"
    packages: tuple[str, ...] = ("pyvene",)

    def __init__(self, loaded: LoadedModel):
        self.loaded = loaded

    def read_batch(self, input_ids: torch.Tensor, needs: frozenset[Need]) -> Batch:
        wants_values = Need.HEAD_VALUES in needs
        capture = capture_patterns(self.loaded, input_ids, only_last_logits=True, with_head_values=wants_values)
        values = capture.head_values
        return Batch(capture.patterns.numpy(), None if values is None else values.numpy())


def read_sequences(
    engine: PatternEngine, sequences: Sequence[np.ndarray], batch_bytes: int | None = None
) -> Iterator[Reading]:
    """What all heads do on every sequence, the shortest first, as far as the roles' measures need it.

    Only one batch is in memory at a time, of `batch_bytes` (128 MB) at most; 0 reads one sequence at a time, so that
    others who use the model wait for no more than one.
    """
    ordered = sorted(sequences, key=len)
    n_heads = engine.loaded.n_layers * engine.loaded.n_heads
    limit = BATCH_BYTES if batch_bytes is None else batch_bytes
    needs = needs_of_roles() - {Need.WRITING}  # what that takes is in the catalogue that is being made
    while ordered:
        batch = ordered[: _batch_size(ordered, n_heads, limit)]
        ordered = ordered[len(batch) :]
        read = engine.read_batch(_padded(batch), needs)
        for row, token_ids in enumerate(batch):
            n = len(token_ids)
            values = None if read.head_values is None else read.head_values[row, :, :, :n]
            yield Reading(token_ids, read.patterns[row, :, :, :n, :n], values, windows=engine.loaded.windows)


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
