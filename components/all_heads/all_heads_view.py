"""What the All heads page shows: which heads, in which order. All of it follows from the address.

`role` filters (a role key or `other`), `state` by what heads do on the text, `sort` is a column with `.up` or `.down`
behind it where it is not the column's own first direction, `tab` is `table` or `map`, `rows=all` shows more than the
first 50, `rest=1` on the map also the heads that only rest, `shows=breaks` on the map what breaks without each head and
not what it does. `jobs` is `looking` or `writing`, whichever scores the table has columns for; without it those of the
job that is filtered or sorted by.

Counts are of all jobs; resting is a state, and is counted apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from components.address import Question
from components.head_map import WITH_REST
from components.numbers import plural
from utils.errors import UserError
from utils.heads import HeadId, Shape
from utils.levels import HeadLevels, LevelStatus, RoleLevel, head_levels
from utils.model_config import display_name_of
from utils.roles import JOBS, OTHER, REST, ROLES

if TYPE_CHECKING:
    from utils.analysis import Analysis
    from utils.catalogue.schema import ModelCatalogue
    from utils.service import Headlight

ROWS_AT_A_TIME = 50
TABLE, MAP = "table", "map"
DOES, BREAKS = "does", "breaks"
LOOKING, WRITING = "looking", "writing"
STATE, PLAIN = "state", "plain"  # columns: what a head does on the text, and the score with rest counted in
WITHOUT = "without"  # the column of what breaks without a head
STARTS_UP = ("head", "main")
UP, DOWN = "up", "down"
STATES: dict[str, tuple[LevelStatus, ...]] = {
    "active": ("active",),
    "here_and_there": ("here_and_there",),
    "cannot_tell": ("cannot_tell",),
    "not_seen": ("below_usual", "not_seen"),
    "not_applicable": ("not_applicable",),
}  # what the heads can be filtered by, the most that a head can do first; and which states each button stands for


@dataclass(frozen=True)
class Sort:
    """A column and a direction. Scores start with the highest, names with the first."""

    column: str = "head"
    is_up: bool = True

    @classmethod
    def parse(cls, text: str | None) -> Sort:
        """`induction`, `induction.up`, `head.down`; anything else sorts by layer and head."""
        column, _, direction = (text or "").partition(".")
        if column not in (*STARTS_UP, STATE, PLAIN, WITHOUT, *ROLES):
            return cls()
        return cls(column, direction == UP if direction in (UP, DOWN) else column in STARTS_UP)

    def __str__(self) -> str:
        if self.is_up == (self.column in STARTS_UP):
            return self.column
        return f"{self.column}.{UP if self.is_up else DOWN}"

    def pressed(self, column: str) -> Sort:
        """The sort after a press on a column's head: its first direction, then the other."""
        return Sort(column, not self.is_up) if column == self.column else Sort.parse(column)


@dataclass(frozen=True, eq=False)
class HeadsView:
    """One state of the page.

    analysis: None without a text that could be read, and `refusal` says why. catalogue: None for a model whose heads
    were not analysed.
    """

    question: Question
    model_name: str
    analysis: Analysis | None
    catalogue: ModelCatalogue | None
    levels: list[HeadLevels]
    refusal: UserError | None = None
    role: str | None = None
    state: str | None = None
    tab: str = TABLE
    sort: Sort = field(default_factory=Sort)
    shows_all: bool = False
    with_rest: bool = False
    shows: str = DOES
    jobs: str | None = None

    @property
    def kind_of_jobs(self) -> str:
        """LOOKING or WRITING: the jobs that the table has columns for."""
        return kind_shown(self.jobs, self.sort.column, self.role)

    @property
    def columns(self) -> tuple[str, ...]:
        """The roles that the table has columns for."""
        return roles_of_kind(self.kind_of_jobs)

    def why_untested(self, role: str | None) -> str:
        """Why a role could not be tested on the model, in a sentence; empty where it was, or nobody knows."""
        return self.catalogue.untested.get(role, "") if self.catalogue is not None and role is not None else ""

    @property
    def has_causes(self) -> bool:
        """Whether it was measured what breaks without the heads."""
        return any(entry.cause is not None for entry in self.levels)

    @property
    def n_named(self) -> int:
        """Heads with at least one job."""
        return sum(bool(entry.work) for entry in self.levels)

    @property
    def n_active(self) -> int:
        """Heads that do at least one of their jobs on the text."""
        return sum(entry.is_active for entry in self.levels)

    @property
    def n_resting(self) -> int:
        """Heads that rest on the text, or usually where there is none, whether or not they have a job."""
        return sum(entry.rests for entry in self.levels)

    def count(self, role: str) -> int:
        """How many heads have a job, or none for `other`; how many rest. A head with two jobs counts under both."""
        return sum(entry.has_job(role) for entry in self.levels)

    def count_state(self, state: str) -> int:
        """Of the heads that pass the filter by job, how many are in a state of `STATES`."""
        return sum(self._is_in(entry, state) for entry in self.levels if self._has_role(entry))

    @property
    def filtered(self) -> list[HeadLevels]:
        """The heads that pass both filters, in the chosen order."""
        kept = [entry for entry in self.levels if self._has_role(entry) and self._is_in(entry, self.state)]
        return self.in_order(kept, self.sort)

    def named_role(self, entry: HeadLevels) -> str:
        """The role that a row is about: the one that is filtered or sorted by, where the head holds it, else its main
        job; the role of rest for a head that does nothing else, `other` for one without any."""
        asked = next((role for role in (self.role, self.sort.column) if role in entry.work), None)
        return asked or main_work(entry)

    def status(self, entry: HeadLevels) -> LevelStatus | None:
        """What a head does on the text: for the job that is filtered by, or of all its jobs the one that it does most.

        None without a text, and for a head without a job.
        """
        return told_status([self.role] if self.role in entry.work else entry.work, entry)

    def plain_level(self, entry: HeadLevels) -> RoleLevel | None:
        """The level of the job that is sorted by, or that a row is about; None for a head without one."""
        role = self.sort.column if self.sort.column in JOBS else self.named_role(entry)
        return entry.levels[role] if role in JOBS else None

    def _has_role(self, entry: HeadLevels) -> bool:
        return self.role is None or entry.has_job(self.role)

    def _is_in(self, entry: HeadLevels, state: str | None) -> bool:
        return state is None or self.status(entry) in STATES[state]

    def in_order(self, levels: list[HeadLevels], sort: Sort) -> list[HeadLevels]:
        """By a column, by layer and head where that is alike; heads without a figure come last."""
        by_place = sorted(levels, key=lambda entry: entry.id)
        if sort.column == "head":
            return by_place if sort.is_up else by_place[::-1]
        if sort.column == "main":
            order = {role: rank for rank, role in enumerate(filters())}
            return sorted(by_place, key=lambda entry: order[main_work(entry)] * (1 if sort.is_up else -1))
        return sorted(by_place, key=lambda entry: _last_if_missing(self._figure(entry, sort.column), sort))

    def _figure(self, entry: HeadLevels, column: str) -> float | None:
        """What a head is sorted by."""
        if column == STATE:
            status = self.status(entry)
            return None if status is None else float(_rank(status))
        if column == PLAIN:
            level = self.plain_level(entry)
            return None if level is None else level.plain_score
        if column == WITHOUT:
            return entry.cause.second_copy_nats if entry.cause is not None else None
        level = entry.levels[column]
        return level.score if level.score is not None else level.usual

    @property
    def rows(self) -> list[HeadLevels]:
        """The rows that the table shows."""
        return self.filtered if self.shows_all else self.filtered[:ROWS_AT_A_TIME]

    def find(self, text: str) -> HeadId:
        """The head that was typed. Raises UserError in plain words where there is none."""
        try:
            head = HeadId.parse(text)
        except ValueError as error:
            raise UserError("Write a head as L5H1: layer 5, head 1.", "") from error
        last = self.levels[-1].id
        return Shape(last.layer + 1, last.head + 1).require(*head)


def filters() -> tuple[str, ...]:
    """What the heads can be filtered by: a job, rest, or `other` for the heads without a job."""
    return (*ROLES, OTHER)


def roles_of_kind(kind: str) -> tuple[str, ...]:
    """The roles about what heads write, or those about where they look, with rest."""
    return tuple(role for role in ROLES if kind_of(role) == kind)


def kind_shown(jobs: str | None, column: str | None, role: str | None) -> str:
    """LOOKING or WRITING: as asked for, else as the job that is sorted or filtered by; looking without one.

    Args: jobs, column, role: as the address has them.
    """
    if jobs in (LOOKING, WRITING):
        return jobs
    asked = next((key for key in (column, role) if key in ROLES), None)
    return LOOKING if asked is None else kind_of(asked)


def kind_of(role: str) -> str:
    """Whether a role is about where heads look or about what they write."""
    return WRITING if ROLES[role].is_writing else LOOKING


def heads_view(
    service: Headlight,
    question: Question,
    role: str | None = None,
    tab: str | None = None,
    sort: str | None = None,
    rows: str | None = None,
    rest: str | None = None,
    shows: str | None = None,
    state: str | None = None,
    jobs: str | None = None,
) -> HeadsView:
    """The page's state for one address; a value that means nothing is left out.

    Raises: UserError when there is neither a text that can be read nor a catalogue of the model.
    """
    catalogue = service.catalogue(question.model)
    analysis, refusal = _analysis_or_refusal(service, question)
    if refusal is not None and catalogue is None:
        raise refusal
    levels = head_levels(analysis, catalogue)
    return HeadsView(
        question=question,
        model_name=display_name_of(question.model),
        analysis=analysis,
        catalogue=catalogue,
        levels=levels,
        refusal=refusal,
        role=role if role in filters() else None,
        state=state if state in STATES and analysis is not None and catalogue is not None else None,
        tab=MAP if tab == MAP else TABLE,
        sort=Sort.parse(sort),
        shows_all=rows == "all",
        with_rest=rest == WITH_REST,
        shows=BREAKS if shows == BREAKS and any(entry.cause is not None for entry in levels) else DOES,
        jobs=jobs if jobs in (LOOKING, WRITING) else None,
    )


def main_work(entry: HeadLevels) -> str:
    """A head's main job; the role of rest for one that does nothing else, `other` for one without any."""
    if entry.work:
        return entry.work[0]
    return REST if entry.rests else OTHER


def told_status(roles: Iterable[str | None], entry: HeadLevels) -> LevelStatus | None:
    """Of some of a head's jobs the state of the one that it does most; None of none, and without a text."""
    found = [status for role in roles if role and (status := entry.levels[role].status) is not None]
    return max(found, key=_rank, default=None)


def _rank(status: LevelStatus) -> int:
    """0 for the least that a head can do."""
    order = [each for group in STATES.values() for each in group]
    return len(order) - 1 - order.index(status)


def title(view: HeadsView) -> str:
    """The page's answer: "13 of 32 heads have a job we can name. 11 do it on your text." """
    total = plural(len(view.levels), "head")
    if view.catalogue is None:
        return f"All {total} on your text. Their jobs are not known yet."
    named = f"{view.n_named or 'None'} of {total} {'has' if view.n_named <= 1 else 'have'} a job we can name."
    if view.analysis is None or not view.n_named:
        return named
    return f"{named} {view.n_active or 'None'} {'does' if view.n_active <= 1 else 'do'} it on your text."


def lead(view: HeadsView) -> str:
    """The lines below the title: how many rest, what is here, and what a press does."""
    press = (
        "Press a row to see where the head looks." if view.tab == TABLE else "Press a cell to see what its head does."
    )
    if view.catalogue is None:
        return (
            f"The heads of {view.model_name} were not analysed, so there are no usual levels and no jobs here, only "
            f"the scores on your text. {rest_sentence(view)} {press}"
        )
    if view.analysis is None:
        return (
            f"Every head of {view.model_name} with its usual levels. {rest_sentence(view)} Scores on a text come with "
            "the first text."
        )
    return f"Every head of {view.model_name} is here, also those with no job we know. {rest_sentence(view)} {press}"


def rest_sentence(view: HeadsView) -> str:
    """How many heads leave their attention on the first token: "166 of the 270 mostly rest on your text." """
    often = "usually rest" if view.analysis is None else "mostly rest on your text"
    if not view.n_resting:
        return f"None of them {often.replace('rest', 'rests')}."
    verb = often.replace("rest", "rests") if view.n_resting == 1 else often
    return f"{view.n_resting} of the {len(view.levels)} {verb}."


def _last_if_missing(figure: float | None, sort: Sort) -> tuple[bool, float]:
    is_missing = figure is None or math.isnan(figure)
    return is_missing, 0.0 if figure is None or is_missing else figure if sort.is_up else -figure


def _analysis_or_refusal(service: Headlight, question: Question) -> tuple[Analysis | None, UserError | None]:
    try:
        return service.analyze(question.model, question.prompt), None
    except UserError as error:
        return None, error
