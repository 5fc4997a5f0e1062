"""One role shown on one text: which head does it best, where it looks, and the look that tells most.

A look goes from the token that reads (query_pos) to the token it looks at (key_pos).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from utils.heads import HeadId
from utils.measures.measure import Evidence, Look, Measure, Reading, looks_of_row
from utils.roles import ROLES

if TYPE_CHECKING:
    from utils.analysis import Analysis

MAX_ARCS = 12
LOOKS_PER_TOKEN = 3
LOOK_MIN_WEIGHT = 0.05
SAME_FROM = 0.5


@dataclass(frozen=True)
class Demonstration:
    """One role on one text, as its strongest head does it.

    arcs: at most 12 looks, strongest first. focus: the one that a sentence is about. copy_pos: the earlier copy of the
    focused query's token, where the role is about one. looks: for every token the keys it gives most to, strongest
    first. n_same, n_others: on how many of the other evidence rows the head gives half of its attention or more to the
    role.
    """

    role: str
    head: HeadId | None = None
    is_active: bool = False
    arcs: tuple[Look, ...] = ()
    focus: Look | None = None
    copy_pos: int | None = None
    looks: tuple[tuple[Look, ...], ...] = ()
    n_same: int = 0
    n_others: int = 0

    @property
    def is_about_rows(self) -> bool:
        """Whether it shows a whole row, not single looks."""
        return ROLES[self.role].measure.is_about_rows

    @property
    def n_hidden(self) -> int:
        """Evidence rows that have no arc because there are too many."""
        return max(0, self.n_others + 1 - len({arc.query_pos for arc in self.arcs})) if self.focus else 0


def demonstrate(analysis: Analysis, role: str) -> Demonstration:
    """A role, shown by its strongest active head, else by its strongest head.

    Without a head, or without evidence on this text, there is nothing to show.
    """
    entry = analysis.roles[role].strongest
    if entry is None or not entry.evidence or analysis.scored is None:
        return Demonstration(role)
    measure, evidence = ROLES[role].measure, analysis.evidence[role]
    reading = analysis.scored.reading.of_head(entry.id)
    focus = measure.focus(reading, evidence, entry.evidence)
    n_same, n_others = _others(measure, reading, evidence, focus)
    return Demonstration(
        role,
        head=entry.id,
        is_active=entry.is_active,
        arcs=measure.arcs(reading, focus, entry.evidence, MAX_ARCS),
        focus=focus,
        copy_pos=None if measure.copy_offset is None else focus.key_pos - measure.copy_offset,
        looks=_all_looks(reading.patterns, measure.counted_cells(evidence)),
        n_same=n_same,
        n_others=n_others,
    )


def _all_looks(pattern: np.ndarray, is_counted: np.ndarray) -> tuple[tuple[Look, ...], ...]:
    """Where every token looks, whether or not that is what the role says."""

    def marked(look: Look) -> Look:
        return replace(look, is_evidence=bool(is_counted[look.query_pos, look.key_pos]))

    return tuple(tuple(map(marked, _looks(pattern, query_pos))) for query_pos in range(len(pattern)))


def _looks(pattern: np.ndarray, query_pos: int) -> tuple[Look, ...]:
    """Where one token looks, strongest first; its strongest look always counts."""
    looks = looks_of_row(pattern, query_pos, LOOKS_PER_TOKEN)
    return tuple(look for rank, look in enumerate(looks) if rank == 0 or look.weight >= LOOK_MIN_WEIGHT)


def _others(measure: Measure, reading: Reading, evidence: Evidence, focus: Look) -> tuple[int, int]:
    """On how many of the other evidence rows the head does the same, of how many; a measure of rows shows one alone."""
    if measure.is_about_rows:
        return 0, 0
    is_other = evidence.rows != focus.query_pos
    return int((measure.row_shares(reading, evidence)[is_other] >= SAME_FROM).sum()), int(is_other.sum())
