"""What every head of a model does on one text, for the pages that show all heads and not only those on a card.

The role cards list at most eight heads each; here every head has its figures for every role, catalogued or not. The
decision "active" is the one of `utils/activity.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from utils.activity import is_diffuse, role_thresholds, to_score
from utils.heads import HeadId
from utils.roles import OTHER, ROLES
from utils.scoring import RoleScores

if TYPE_CHECKING:
    from utils.analysis import Analysis
    from utils.catalogue.schema import ModelCatalogue

ROUNDING = 1e-9

Status = Literal["active", "below_usual", "not_applicable"]


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
    status: Status | None = None

    @property
    def is_active(self) -> bool:
        return self.status == "active"


@dataclass(frozen=True)
class HeadLevels:
    """One head: its jobs, main one first, and its level for each role."""

    id: HeadId
    jobs: tuple[str, ...]
    levels: dict[str, RoleLevel]

    @property
    def main_job(self) -> str:
        """The role that the head is shown as; `other` when it has none."""
        return self.jobs[0] if self.jobs else OTHER

    @property
    def status(self) -> Status | None:
        """Whether the main job shows on this text."""
        return self.levels[self.jobs[0]].status if self.jobs else None

    @property
    def is_active(self) -> bool:
        """Whether any of its jobs is active on this text."""
        return any(self.levels[role].is_active for role in self.jobs)

    def has_job(self, role: str) -> bool:
        """Whether it holds a role; `other` means none at all."""
        return role in self.jobs if role != OTHER else not self.jobs


def head_levels(analysis: Analysis | None, catalogue: ModelCatalogue | None) -> list[HeadLevels]:
    """Every head of the model, by layer and head.

    Without an analysis (no text yet) there are usual levels only; without a catalogue live scores only; without
    either the list is empty.
    """
    shape = _shape(analysis, catalogue)
    figures = {role: _figures(role, shape, analysis, catalogue) for role in ROLES}
    return [_head_levels(HeadId(*index), figures, catalogue) for index in np.ndindex(shape)]


def _shape(analysis: Analysis | None, catalogue: ModelCatalogue | None) -> tuple[int, int]:
    known = analysis.forward if analysis is not None else catalogue
    return (known.n_layers, known.n_heads) if known is not None else (0, 0)


@dataclass(frozen=True)
class _Figures:
    """One role's figures for all heads, [layer, head]; None where there are none at all. is_active: by the live
    decision, whether or not the role is a job of the head."""

    score: np.ndarray | None = None
    usual: np.ndarray | None = None
    threshold: np.ndarray | None = None
    is_active: np.ndarray | None = None
    chance: float | None = None


def _figures(
    role: str, shape: tuple[int, int], analysis: Analysis | None, catalogue: ModelCatalogue | None
) -> _Figures:
    usual = catalogue.scores(role) if catalogue is not None else None
    if analysis is None:
        return _Figures(usual=usual)
    live = analysis.live.get(role)
    if live is None or live.n_rows == 0:
        return _Figures()
    excess = catalogue.excess(role) if catalogue is not None else None
    catalogued = excess if excess is not None else np.zeros(shape)
    thresholds = role_thresholds(role, analysis.evidence[role], catalogued.ravel()).reshape(shape)
    if live.chance is None or live.excess is None:
        return _Figures(live.score, usual, thresholds, np.asarray(is_diffuse(live.score, _peaks(live))))
    if excess is not None:
        usual = np.asarray(to_score(excess, live.chance))
    return _Figures(live.score, usual, thresholds, live.score >= thresholds - ROUNDING, live.chance)


def _peaks(live: RoleScores) -> np.ndarray:
    return live.peak if live.peak is not None else np.ones_like(live.score)


def _head_levels(head: HeadId, figures: dict[str, _Figures], catalogue: ModelCatalogue | None) -> HeadLevels:
    jobs = catalogue.roles_of(head) if catalogue is not None else ()
    return HeadLevels(head, jobs, {role: _level(role, head, role in jobs, figures[role]) for role in ROLES})


def _level(role: str, head: HeadId, is_job: bool, figures: _Figures) -> RoleLevel:
    status: Status | None = None
    if is_job and figures.is_active is not None:
        status = "active" if figures.is_active[head] else "below_usual"
    elif is_job and figures.usual is None:  # there is a text, and nothing in it to judge this role by
        status = "not_applicable"
    return RoleLevel(
        role=role,
        is_job=is_job,
        score=_at(figures.score, head),
        usual=_at(figures.usual, head),
        chance=figures.chance,
        threshold=_at(figures.threshold, head),
        status=status,
    )


def _at(matrix: np.ndarray | None, head: HeadId) -> float | None:
    return None if matrix is None else float(matrix[head])
