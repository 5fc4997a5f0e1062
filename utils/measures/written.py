"""What heads would write of every token of one text, wherever they look at it: hits on a target, and how they push.

hit(k) = sign * (v_k - mean) W_O W_U, restricted to some columns, is largest at the target of key k. v_k is the head's
value at k, from the token's residual at that layer in this very text; the mean is the head's own, over test words
(`utils/writing/`). A head's push from a query to a key is the attention there times v_k W_O W_U of the target above the
vocabulary's mean, uncentred, with all norms on the way frozen at what they are in this text: in logits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from utils.tokens import Token


class Write(Enum):
    """What a head does to the next word at a token it looks at."""

    COPY = "copy"  # that token itself goes up
    SUPPRESS = "suppress"  # that token itself goes down
    NEXT = "next"  # what follows it in an ordered list goes up

    @property
    def sign(self) -> int:
        return -1 if self is Write.SUPPRESS else 1


@dataclass(frozen=True, eq=False)
class Written:
    """One way of writing at every key of a text.

    has_target: bool [key_pos]: keys that have a target and count; never the first position, a start mark or a byte
    piece. targets: the token that is pushed up or down, None where there is none. hits: bool [..., key_pos]. logits:
    [..., key_pos], of the target above the vocabulary's mean, before norms; 0 where there is none. The axes before are
    those of the patterns.
    """

    has_target: np.ndarray
    targets: tuple[Token | None, ...]
    hits: np.ndarray
    logits: np.ndarray

    def at(self, index: Any) -> Written:
        """Of some heads or layers."""
        return replace(self, hits=self.hits[index], logits=self.logits[index])


@dataclass(frozen=True, eq=False)
class Writing:
    """All that heads would write on one text.

    ways: by kind. scale: [layer, query_pos], or [query_pos] for one head: what the norms make of one unit written
    there. is_name: bool [key_pos], the keys that are first names and count. guess: the model's likeliest next token.
    asks: bool [query_pos], where the likeliest next token is a first name; asked at the last token and at those that a
    first name follows in the text, false at all others. n_columns: how many logits were compared.
    """

    ways: Mapping[Write, Written]
    scale: np.ndarray
    is_name: np.ndarray
    guess: Token
    asks: np.ndarray
    n_columns: int

    @property
    def asks_for_name(self) -> bool:
        """Whether the text ends where a first name is likeliest."""
        return bool(self.asks[-1])

    def of_head(self, head: tuple[int, int]) -> Writing:
        """What one head of all does."""
        return replace(self, ways=self._at(head), scale=self.scale[head[0]])

    def of_layers(self, layers: list[int]) -> Writing:
        """What the heads of some layers do."""
        return replace(self, ways=self._at(layers), scale=self.scale[layers])

    def _at(self, index: Any) -> dict[Write, Written]:
        return {write: written.at(index) for write, written in self.ways.items()}
