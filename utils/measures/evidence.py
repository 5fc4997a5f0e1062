"""The rows of one text on which a role can be judged, and what blind looking would get on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from utils.measures.reading import LeftOut
    from utils.tokens import Token


@dataclass(frozen=True, eq=False)
class Evidence:
    """The rows of one text on which one role can be judged.

    targets: bool [query_pos, key_pos], the predicted keys on evidence rows and empty elsewhere. rows: the evidence
    rows, as query positions. chance: the share of an even head on each of them, zeros for a measure without chance.
    n_left_out: rows that have a prediction, but could not tell this role from another one. n_unread: rows that could
    tell, had the model read what stands there. window: how many keys back the heads see, None without a limit.
    """

    targets: np.ndarray
    rows: np.ndarray
    chance: np.ndarray
    n_left_out: int = 0
    n_unread: int = 0
    window: int | None = None

    @property
    def n_targets(self) -> np.ndarray:
        """|T(q)| of every evidence row: [n_rows]."""
        return np.asarray(self.targets[self.rows].sum(axis=1))

    @property
    def can_rest(self) -> np.ndarray:
        """On which evidence rows attention on the first token is rest: it is in sight there, and not a target."""
        return (n_visible(self.rows, self.window) == self.rows + 1) & ~self.targets[self.rows, 0]

    @property
    def looking_chance(self) -> np.ndarray:
        """What a blind look lands on of T(q), [n_rows]: |T(q)| over the keys in sight but the resting place, so
        |T(q)| / q without a window."""
        return self.n_targets / (n_visible(self.rows, self.window) - self.can_rest)

    @property
    def is_unread(self) -> bool:
        """Whether there would be rows, had the model read the text in whole characters."""
        return len(self.rows) == 0 and self.n_unread > 0

    def without(self, places: LeftOut) -> Evidence:
        """The rows that neither stand on a place that is left out nor predict one."""
        predicts_one = (self.targets[self.rows] & places.keys).any(axis=1)
        kept = ~(places.queries[self.rows] | predicts_one)
        targets = np.zeros_like(self.targets)
        targets[self.rows[kept]] = self.targets[self.rows[kept]]
        return replace(
            self,
            targets=targets,
            rows=self.rows[kept],
            chance=self.chance[kept],
            n_unread=self.n_unread + int((places.keys[self.rows] | predicts_one).sum()),
        )

    @classmethod
    def every_row(cls, n_tokens: int, window: int | None = None) -> Evidence:
        """Every row but the first, which has no choice, without targets."""
        nothing, rows = np.zeros((n_tokens, n_tokens), dtype=bool), np.arange(1, n_tokens)
        return cls(nothing, rows, np.zeros(len(rows)), window=window)


def n_visible(rows: np.ndarray, window: int | None) -> np.ndarray:
    """How many keys the queries at these positions see, themselves among them."""
    return rows + 1 if window is None else np.minimum(rows + 1, window)


@dataclass(frozen=True)
class EvidenceRow:
    """One place that can tell. share: as the measure counts it, in [0, 1]. key_pos: the strongest of the predicted
    keys, None for a measure of whole rows; n_more_keys: how many others are predicted. look: the share of attention
    that is not rest, None for a measure that is not about looks. is_chance: whether a hit here would count; is_hit:
    whether it is one. push, target: as `Look` has them, for a role of writing."""

    query_pos: int
    share: float
    key_pos: int | None = None
    n_more_keys: int = 0
    look: float | None = None
    is_chance: bool = False
    is_hit: bool = False
    push: float | None = None
    target: Token | None = None
