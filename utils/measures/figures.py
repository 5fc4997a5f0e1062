"""Scores of all heads for one role: plain, and when they look; how they add up over texts, and their axis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from utils.heads import HeadId

ROUNDING = 1e-6  # what float32 patterns may cost a score: at its limit a head is active
NEVER = 1e-6  # of the attention on a row: less is what rounding leaves of a head that rests
Figure = TypeVar("Figure", float, np.ndarray)


@dataclass(frozen=True, eq=False)
class RowSums:
    """Sums over the evidence rows of one text, [...] per head; they add up over texts.

    n_rows, chance: numbers, or one per layer [layer, 1] where layers see differently far. peaks: None for a measure
    without. look, looking_chance: the attention that is not rest, and chance weighted by it; None for a measure that
    is not about looks.
    """

    n_rows: int | np.ndarray
    shares: np.ndarray
    chance: float | np.ndarray = 0.0
    peaks: np.ndarray | None = None
    look: np.ndarray | None = None
    looking_chance: np.ndarray | None = None

    def plus(self, other: RowSums) -> RowSums:
        """The sums over the rows of both. What one of them lacks, the sum lacks."""
        return RowSums(
            self.n_rows + other.n_rows,
            self.shares + other.shares,
            self.chance + other.chance,
            _sum(self.peaks, other.peaks),
            _sum(self.look, other.look),
            _sum(self.looking_chance, other.looking_chance),
        )


def _sum(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    return None if one is None or other is None else one + other


@dataclass(frozen=True, eq=False)
class Looking:
    """The figures of heads when they look, which is with what they do not leave on the resting place; [layer, head].

    score: of all looking on evidence rows, the share that goes to T(q): a ratio of sums, so a row counts as much as the
    head looks there. chance: what blind looking, with as much on each row, would get. excess: of score over chance, 0
    for an even head however much it rests. look: the mean share of attention that is looking. A head that never looks
    has excess 0.
    """

    score: np.ndarray
    chance: np.ndarray
    excess: np.ndarray
    look: np.ndarray

    def of_layers(self, layers: np.ndarray) -> Looking:
        """The figures of some layers alone, by their indexes."""
        return Looking(self.score[layers], self.chance[layers], self.excess[layers], self.look[layers])

    @classmethod
    def of(cls, sums: RowSums) -> Looking | None:
        """From sums over at least one row; None for a measure that is not about looks."""
        if sums.look is None or sums.looking_chance is None:
            return None
        look, n_rows = sums.look, np.broadcast_to(sums.n_rows, np.shape(sums.look))
        looks = look > NEVER * n_rows
        with np.errstate(divide="ignore", invalid="ignore"):
            chance = np.where(looks, sums.looking_chance / look, 0.0)
            score = np.where(looks, np.clip(sums.shares / look, 0.0, 1.0), 0.0)
            mean_look = np.where(n_rows > 0, np.clip(look / n_rows, 0.0, 1.0), 0.0)
            excess = np.where(chance < 1, excess_over_chance(score, chance), 0.0)
        return cls(score, chance, excess, mean_look)


@dataclass(frozen=True, eq=False)
class RoleScores:
    """All heads' figures for one role, pooled over the evidence rows of one text or many.

    n_rows: the most that any layer has. score, excess, peak: [layer, head]; NaN where there was no evidence row. excess
    and chance are None for a measure without chance, peak is None for a measure without one, looking for one that is
    not about looks, and where only plain scores were recorded. chance: a number, or [layer, 1] where layers see
    differently far. backwards: for a test of order, the score for the item before in place of the one after; else None.
    """

    n_rows: int
    score: np.ndarray
    chance: float | np.ndarray | None = None
    excess: np.ndarray | None = None
    peak: np.ndarray | None = None
    looking: Looking | None = None
    backwards: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        n_rows: int,
        score: np.ndarray,
        chance: float | np.ndarray | None = None,
        peak: np.ndarray | None = None,
        looking: Looking | None = None,
    ) -> RoleScores:
        """With the excess that follows from score and chance."""
        excess = None if chance is None else excess_over_chance(score, chance)
        return cls(n_rows, score, chance, excess, peak, looking)

    def filled(self) -> RoleScores:
        """The same with 0 where a layer sees too little to have an evidence row: its heads show nothing of the role."""

        def fill(figures: np.ndarray | None) -> np.ndarray | None:
            return None if figures is None else np.nan_to_num(figures)

        score = np.nan_to_num(self.score)
        return replace(self, score=score, excess=fill(self.excess), peak=fill(self.peak))

    def of_layers(self, layers: np.ndarray) -> RoleScores:
        """The figures of some layers alone, by their indexes."""
        chance = self.chance[layers] if isinstance(self.chance, np.ndarray) and self.chance.ndim else self.chance
        return RoleScores(
            self.n_rows,
            self.score[layers],
            chance,
            None if self.excess is None else self.excess[layers],
            None if self.peak is None else self.peak[layers],
            None if self.looking is None else self.looking.of_layers(layers),
        )

    def chance_of(self, head: HeadId) -> float | None:
        """The plain chance of one head."""
        if self.chance is None:
            return None
        return float(np.broadcast_to(self.chance, self.score.shape)[head])


def excess_over_chance(score: Figure, chance: float | np.ndarray) -> Figure:
    """(score - chance) / (1 - chance): 0 for an even head, 1 for an ideal one, negative below chance."""
    return (score - chance) / (1 - chance)  # type: ignore[return-value]


def to_score(excess: Figure, chance: float | np.ndarray) -> Figure:
    """Where an excess stands on the score axis: chance + excess * (1 - chance)."""
    return chance + excess * (1 - chance)  # type: ignore[return-value]
