"""How heads are named and counted: `HeadId(5, 1)`, written `L5H1`, in a model of `Shape(12, 12)`; all from 0."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from utils.errors import Fix, UserError


class HeadId(NamedTuple):
    """One attention head of a model; sorts by layer, then head."""

    layer: int
    head: int

    def __str__(self) -> str:
        return f"L{self.layer}H{self.head}"

    @property
    def dotted(self) -> str:
        """As an address has it: `5.1`."""
        return f"{self.layer}.{self.head}"

    @classmethod
    def parse(cls, text: str) -> HeadId:
        """The head that a person wrote: `L5H1`, `l5h1`, `5.1` or `5 1`. Raises ValueError for anything else."""
        match = re.fullmatch(r"\s*[lL]?(\d{1,4})\s*[hH. ]\s*(\d{1,4})\s*", text)
        if match is None:
            raise ValueError(f"{text!r} is not a head; write it as L5H1 (layer 5, head 1).")
        return cls(int(match[1]), int(match[2]))


@dataclass(frozen=True)
class Shape:
    """How many layers a model has, and how many heads each layer; `as_tuple` is the shape of a matrix [layer, head].

    Heads have an order, layer after layer, and an index in it: in a model of 4 x 8 heads L1H2 has index 10.
    """

    n_layers: int
    n_heads: int

    @property
    def as_tuple(self) -> tuple[int, int]:
        """For NumPy: the shape of a matrix [layer, head]."""
        return self.n_layers, self.n_heads

    @property
    def n_all(self) -> int:
        """Heads of the whole model."""
        return self.n_layers * self.n_heads

    def __contains__(self, head: object) -> bool:
        """Whether the model has a head. Args: head: a HeadId, or (layer, head)."""
        if not isinstance(head, tuple) or len(head) != 2:
            return False
        return 0 <= head[0] < self.n_layers and 0 <= head[1] < self.n_heads

    def all(self) -> list[HeadId]:
        """Every head, by layer and head."""
        return [self.at(index) for index in range(self.n_all)]

    def index(self, head: tuple[int, int]) -> int:
        """The place of a head in the order of all heads. Raises IndexError for one that the model does not have."""
        if head not in self:
            raise IndexError(f"A model of {self.n_layers} x {self.n_heads} heads has no {HeadId(*head)}.")
        return head[0] * self.n_heads + head[1]

    def at(self, index: int) -> HeadId:
        """The head at a place in the order of all heads: the inverse of `index`. Raises IndexError beyond the ends."""
        if not 0 <= index < self.n_all:
            raise IndexError(f"A model of {self.n_layers} x {self.n_heads} heads has no head number {index}.")
        return HeadId(*divmod(int(index), self.n_heads))

    def ranked(self, values: np.ndarray) -> list[HeadId]:
        """All heads, the largest value first, equal ones by layer and head. Args: values: [layer, head]."""
        return [self.at(int(index)) for index in np.argsort(-np.asarray(values), axis=None, kind="stable")]

    def require(self, layer: int, head: int) -> HeadId:
        """The head asked for. Raises UserError, with the model's own range and the nearest head, for any other."""
        if (layer, head) in self:
            return HeadId(layer, head)
        near = HeadId(_clamp(layer, self.n_layers), _clamp(head, self.n_heads))
        layers, heads = _range("layer", self.n_layers), _range("head", self.n_heads)
        each = "each " if self.n_layers > 1 else ""
        asked = f"layer {layer}, head {head}".replace("-", "−")
        raise UserError(
            f"This model has {layers}, {each}with {heads}. There is no {asked}.",
            "Choose a head of this model.",
            status=404,
            fix=Fix(f"Show layer {near.layer}, head {near.head}", layer=near.layer, head=near.head),
        )


def value_at(matrix: np.ndarray | None, head: HeadId) -> float | None:
    """One head's number of a matrix [layer, head]; None where there is no matrix, or no number in it (NaN)."""
    number = None if matrix is None else float(matrix[head])
    return None if number is None or number != number else number


def _clamp(number: int, count: int) -> int:
    return min(max(number, 0), count - 1)


def _range(noun: str, count: int) -> str:
    """`heads 0 to 7`, or `one head, head 0`."""
    return f"{noun}s 0 to {count - 1}" if count > 1 else f"one {noun}, {noun} 0"
