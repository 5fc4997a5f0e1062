"""Both circuits of every head of a model, in numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch

from utils.circuits import positions
from utils.circuits.copying import TIED
from utils.circuits.embeddings import are_tied, vocabulary_parts
from utils.circuits.spectra import (
    copying_score,
    copying_score_through,
    effective_rank,
    singular_values,
    vocabulary_product,
)
from utils.circuits.weights import HeadWeights, layer_weights, norm_note
from utils.experiments.residual_parts import has_final_norm
from utils.heads import HeadId, Shape
from utils.models.loader import LoadedModel


@dataclass(frozen=True, eq=False)
class HeadCircuits:
    """One head, from its folded weights.

    Args: ov_copying_score: in [-1, 1], of the OV circuit W_V W_O by itself; 1 = copies.
    ov_copying_score_through_embedding: in [-1, 1], of W_E W_V W_O W_U, from tokens to logits; None where embedding and
    unembedding are not at hand, or cannot be joined to the circuit.
    qk_singular_values, ov_singular_values: [d_head], largest first, of W_Q W_K^T (without the scale of the scores) and
    W_V W_O. qk_effective_rank, ov_effective_rank: in [1, d_head], see `spectra.effective_rank`.
    positional_kernel: [distance], see `positions.positional_kernel`; None where positions are not learned.
    norm_note, position_note: what was folded in, and how positions enter. is_tied: the unembedding is the embedding, so
    that a high score through it is no job (`copying.TIED`).
    """

    head: HeadId
    ov_copying_score: float
    ov_copying_score_through_embedding: float | None
    qk_singular_values: np.ndarray
    ov_singular_values: np.ndarray
    qk_effective_rank: float
    ov_effective_rank: float
    positional_kernel: np.ndarray | None
    norm_note: str
    position_note: str
    is_tied: bool = False

    def as_json(self) -> dict[str, object]:
        """The API's answer, but for the model's name."""
        kernel = self.positional_kernel
        is_doubtful = self.is_tied and self.ov_copying_score_through_embedding is not None
        return {
            "layer": self.head.layer,
            "head": self.head.head,
            "ov_copying_score": self.ov_copying_score,
            "ov_copying_score_through_embedding": self.ov_copying_score_through_embedding,
            "qk_singular_values": self.qk_singular_values.tolist(),
            "ov_singular_values": self.ov_singular_values.tolist(),
            "qk_effective_rank": self.qk_effective_rank,
            "ov_effective_rank": self.ov_effective_rank,
            "positional_kernel": None if kernel is None else kernel.tolist(),
            "notes": [self.norm_note, self.position_note, *([TIED] if is_doubtful else [])],
        }


@dataclass(frozen=True, eq=False)
class ModelCircuits:
    """The same for all heads, float32: copying_scores [layer, head], singular values [layer, head, d_head],
    positional_kernels [layer, head, distance] or None."""

    copying_scores: np.ndarray
    qk_singular_values: np.ndarray
    ov_singular_values: np.ndarray
    positional_kernels: np.ndarray | None
    norm_note: str
    position_note: str

    @property
    def shape(self) -> Shape:
        return Shape(*self.copying_scores.shape)

    def of_head(self, head: HeadId, through_embedding: float | None) -> HeadCircuits:
        """One head of it. Args: through_embedding: its copying score from tokens to logits, where that is known."""
        qk, ov = self.qk_singular_values[head], self.ov_singular_values[head]
        return HeadCircuits(
            head=head,
            ov_copying_score=float(self.copying_scores[head]),
            ov_copying_score_through_embedding=through_embedding,
            qk_singular_values=qk,
            ov_singular_values=ov,
            qk_effective_rank=float(effective_rank(torch.tensor(qk))),
            ov_effective_rank=float(effective_rank(torch.tensor(ov))),
            positional_kernel=None if self.positional_kernels is None else self.positional_kernels[head],
            norm_note=self.norm_note,
            position_note=self.position_note,
        )


def compute_model_circuits(loaded: LoadedModel) -> ModelCircuits:
    """Both circuits of every head, one layer at a time."""
    layers = [layer_weights(loaded, layer) for layer in range(loaded.n_layers)]
    kernels = [positions.positional_kernel(loaded, layer, heads) for layer, heads in enumerate(layers)]
    has_kernels = all(kernel is not None for kernel in kernels)
    return ModelCircuits(
        copying_scores=_copying_scores(layers),
        qk_singular_values=_stacked([singular_values(heads.W_Q, heads.W_K.mT) for heads in layers]),
        ov_singular_values=_stacked([singular_values(heads.W_V, heads.W_O) for heads in layers]),
        positional_kernels=_stacked([kernel for kernel in kernels if kernel is not None]) if has_kernels else None,
        norm_note=norm_note(loaded),
        position_note=positions.NOTES[loaded.family.positions],
    )


def compute_copying_scores(loaded: LoadedModel) -> np.ndarray:
    """OV copying scores of all heads, [layer, head] in [-1, 1], of the OV circuits alone."""
    return _copying_scores(layer_weights(loaded, layer) for layer in range(loaded.n_layers))


def compute_head_circuits(loaded: LoadedModel, head: HeadId, product: torch.Tensor | None) -> HeadCircuits:
    """Both circuits of one head, as `ModelCircuits.of_head` has them; the weights of one layer are read for it.

    Args: product: `joined_vocabulary` of the model.
    """
    heads, own = layer_weights(loaded, head.layer), slice(head.head, head.head + 1)
    kernels = positions.positional_kernel(loaded, head.layer, heads)
    one = ModelCircuits(
        copying_scores=_stacked([copying_score(heads.W_O[own] @ heads.W_V[own])]),
        qk_singular_values=_stacked([singular_values(heads.W_Q[own], heads.W_K[own].mT)]),
        ov_singular_values=_stacked([singular_values(heads.W_V[own], heads.W_O[own])]),
        positional_kernels=None if kernels is None else _stacked([kernels[own]]),
        norm_note=norm_note(loaded),
        position_note=positions.NOTES[loaded.family.positions],
    )
    through = None if product is None else copying_score_through(heads.W_V[head.head], heads.W_O[head.head], product)
    return replace(one.of_head(HeadId(0, 0), through), head=head, is_tied=are_tied(loaded))


def joined_vocabulary(loaded: LoadedModel) -> torch.Tensor | None:
    """What joins a head's writing to its reading through all tokens, [d_model, d_model], the same for every head.

    None where no single norm joins stream and logits.
    """
    return vocabulary_product(vocabulary_parts(loaded)) if has_final_norm(loaded) else None


def copying_through_embedding(loaded: LoadedModel, head: HeadId) -> float | None:
    """A head's copying score from tokens to logits; None where no single norm joins stream and logits."""
    return compute_head_circuits(loaded, head, joined_vocabulary(loaded)).ov_copying_score_through_embedding


def _copying_scores(layers: Iterable[HeadWeights]) -> np.ndarray:
    return _stacked([copying_score(heads.W_O @ heads.W_V) for heads in layers])


def _stacked(layers: list[torch.Tensor]) -> np.ndarray:
    values: np.ndarray = torch.stack(layers).numpy()
    values.setflags(write=False)
    return values
