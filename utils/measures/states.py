"""What is decided of a head on one text: its state, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np


class State(Enum):
    """What one head does for one role on a text that can show it, the strongest first."""

    ACTIVE = "active"
    HERE_AND_THERE = "here_and_there"  # more places than a blind look would hit, yet below its usual level
    CANNOT_TELL = "cannot_tell"  # it did hit a place or two, but so might a blind look
    BELOW_USUAL = "below_usual"  # more than chance in sum and in no single place, or less than its measure asks for
    NOT_SEEN = "not_seen"

    @property
    def rank(self) -> int:
        """0 for the weakest."""
        return len(State) - 1 - list(State).index(self)


@dataclass(frozen=True, eq=False)
class Counts:
    """Places that a head could hit and did hit, [layer, head] each (`luck.py`).

    chances: evidence rows that count. hits: different target keys that were hit. luck: how likely a blind look hits as
    many, in [0, 1]. expected: how many rows blind looking hits on average, at most.
    """

    chances: np.ndarray
    hits: np.ndarray
    luck: np.ndarray
    expected: np.ndarray


@dataclass(frozen=True, eq=False)
class Decision:
    """The live decision on one role for all heads of a model, [layer, head].

    threshold: from where a head counts as active, on the axis of its bar (the score when it looks, where it has one).
    usual: its level in the catalogue, on the same axis; None without a catalogue. state: object [layer, head] of
    `State`, also for heads that are not known for the role. counts: None for a measure that does not count places.
    luck_limit: up to which luck a count is no luck, given how many heads stand on the card.
    """

    threshold: np.ndarray
    usual: np.ndarray | None
    state: np.ndarray
    counts: Counts | None = None
    luck_limit: float | None = None

    @property
    def is_active(self) -> np.ndarray:
        """bool [layer, head]: whether the head does this on the text."""
        return np.asarray(self.state == State.ACTIVE)


def as_states(is_active: np.ndarray) -> np.ndarray:
    """States of a measure that knows only active and below usual."""
    return np.where(is_active, np.array(State.ACTIVE, object), np.array(State.BELOW_USUAL, object))


@dataclass(frozen=True)
class HeadFigures:
    """What a reason may quote of one head on this text: its name, its figures on the axis of its bar, its state, and
    what was counted (0, 0 and 1 for a measure that counts no places). n_beside: heads on its card."""

    name: str
    score: float
    usual: float
    threshold: float
    state: State = State.BELOW_USUAL
    chances: int = 0
    hits: int = 0
    luck: float = 1.0
    n_beside: int = 1
