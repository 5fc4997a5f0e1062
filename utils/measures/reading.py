"""What measures see of one text, and single looks in it.

A pattern is [query_pos, key_pos], causal, rows sum to 1; the axes before these two are layer and head, or none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from utils.heads import HeadId
    from utils.measures.written import Writing
    from utils.tokens import Token

MIN_TOKENS = 3


class Need(Enum):
    """What a measure reads of a forward pass."""

    PATTERNS = "patterns"
    HEAD_VALUES = "head_values"  # what each head hands to its layer's output projection
    WRITING = "writing"  # what each head would write of every token it can look at


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Places of a text that prove nothing, whatever heads do there: bool [position] each.

    queries: rows that are no evidence. keys: a row that predicts one of these is none either.
    """

    queries: np.ndarray
    keys: np.ndarray


@dataclass(frozen=True, eq=False)
class Reading:
    """What measures see of one text.

    token_ids: [position]. patterns: [..., query_pos, key_pos], causal, rows sum to 1; the axes before these two are
    layer and head, or none for one head. head_values: [..., position, d_head] with the same axes before, None where
    nobody asked for them. left_out: places that are no evidence, None where every place is one. windows: how many keys
    back the heads of each layer can see, their own place among them, None without a limit; empty where no layer has
    one, and one entry for a reading of one head. writing: None where nobody asked, or nobody can tell.
    """

    token_ids: np.ndarray
    patterns: np.ndarray
    head_values: np.ndarray | None = None
    left_out: LeftOut | None = None
    windows: tuple[int | None, ...] = ()
    writing: Writing | None = None

    @property
    def has(self) -> frozenset[Need]:
        values = set() if self.head_values is None else {Need.HEAD_VALUES}
        return frozenset({Need.PATTERNS} | values | (set() if self.writing is None else {Need.WRITING}))

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes before query and key: (layers, heads), or () for one head."""
        return self.patterns.shape[:-2]

    def of_head(self, head: HeadId) -> Reading:
        """What one head of all does."""
        values = None if self.head_values is None else self.head_values[head]
        windows = self.windows[head[0] : head[0] + 1]
        writing = None if self.writing is None else self.writing.of_head(head)
        return Reading(self.token_ids, self.patterns[head], values, self.left_out, windows, writing)

    @property
    def window(self) -> int | None:
        """How far back every head of this reading sees; None where that is the whole text.

        Raises: ValueError for layers that see differently far: ask their `sights`.
        """
        (window,) = {self._in_effect(window) for window in self.windows} or {None}
        return window

    def sights(self) -> list[tuple[np.ndarray, Reading]]:
        """The layers that see equally far, by their indexes, with the reading of those alone; one entry for most
        models, and for any text that is no longer than the shortest window."""
        by_window: dict[int | None, list[int]] = {}
        for layer, window in enumerate(self.windows):
            by_window.setdefault(self._in_effect(window), []).append(layer)
        if len(by_window) <= 1:
            return [(np.arange(len(self.patterns)), self)]
        return [(np.array(layers), self._of_layers(layers)) for layers in by_window.values()]

    def _of_layers(self, layers: list[int]) -> Reading:
        values = None if self.head_values is None else self.head_values[layers]
        windows = tuple(self.windows[layer] for layer in layers)
        writing = None if self.writing is None else self.writing.of_layers(layers)
        return replace(self, patterns=self.patterns[layers], head_values=values, windows=windows, writing=writing)

    def _in_effect(self, window: int | None) -> int | None:
        return None if window is None or window >= len(self.token_ids) else window


@dataclass(frozen=True)
class Look:
    """One look back: `weight` is the share of the query's attention that goes to the key, in [0, 1]; is_evidence:
    whether the role's score counts it. push: for a role of writing, what the head adds there to the logit of `target`,
    the token that it pushes up or down; None for a role of looking."""

    query_pos: int
    key_pos: int
    weight: float
    is_evidence: bool = True
    push: float | None = None
    target: Token | None = None

    @property
    def is_itself(self) -> bool:
        return self.query_pos == self.key_pos


def looks_of_row(pattern: np.ndarray, query_pos: int, most: int) -> tuple[Look, ...]:
    """What one token looks at, strongest first; of equal weights the earlier key. Args: pattern: of one head."""
    row = pattern[query_pos, : query_pos + 1]
    order = np.argsort(-row, kind="stable")[:most]
    return tuple(Look(query_pos, int(key), float(row[key])) for key in order)
