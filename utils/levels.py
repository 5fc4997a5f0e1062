"""What every head of a model does on one text, for the pages that show all heads and not only those on a card.

The role cards list at most eight heads each; here every head has its figures for every role, catalogued or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from utils.heads import HeadId, value_at
from utils.roles import OTHER, ROLES

if TYPE_CHECKING:
    from utils.analysis import Analysis
    from utils.catalogue.causes import HeadCause
    from utils.catalogue.schema import ModelCatalogue

LevelStatus = Literal["active", "below_usual", "not_applicable"]


@dataclass(frozen=True)
class RoleLevel:
    """One head's figures for one role, all on the score axis, 0 to 1.

    score: on this text; None without a text or without evidence in it. usual: from the catalogue, on this text's axis
    (as measured where there is no text). chance, threshold: None where there is nothing to judge by. is_job: the
    catalogue lists the role for this head. status: of a job, None for any other role.
    """

    role: str
    is_job: bool
    score: float | None = None
    usual: float | None = None
    chance: float | None = None
    threshold: float | None = None
    status: LevelStatus | None = None

    @property
    def is_active(self) -> bool:
        return self.status == "active"


@dataclass(frozen=True)
class HeadLevels:
    """One head: its jobs, main one first, its level for each role, and what it is good for, where that was measured."""

    id: HeadId
    jobs: tuple[str, ...]
    levels: dict[str, RoleLevel]
    cause: HeadCause | None = None

    @property
    def main_job(self) -> str:
        """The role that the head is shown as; `other` when it has none."""
        return self.jobs[0] if self.jobs else OTHER

    @property
    def status(self) -> LevelStatus | None:
        """Whether the main job shows on this text."""
        return self.levels[self.jobs[0]].status if self.jobs else None

    @property
    def is_active(self) -> bool:
        """Whether any of its jobs is active on this text."""
        return any(self.levels[role].is_active for role in self.jobs)

    @property
    def work(self) -> tuple[str, ...]:
        """Its jobs without rest, main one first."""
        return tuple(role for role in self.jobs if not ROLES[role].is_rest)

    @property
    def rests(self) -> bool:
        """Whether resting is one of its jobs."""
        return len(self.work) < len(self.jobs)

    @property
    def only_rests(self) -> bool:
        """Whether it rests and has no other job."""
        return self.rests and not self.work

    def has_job(self, role: str) -> bool:
        """Whether it holds a role; `other` means none at all."""
        return role in self.jobs if role != OTHER else not self.jobs


def head_levels(analysis: Analysis | None, catalogue: ModelCatalogue | None) -> list[HeadLevels]:
    """Every head of the model, by layer and head.

    Without an analysis (no text yet) there are usual levels only; without a catalogue live scores only; without
    either the list is empty. Args: catalogue: the one that the analysis was made with.
    """
    known = analysis.forward if analysis is not None else catalogue
    heads = known.shape.all() if known is not None else []
    figures = {role: _figures(role, analysis, catalogue) for role in ROLES}
    return [_head_levels(head, figures, catalogue) for head in heads]


@dataclass(frozen=True)
class _Figures:
    """One role's figures for all heads, [layer, head]; None where there are none at all."""

    score: np.ndarray | None = None
    usual: np.ndarray | None = None
    threshold: np.ndarray | None = None
    is_active: np.ndarray | None = None
    chance: float | None = None


def _figures(role: str, analysis: Analysis | None, catalogue: ModelCatalogue | None) -> _Figures:
    if analysis is None:
        return _Figures(usual=catalogue.usual(role).score if catalogue is not None else None)
    if role not in analysis.decisions:
        return _Figures()
    live, decision = analysis.live[role], analysis.decisions[role]
    return _Figures(live.score, decision.usual, decision.threshold, decision.is_active, live.chance)


def _head_levels(head: HeadId, figures: dict[str, _Figures], catalogue: ModelCatalogue | None) -> HeadLevels:
    jobs = catalogue.roles_of(head) if catalogue is not None else ()
    levels = {role: _level(role, head, role in jobs, figures[role]) for role in ROLES}
    return HeadLevels(head, jobs, levels, catalogue.cause_of(head) if catalogue is not None else None)


def _level(role: str, head: HeadId, is_job: bool, figures: _Figures) -> RoleLevel:
    status: LevelStatus | None = None
    if is_job and figures.is_active is not None:
        status = "active" if figures.is_active[head] else "below_usual"
    elif is_job and figures.usual is None:  # there is a text, and nothing in it to judge this role by
        status = "not_applicable"
    return RoleLevel(
        role=role,
        is_job=is_job,
        score=value_at(figures.score, head),
        usual=value_at(figures.usual, head),
        chance=figures.chance,
        threshold=value_at(figures.threshold, head),
        status=status,
    )
