"""What the All heads page shows: which heads, in which order. All of it follows from the address.

`role` filters (a role key or `other`), `sort` is a column with `.up` or `.down` behind it where it is not the column's
own first direction, `tab` is `table` or `map`, `rows=all` shows more than the first 50,
`rest=1` on the map of a deep model also the heads that only rest, `shows=breaks` on the map what breaks without each
head and not what it does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from components.address import Question
from components.head_map import WITH_REST
from components.numbers import plural
from utils.errors import UserError
from utils.heads import HeadId, Shape
from utils.levels import HeadLevels, head_levels
from utils.model_config import display_name_of
from utils.roles import OTHER, ROLES

if TYPE_CHECKING:
    from utils.analysis import Analysis
    from utils.catalogue.schema import ModelCatalogue
    from utils.service import Headlight

ROWS_AT_A_TIME = 50
TABLE, MAP = "table", "map"
DOES, BREAKS = "does", "breaks"
WITHOUT = "without"  # the column of what breaks without a head
STARTS_UP = ("head", "main")
UP, DOWN = "up", "down"


@dataclass(frozen=True)
class Sort:
    """A column and a direction. Scores start with the highest, names with the first."""

    column: str = "head"
    is_up: bool = True

    @classmethod
    def parse(cls, text: str | None) -> Sort:
        """`induction`, `induction.up`, `head.down`; anything else sorts by layer and head."""
        column, _, direction = (text or "").partition(".")
        if column not in (*STARTS_UP, *ROLES, WITHOUT):
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
    tab: str = TABLE
    sort: Sort = field(default_factory=Sort)
    shows_all: bool = False
    with_rest: bool = False
    shows: str = DOES

    @property
    def has_causes(self) -> bool:
        """Whether it was measured what breaks without the heads."""
        return any(entry.cause is not None for entry in self.levels)

    @property
    def n_named(self) -> int:
        """Heads with at least one job."""
        return sum(bool(entry.jobs) for entry in self.levels)

    @property
    def n_active(self) -> int:
        """Heads that do at least one of their jobs on the text."""
        return sum(entry.is_active for entry in self.levels)

    def count(self, role: str) -> int:
        """How many heads have a job, or none for `other`. A head with two jobs counts under both."""
        return sum(entry.has_job(role) for entry in self.levels)

    @property
    def filtered(self) -> list[HeadLevels]:
        """The heads that pass the filter, in the chosen order."""
        kept = [entry for entry in self.levels if self.role is None or entry.has_job(self.role)]
        return sorted_heads(kept, self.sort)

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
    """What the heads can be filtered by: a role, or `other` for the heads without one."""
    return (*ROLES, OTHER)


def heads_view(
    service: Headlight,
    question: Question,
    role: str | None = None,
    tab: str | None = None,
    sort: str | None = None,
    rows: str | None = None,
    rest: str | None = None,
    shows: str | None = None,
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
        tab=MAP if tab == MAP else TABLE,
        sort=Sort.parse(sort),
        shows_all=rows == "all",
        with_rest=rest == WITH_REST,
        shows=BREAKS if shows == BREAKS and any(entry.cause is not None for entry in levels) else DOES,
    )


def sorted_heads(levels: list[HeadLevels], sort: Sort) -> list[HeadLevels]:
    """Heads in order; heads without a figure come last either way, ties stay by layer and head."""
    by_place = sorted(levels, key=lambda entry: entry.id)
    if sort.column == "head":
        return by_place if sort.is_up else by_place[::-1]
    if sort.column == "main":
        order = {role: rank for rank, role in enumerate(filters())}
        return sorted(by_place, key=lambda entry: order[entry.main_job] * (1 if sort.is_up else -1))
    return sorted(by_place, key=lambda entry: _score_order(entry, sort))


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
    """The line below the title."""
    press = (
        "Press a row to see where the head looks." if view.tab == TABLE else "Press a cell to see what its head does."
    )
    if view.catalogue is None:
        return (
            f"The heads of {view.model_name} were not analysed, so there are no usual levels and no jobs here, only "
            f"the scores on your text. {press}"
        )
    if view.analysis is None:
        return f"Every head of {view.model_name} with its usual levels. Scores on a text come with the first text."
    return f"Every head of {view.model_name} is here, also those with no job we know. {press}"


def _score_order(entry: HeadLevels, sort: Sort) -> tuple[bool, float]:
    figure = _figure(entry, sort.column)
    is_missing = figure is None or math.isnan(figure)
    return is_missing, 0.0 if figure is None or is_missing else figure if sort.is_up else -figure


def _figure(entry: HeadLevels, column: str) -> float | None:
    if column == WITHOUT:
        return entry.cause.second_copy_nats if entry.cause is not None else None
    level = entry.levels[column]
    return level.score if level.score is not None else level.usual


def _analysis_or_refusal(service: Headlight, question: Question) -> tuple[Analysis | None, UserError | None]:
    try:
        return service.analyze(question.model, question.prompt), None
    except UserError as error:
        return None, error
