"""How well a later head's reading fits an earlier head's writing, told from the weights: composition scores.

    score = ||W_A W_B||_F / (||W_A||_F ||W_B||_F)      A earlier, B later, row vectors

| kind | W_A | W_B | what B takes from A |
|---|---|---|---|
| Q | W_OV of A | W_QK of B | what it looks for |
| K | W_OV of A | W_QK of B, transposed | what it is found by |
| V | W_OV of A | W_OV of B | what it passes on |

(Elhage et al. 2021.) A fit says what B could read, not that it does; what it does read is measured (`margin.py`). A and
B may also fit because they share one strong direction; the breadth of a pair, the effective rank of its product, tells
such fits from broad ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from utils.circuits.baseline import RandomFit, random_fit
from utils.circuits.pair_products import KINDS, pair_fits, reader_factors, writer_factors
from utils.circuits.weights import HeadWeights
from utils.heads import HeadId, Shape
from utils.result_cache import Progress, nobody_asks

BROAD_SHARE = 0.25  # a fit is broad from this share of d_head on; a choice that the API tells, see docs/circuits.md


@dataclass(frozen=True)
class Fit:
    """One pair of heads. score in [0, 1]; multiple: the score over that of random heads; breadth: effective rank."""

    writer: HeadId
    reader: HeadId
    score: float
    multiple: float
    breadth: float


@dataclass(frozen=True, eq=False)
class Composition:
    """All pairs of an earlier and a later head of a model.

    Args: kind: Q, K or V. scores, breadth: [writer, reader] over `Shape.index`, read-only, NaN where the writer is not
    in an earlier layer; scores in [0, 1], breadth the effective rank of the product, at most d_head. baseline,
    baseline_spread: mean and standard deviation of the scores of random heads of this size; random_breadth: their mean
    breadth. broad_from: the breadth from which a fit counts as broad.
    """

    kind: str
    n_layers: int
    n_heads: int
    scores: np.ndarray
    baseline: float
    baseline_spread: float
    breadth: np.ndarray
    random_breadth: float
    broad_from: float

    @property
    def shape(self) -> Shape:
        return Shape(self.n_layers, self.n_heads)

    @property
    def n_pairs(self) -> int:
        """Pairs of heads of which one is in an earlier layer."""
        return _count_pairs(self.shape)

    def multiple(self, writer: tuple[int, int], reader: tuple[int, int]) -> float:
        """The score over that of random heads; 1 = fits as random heads do, NaN where the writer is not earlier."""
        return float(self.scores[self._pair(writer, reader)]) / self.baseline

    def fit(self, writer: tuple[int, int], reader: tuple[int, int]) -> Fit:
        """Everything about one pair; NaN where the writer is not in an earlier layer."""
        pair = self._pair(writer, reader)
        score, breadth = float(self.scores[pair]), float(self.breadth[pair])
        return Fit(HeadId(*writer), HeadId(*reader), score, score / self.baseline, breadth)

    def best(self, n: int) -> list[Fit]:
        """The pairs that fit best, best first; at most n."""
        order = np.argsort(np.where(np.isnan(self.scores), np.inf, -self.scores), axis=None, kind="stable")
        best = order[: min(n, int(np.isfinite(self.scores).sum()))]
        pairs = zip(*np.unravel_index(best, self.scores.shape), strict=True)
        return [self.fit(self.shape.at(writer), self.shape.at(reader)) for writer, reader in pairs]

    def rank_of(self, writer: tuple[int, int], reader: tuple[int, int]) -> tuple[int, int]:
        """Place of a writer among all earlier heads, by the score with this reader, and how many those are.

        Raises: ValueError for a writer that is not in an earlier layer.
        """
        column = self.scores[:, self.shape.index(reader)]
        own = column[self.shape.index(writer)]
        if np.isnan(own):
            raise ValueError(f"{HeadId(*writer)} is not in an earlier layer than {HeadId(*reader)}.")
        return int((column > own).sum()) + 1, int(np.isfinite(column).sum())

    def as_json(self) -> dict[str, object]:
        """The API's answer, but for the model's name; null where the writer is not in an earlier layer."""
        return {
            "kind": self.kind,
            "n_layers": self.n_layers,
            "n_heads": self.n_heads,
            "scores": _with_null(self.scores),
            "breadth": _with_null(self.breadth),
            "baseline": self.baseline,
            "baseline_spread": self.baseline_spread,
            "random_breadth": self.random_breadth,
            "broad_from": self.broad_from,
        }

    def _pair(self, writer: tuple[int, int], reader: tuple[int, int]) -> tuple[int, int]:
        return self.shape.index(writer), self.shape.index(reader)


def compute_composition(heads: HeadWeights, shape: Shape, kind: str, progress: Progress | None = None) -> Composition:
    """All pairs of one kind.

    Args: heads: all heads of a model of this shape, in the order of `Shape.index`. progress: called with pairs done and
    pairs in all, before the first pair of layers and after each.
    Raises: ValueError for a kind that is not Q, K or V.
    """
    if kind not in KINDS:
        raise ValueError(f"A kind of composition is one of {', '.join(KINDS)}, not {kind!r}.")
    scores, breadth = (np.full((shape.n_all, shape.n_all), np.nan, dtype=np.float32) for _ in range(2))
    writers, readers = writer_factors(heads.W_V, heads.W_O), reader_factors(heads, kind)
    n_pairs_done, tell = 0, progress or nobody_asks
    tell(0, _count_pairs(shape))
    for rows, columns in _layer_pairs(shape):
        found = pair_fits(writers[rows], readers[columns])
        scores[rows, columns], breadth[rows, columns] = (part.numpy() for part in found)
        n_pairs_done += shape.n_heads**2
        tell(n_pairs_done, _count_pairs(shape))
    return assemble(kind, shape, scores, breadth, random_fit(heads.d_model, heads.d_head), heads.d_head)


def assemble(
    kind: str, shape: Shape, scores: np.ndarray, breadth: np.ndarray, random: RandomFit, d_head: int
) -> Composition:
    """A Composition of these matrices, which become read-only."""
    for matrix in (scores, breadth):
        matrix.setflags(write=False)
    return Composition(
        kind=kind,
        n_layers=shape.n_layers,
        n_heads=shape.n_heads,
        scores=scores,
        baseline=random.mean,
        baseline_spread=random.spread,
        breadth=breadth,
        random_breadth=random.breadth,
        broad_from=BROAD_SHARE * d_head,
    )


def _count_pairs(shape: Shape) -> int:
    return shape.n_heads**2 * shape.n_layers * (shape.n_layers - 1) // 2


def _layer_pairs(shape: Shape) -> Iterator[tuple[slice, slice]]:
    """Rows of each layer, with the columns of each later one."""
    begins = [shape.index((layer, 0)) for layer in range(shape.n_layers)]
    layers = [slice(begin, begin + shape.n_heads) for begin in begins]
    for layer, rows in enumerate(layers):
        for columns in layers[layer + 1 :]:
            yield rows, columns


def _with_null(matrix: np.ndarray) -> list[list[float | None]]:
    return [[None if np.isnan(value) else value for value in row] for row in matrix.tolist()]
