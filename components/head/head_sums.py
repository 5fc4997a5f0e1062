"""Below the evidence: how the rows make the score, and how many places were hit, so that anybody can recompute both.

All of it is about a role of looking. The score when a head looks is a ratio of two sums, the plain score a mean; the
count of hits is held against what blind looking would hit (`utils/measures/luck.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dash import html

from components.folded_table import folded_table
from components.numbers import percent, plural
from components.score_bar import two_decimals
from utils.measures.evidence import EvidenceRow
from utils.measures.states import State
from utils.reasons import MOSTLY_LUCK, one_in

if TYPE_CHECKING:
    from components.head.head_view import HeadView
    from utils.levels import RoleLevel

Line = tuple[str, str, str]
RAREST = 1e-6  # luck that is told as a number
HARDLY = 0.05  # times that blind looking hits: below that it rounds to none
MARKS = {True: ("●", "hit"), False: ("○", "missed"), None: ("–", "no chance")}
MARKS_NOTE = (
    "The share that goes where the job says, of all that it does not leave on the first token. ● hit: more than half "
    "of its looking goes there. ○ a chance missed. – no chance: it rests, or most tokens would do."
)
HOW_CHANCE = (
    "The score is the sum of the shares over the sum of the looking. Chance is what blind looking gets: each row’s "
    "looking times its fraction in this table, added up, over the sum of the looking."
)


@dataclass(frozen=True)
class Counted:
    """What was counted of one head on one text: places that give it a chance, rows and different target tokens that it
    hit, how many rows blind looking hits on average, how likely that does as well, and from where it is no luck."""

    chances: int
    rows_hit: int
    hits: int
    expected: float
    luck: float
    limit: float
    state: State
    threshold: float


def counted(view: HeadView, rows: Sequence[EvidenceRow]) -> Counted | None:
    """For the shown role; None where its measure counts no places."""
    decision, head = view.analysis.decisions.get(view.role), view.head
    if decision is None or decision.counts is None or decision.luck_limit is None:
        return None
    counts = decision.counts
    return Counted(
        chances=int(counts.chances[head]),
        rows_hit=sum(row.is_hit for row in rows),
        hits=int(counts.hits[head]),
        expected=float(counts.expected[head]),
        luck=float(counts.luck[head]),
        limit=decision.luck_limit,
        state=decision.state[head],
        threshold=float(decision.threshold[head]),
    )


def mark_of(row: EvidenceRow) -> tuple[str, str]:
    """The sign of a row and its word: a hit, a chance missed, or no chance."""
    return MARKS[row.is_hit if row.is_chance else None]


def score_lines(rows: Sequence[EvidenceRow], level: RoleLevel, plain_chance: float | None) -> list[Line]:
    """Words, figure and class of every line below the rows.

    Args: rows: of a measure of looks, at least one. plain_chance: of the plain score.
    """
    sums = [sum(row.share for row in rows), sum(row.look or 0.0 for row in rows)]
    decimals = 2 if sums[1] >= 1 else 3 if sums[1] >= 0.1 else 4  # of little looking, two would tell nothing
    shares, looking = (f"{each:.{decimals}f}" for each in sums)
    score = two_decimals(level.score)
    return [
        ("Sum of the shares", shares, ""),
        ("Sum of the looking", looking, ""),
        ("Score when it looks", f"{shares} / {looking} = {score}", "is-score"),
        ("Chance, for a blind look", two_decimals(level.chance), ""),
        (
            "Plain score, rest counted in",
            f"{shares} / {len(rows)} = {two_decimals(level.plain_score)}",
            "",
        ),
        ("Its chance, for an evenly spread head", two_decimals(plain_chance), ""),
    ]


def count_sentences(found: Counted) -> list[str]:
    """The count in words, and what follows from it.

    Example: "In 21 places this text gives the head a chance; blind looking would land there about 0.4 times, this head
    did 6 times."
    """
    if not found.chances:
        return ["No place of this text gives the head a chance: it rests, or most tokens would do."]
    blind = "almost never" if found.expected < HARDLY else f"about {found.expected:.1f} times"
    did = {0: "did not", 1: "did once"}.get(found.hits, f"did {found.hits} times")
    places = plural(found.chances, "place")
    first = f"In {places} this text gives the head a chance; blind looking would land there {blind}, this head {did}."
    once = f"Each target token counts once: {found.rows_hit} rows hit, {plural(found.hits, 'different target')}."
    return [first, *([once] if found.rows_hit > found.hits else []), *_verdict(found)]


def rows_table(view: HeadView, rows: Sequence[EvidenceRow]) -> html.Details:
    """Every row with all that enters score, chance and count."""
    heads = ["Token", "Where the job says", "Share", "Looking", "A blind look hits", "Counts as"]
    chances = dict(zip(view.evidence.rows.tolist(), _fractions(view), strict=True)) if view.evidence is not None else {}

    def cells(row: EvidenceRow) -> list[Any]:
        more = f" + {row.n_more_keys} more" if row.n_more_keys else ""
        key = "" if row.key_pos is None else [html.Bdi(view.tokens[row.key_pos].word), f" ({row.key_pos}){more}"]
        query = [html.Bdi(view.tokens[row.query_pos].word), f" ({row.query_pos})"]
        figures = (percent(row.share, decimals=1), percent(row.look or 0.0, decimals=1), chances[row.query_pos])
        return [query, key, *figures, mark_of(row)[1]]

    return folded_table(heads, map(cells, rows), summary="Show all rows as a table", caption=HOW_CHANCE)


def _verdict(found: Counted) -> list[str]:
    """Whether that can be luck, and the state that follows."""
    if not found.hits:
        below = "It hits no place, though it looks there more than chance: below usual."
        return [below if found.state is State.BELOW_USUAL else "Not seen on this text."]
    rare = f"1 time in {one_in(found.luck)}" if found.luck >= RAREST else f"less than 1 time in {one_in(RAREST)}"
    needed = f"1 time in {one_in(found.limit)}"
    if found.state is State.CANNOT_TELL:
        often = "mostly does as well" if found.luck >= MOSTLY_LUCK else f"does as well {rare}"
        return [f"Blind looking {often}. With the heads beside it, only {needed} or less is no luck: cannot tell."]
    no_luck = f"Blind looking does as well {rare}, and {needed} would be rare enough: no luck."
    if found.state is State.ACTIVE:
        return [f"{no_luck} Its score is not below the {found.threshold:.2f} that it needs: active."]
    return [f"{no_luck} Its score stays below the {found.threshold:.2f} that it needs: here and there."]


def _fractions(view: HeadView) -> list[str]:
    """How often a blind look hits, of every evidence row: `1/13`."""
    assert view.evidence is not None
    targets, chances = view.evidence.n_targets, view.evidence.looking_chance
    return [f"{n}/{round(n / chance)}" for n, chance in zip(targets.tolist(), chances.tolist(), strict=True)]
