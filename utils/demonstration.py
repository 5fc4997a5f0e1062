"""One role shown on one text: which head does it best, where it looks, and the look that tells most.

A look goes from the token that reads (query_pos) to the token it looks at (key_pos).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from utils.heads import HeadId
from utils.measures.evidence import Evidence
from utils.measures.measure import Measure
from utils.measures.reading import Look, Reading, looks_of_row
from utils.measures.states import State
from utils.roles import ROLES

if TYPE_CHECKING:
    from utils.analysis import Analysis
    from utils.summary import HeadEntry

MAX_ARCS = 12
LOOKS_PER_TOKEN = 3
LOOK_MIN_WEIGHT = 0.05
SAME_FROM = 0.5


@dataclass(frozen=True)
class Demonstration:
    """One role on one text, as the head does it that does most there.

    state: what it does, None where the text cannot show the role. arcs: at most 12 looks, strongest first. focus: the
    one that a sentence is about. copy_pos: the earlier copy of the focused query's token, where the role is about one.
    looks: for every token the keys it gives most to, strongest first. n_rows: evidence rows. n_same, n_others: of
    the other places that give the head a chance those that it hits (`measures/luck.py`); for a measure that counts no
    places, the other rows with a share of half or more, and all.
    """

    role: str
    head: HeadId | None = None
    state: State | None = None
    arcs: tuple[Look, ...] = ()
    focus: Look | None = None
    copy_pos: int | None = None
    looks: tuple[tuple[Look, ...], ...] = ()
    n_rows: int = 0
    n_same: int = 0
    n_others: int = 0

    @property
    def does_it(self) -> bool:
        """Whether the head does it at places that are no luck."""
        return self.state in (State.ACTIVE, State.HERE_AND_THERE)

    @property
    def is_about_rows(self) -> bool:
        """Whether it shows a whole row, not single looks."""
        return ROLES[self.role].measure.is_about_rows

    @property
    def n_hidden(self) -> int:
        """Evidence rows that have no arc because there are too many."""
        if self.focus is None or self.is_about_rows:
            return 0
        return max(0, self.n_rows - len({arc.query_pos for arc in self.arcs}))


def demonstrate(analysis: Analysis, role: str) -> Demonstration:
    """A role, shown by the head that does most of it on this text: active before here and there, and so on.

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
        state=entry.state,
        arcs=measure.arcs(reading, focus, entry.evidence, MAX_ARCS),
        focus=focus,
        copy_pos=None if measure.copy_offset is None else focus.key_pos - measure.copy_offset,
        looks=_all_looks(reading.patterns, measure.counted_cells(evidence)),
        n_rows=len(evidence.rows),
        n_same=n_same,
        n_others=n_others,
    )


def strongest_place(analysis: Analysis, entry: HeadEntry) -> Look | None:
    """Where a head does a role most clearly: the hit with the most attention, else the strongest of its evidence; None
    without evidence on this text."""
    if analysis.scored is None or not entry.evidence:
        return None
    measure, reading = ROLES[entry.role].measure, analysis.scored.reading.of_head(entry.id)
    rows = measure.evidence_rows(reading, analysis.scored.evidence_of(entry.role, entry.id))
    hits = [(row.query_pos, row.key_pos) for row in rows if row.is_hit and row.key_pos is not None]
    looks = [Look(query, key, float(reading.patterns[query, key])) for query, key in hits]
    return max(looks, key=lambda look: look.weight, default=entry.evidence[0])


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
    """At how many of the other places the head does the same, of how many; a measure of rows shows one alone."""
    if measure.is_about_rows:
        return 0, 0
    rows = [row for row in measure.evidence_rows(reading, evidence) if row.query_pos != focus.query_pos]
    if measure.has_looking:
        return sum(row.is_hit for row in rows), sum(row.is_chance for row in rows)
    return sum(row.share >= SAME_FROM for row in rows), len(rows)
