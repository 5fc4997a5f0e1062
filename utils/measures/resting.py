"""Resting: how much of its attention a head leaves on the first token, where many heads wait for something to do.

**Score**: the mean of A[q, 0] over the rows that see the first token, q >= 1 (Xiao et al. 2023). A head **rests**, in
the catalogue and on a text alike, when that is half or more. It is a state and not a job, so there is no luck limit: a
head with a sink that no token put there rests all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from utils.measures.attention_to import AttentionTo
from utils.measures.evidence import Evidence
from utils.measures.figures import ROUNDING, RoleScores
from utils.measures.reading import Reading
from utils.measures.states import Decision, HeadFigures, as_states

if TYPE_CHECKING:
    from utils.roles import Role

RESTS_FROM = 0.5


@dataclass(frozen=True)
class Resting(AttentionTo):
    """Attention to the first token, for a role whose `predicts` gives that alone; see the module."""

    has_looking: ClassVar[bool] = False

    def holds(self, scores: RoleScores) -> np.ndarray:
        return rests(scores.score)

    def holds_weakly(self, scores: RoleScores) -> np.ndarray:
        return np.zeros(scores.score.shape, dtype=bool)

    def decide(
        self, live: RoleScores, reading: Reading, evidence: Evidence, usual: RoleScores | None, n_beside: int
    ) -> Decision:
        return Decision(
            threshold=np.full(live.score.shape, RESTS_FROM),
            usual=None if usual is None else usual.score,
            state=as_states(rests(live.score)),
        )

    def yardsticks(self, reading: Reading, chance: float | None) -> tuple[tuple[str, float | None], ...]:
        return (("An evenly spread head", chance), ("A head rests from", RESTS_FROM))

    def why_below(self, role: Role, figures: HeadFigures, reading: Reading, evidence: Evidence, has_start: bool) -> str:
        place = "start mark" if has_start else "first token"
        return (
            f"On this text these heads look around: {figures.name} leaves {figures.score:.0%} of its attention on the "
            f"{place}, usually {figures.usual:.0%}."
        ).replace("%", " %")


def rests(score: np.ndarray) -> np.ndarray:
    """Whether heads rest, from the mean of A[q, 0]; bool, False where there is no row."""
    return np.asarray(np.nan_to_num(score) >= RESTS_FROM - ROUNDING)
