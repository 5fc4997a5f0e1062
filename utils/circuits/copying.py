"""What a head's copying scores say: whether it writes what it looks at, the opposite, or neither."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from utils.heads import HeadId

if TYPE_CHECKING:
    from utils.experiments.direct_logits import Push
    from utils.tokens import Token

TIED = (
    "From token to logits: this model reads and writes with one table of embeddings, so a token’s own numbers always "
    "fit that token best. A head that hands them on scores high, even where little of them is left in its layer, so "
    "this score makes no head a copier. The job Copying is tested with what heads get to see."
)
COPIES_FROM = 0.5  # of a score in [-1, 1]; the opposite from -0.5 on
COMMON = 10  # where one head in so many copies more, copying does not set a head apart


class Copying(Enum):
    """What a head does with what it looks at."""

    COPIES = "copies"
    COPIES_AS_MANY = "copies_as_many"  # it copies, and so many other heads do that this does not set it apart
    OPPOSITE = "opposite"
    NEITHER = "neither"


def judge_copying(scores: np.ndarray, head: HeadId, through: float | None = None) -> Copying:
    """What decides is the score from token to logits, or without it the one of the OV circuit alone.

    Only the latter is known of all heads, so only then can be said whether copying sets the head apart.

    Args: scores: [layer, head] in [-1, 1], of the OV circuits alone. through: the head's score from token to logits.
    """
    deciding = float(scores[head]) if through is None else through
    if deciding <= -COPIES_FROM:
        return Copying.OPPOSITE
    if deciding < COPIES_FROM:
        return Copying.NEITHER
    n_more = int((scores > scores[head]).sum())
    is_common = through is None and n_more >= scores.size // COMMON
    return Copying.COPIES_AS_MANY if is_common else Copying.COPIES


def is_copied(token: Token, pushes: Sequence[Push]) -> bool:
    """Whether what a head pushes up most where it looks at a token is that token, in any spelling of case or space."""
    return bool(pushes) and pushes[0].token.word.lower() == token.word.lower()
