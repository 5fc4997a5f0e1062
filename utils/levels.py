"""What every head of a model does on one text, for the pages that show all heads and not only those on a card.

The role cards list at most eight heads each; here every head has its figures for every role, catalogued or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from utils.heads import HeadId, value_at
from utils.roles import OTHER, ROLES, without_rest

if TYPE_CHECKING:
    from utils.analysis import Analysis
    from utils.catalogue.causes import HeadCause
    from utils.catalogue.schema import ModelCatalogue

LevelStatus = Literal["active", "here_and_there", "cannot_tell", "below_usual", "not_seen", "not_applicable"]


@dataclass(frozen=True)
class RoleLevel:
    """One head's figures for one role, 0 to 1, on the axis of its bar: when it looks, where the role is about looks.

    score: on this text; None without a text or without evidence in it. usual: from the catalogue, on this text's axis
    (as measured where there is no text). chance, threshold: None where there is nothing to judge by. look: the share of
    attention that is looking, None where there is no such thing. plain_score: what other tools would say, resting
    included. Without a text, look and plain_score are those of the catalogue. is_job: the catalogue lists the role for
    this head. status: of a job, None for any other role.
    """

    role: str
    is_job: bool
    score: float | None = None
    usual: float | None = None
    chance: float | None = None
    threshold: float | None = None
    look: float | None = None
    plain_score: float | None = None
    status: LevelStatus | None = None

    @property
    def is_active(self) -> bool:
        return self.status == "active"


@dataclass(frozen=True)
class HeadLevels:
    """One head: its roles, main one first, and its level for each role.

    rests: whether it rests on this text, or usually where there is no text. cause: what it is good for, where that was
    measured.
    """

    id: HeadId
    jobs: tuple[str, ...]
    levels: dict[str, RoleLevel]
    rests: bool = False
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
        """Whether any of its jobs, rest not among them, is active on this text."""
        return any(self.levels[role].is_active for role in self.work)

    @property
    def work(self) -> tuple[str, ...]:
        """Its jobs without rest, main one first."""
        return without_rest(self.jobs)

    @property
    def only_rests(self) -> bool:
        """Whether it rests and has no job."""
        return self.rests and not self.work

    def has_job(self, role: str) -> bool:
        """Whether it holds a role; `other` means no job. Resting is no job but a state: whether it rests now."""
        if role == OTHER:
            return not self.work
        return self.rests if ROLES[role].is_rest else role in self.jobs


def head_levels(analysis: Analysis | None, catalogue: ModelCatalogue | None) -> list[HeadLevels]:
    """Every head of the model, by layer and head.

    Without an analysis (no text yet) there are usual levels only; without a catalogue live scores only; without
    either the list is empty. Args: catalogue: the one that the analysis was made with.
    """
    known = analysis.forward if analysis is not None else catalogue
    heads = known.shape.all() if known is not None else []
    figures = {role: _figures(role, analysis, catalogue) for role in ROLES}
    rests = _resting(analysis, catalogue)
    return [_head_levels(head, figures, catalogue, rests) for head in heads]


@dataclass(frozen=True)
class _Figures:
    """One role's figures for all heads, [layer, head]; None where there are none at all, as for a role that could not
    be tested on the model."""

    score: np.ndarray | None = None
    usual: np.ndarray | None = None
    threshold: np.ndarray | None = None
    state: np.ndarray | None = None
    chance: np.ndarray | None = None
    look: np.ndarray | None = None
    plain_score: np.ndarray | None = None


def _figures(role: str, analysis: Analysis | None, catalogue: ModelCatalogue | None) -> _Figures:
    if catalogue is not None and role in catalogue.untested:
        return _Figures()
    if analysis is None:
        return _usual_figures(role, catalogue) if catalogue is not None else _Figures()
    if role not in analysis.decisions:
        return _Figures()
    live, decision = analysis.live[role], analysis.decisions[role]
    looking, chance = live.looking, live.chance
    return _Figures(
        score=live.score if looking is None else looking.score,
        usual=decision.usual,
        threshold=decision.threshold,
        state=decision.state,
        chance=looking.chance if looking else None if chance is None else np.broadcast_to(chance, live.score.shape),
        look=None if looking is None else looking.look,
        plain_score=live.score,
    )


def _usual_figures(role: str, catalogue: ModelCatalogue) -> _Figures:
    usual = catalogue.usual(role)
    if usual.looking is None:
        return _Figures(usual=usual.score, plain_score=usual.score)
    return _Figures(usual=usual.looking.score, look=usual.looking.look, plain_score=usual.score)


def _head_levels(
    head: HeadId, figures: dict[str, _Figures], catalogue: ModelCatalogue | None, rests: np.ndarray | None
) -> HeadLevels:
    jobs = catalogue.roles_of(head) if catalogue is not None else ()
    levels = {role: _level(role, head, role in jobs, figures[role]) for role in ROLES}
    cause = catalogue.cause_of(head) if catalogue is not None else None
    return HeadLevels(head, jobs, levels, rests is not None and bool(rests[head]), cause)


def _resting(analysis: Analysis | None, catalogue: ModelCatalogue | None) -> np.ndarray | None:
    """Which heads rest, bool [layer, head]: on the text, or usually where there is none."""
    if analysis is not None:
        return analysis.resting
    return None if catalogue is None else catalogue.resting


def _level(role: str, head: HeadId, is_job: bool, figures: _Figures) -> RoleLevel:
    status: LevelStatus | None = None
    if is_job and figures.state is not None:
        status = figures.state[head].value
    elif is_job and figures.usual is None:  # there is a text, and nothing in it to judge this role by
        status = "not_applicable"
    return RoleLevel(
        role=role,
        is_job=is_job,
        score=value_at(figures.score, head),
        usual=value_at(figures.usual, head),
        chance=value_at(figures.chance, head),
        threshold=value_at(figures.threshold, head),
        look=value_at(figures.look, head),
        plain_score=value_at(figures.plain_score, head),
        status=status,
    )
