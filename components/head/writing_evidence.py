"""The evidence of a job of writing, row by row: where the head looks, which word it pushes by that, and how much.

The score of a text is that of its best row: the attention from there to tokens that the head would write so, which this
page takes apart into single looks, so that anybody can add them up. What is pushed adds up alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dash import html

from components.folded_table import folded_table
from components.markup import aria, classes
from components.numbers import percent, plural
from components.score_bar import two_decimals
from components.token_chip import token_chip
from utils.measures.reading import Look
from utils.measures.writes import MIN_PUSH, Writes
from utils.numbers_in_text import signed
from utils.roles import writing_roles
from utils.writing.reasons import asks_for_no_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dash.development.base_component import Component

    from components.head.head_view import HeadView
    from utils.levels import RoleLevel
    from utils.tokens import Token

Words = list[Any]  # of a sentence: strings and elements
ROWS_SHOWN = 8
TOLD_FROM = 0.005  # of attention: smaller looks are told together
COLUMNS = ("From", "At", "Word", "Look", "Push")
LEAD = (
    "Each row shows a token and where the head looks from there, as far as it would {do} what stands there. Push says "
    "by how many logits. Where more tokens count, look and push are sums over all of them, and the word is that of the "
    "strongest; the table takes them apart."
)
HOW = (
    "Look is the share of attention that goes to tokens which the head would write so; small looks are told together. "
    "Push is what all of them add to the logits of their words, above the average of all words. The score is the "
    "largest look."
)


@dataclass(frozen=True)
class WrittenRow:
    """One row with something to show. looks: all that count, the strongest first. share, push: their sums."""

    query_pos: int
    looks: tuple[Look, ...]

    @property
    def share(self) -> float:
        return sum(look.weight for look in self.looks)

    @property
    def push(self) -> float:
        return sum(look.push or 0.0 for look in self.looks)


def layout(view: HeadView) -> list[Component]:
    """What stands in the card. Args: view: with evidence for a role of writing."""
    rows = written_rows(view)
    lead = html.P(LEAD.format(do=verb(view)), className="section-lead")
    if not rows:
        nothing = f"None of the tokens that it looks at here is one that {view.head} would {verb(view)}."
        return [lead, html.P(nothing), *_score_lines(view, None)]
    more = rows[ROWS_SHOWN:]
    return [
        lead,
        _table(view, rows[:ROWS_SHOWN]),
        *([_more(view, more)] if more else []),
        *_score_lines(view, rows[0]),
        html.P(best_row_sentence(view, rows[0]), className="evidence-count"),
        all_rows(view, rows),
    ]


def written_rows(view: HeadView) -> list[WrittenRow]:
    """The rows with something to show, the best one first; what it does there decides."""
    if view.evidence is None:
        return []
    measure, reading = _measure(view), view.reading
    found = [WrittenRow(row, measure.looks_of_row(reading, view.evidence, row)) for row in view.evidence.rows.tolist()]
    return sorted((row for row in found if row.looks), key=lambda row: -row.share)


def verb(view: HeadView) -> str:
    """What the head would do with a token that it looks at."""
    measure = _measure(view)
    if measure.only_names:
        return "pass on"
    return {"copy": "copy", "suppress": "hold back", "next": "follow on from"}[measure.write.value]


def best_row_sentence(view: HeadView, best: WrittenRow) -> str:
    """Which row decides, and what it would take.

    Example: "Its best row decides: 0.88 at “to” (13). It pushes there by +1.8; active from 0.38 and +0.3."
    """
    level, reading = view.levels.levels[view.role], view.reading
    least = signed(MIN_PUSH * _measure(view).write.sign)
    token = f"“{isolated(view.tokens[best.query_pos].word)}” ({best.query_pos})"
    told = (
        f"Its best row decides: {two_decimals(best.share)} at {token}. It pushes there by {signed(best.push)}; "
        f"active from {two_decimals(level.threshold)} and {least}."
    )
    if not level.is_job:
        return f"{told} This is not a job of {view.head}, so it does not count as active."
    if _measure(view).only_names and reading.writing is not None and not reading.writing.asks_for_name:
        return f"{told} {asks_for_no_name(reading.writing.guess)} So it does not count as active."
    return told


def isolated(word: str) -> str:
    """A token in a sentence that is one string: letters that run from right to left keep to themselves."""
    return f"\u2068{word}\u2069"


def all_rows(view: HeadView, rows: Sequence[WrittenRow]) -> html.Details:
    """Every row with all its looks, in the order of the text, those with nothing to show too."""
    shown = {row.query_pos: row for row in rows}
    assert view.evidence is not None
    cells = []
    for position in view.evidence.rows.tolist():
        row = shown.get(position, WrittenRow(position, ()))
        push = signed(row.push) if row.looks else "–"
        cells.append([_named(view.tokens[position], position), _parts(view, row), percent(row.share, 1), push])
    heads = ("From", "At, each with its push", "Look", "Push")
    return folded_table(heads, cells, summary="Show all rows as a table", caption=HOW)


def _measure(view: HeadView) -> Writes:
    return writing_roles()[view.role]


def _table(view: HeadView, rows: Sequence[WrittenRow]) -> html.Table:
    heads = [html.Th(name, scope="col") for name in COLUMNS]
    return html.Table(
        [html.Thead(html.Tr(heads)), html.Tbody([_row(view, row, is_best=at == 0) for at, row in enumerate(rows)])],
        className="writes-table",
        **aria(label="Where it looks, and what it pushes by that; the best row first"),
    )


def _row(view: HeadView, row: WrittenRow, is_best: bool) -> html.Tr:
    strongest, n_more = row.looks[0], _n_more(row)
    key = [token_chip(view.tokens[strongest.key_pos], strongest.key_pos, view.role, "key")]
    more = [html.Span(f"+ {n_more} more", className="writes-more")] if n_more else []
    return html.Tr(
        [
            html.Th(token_chip(view.tokens[row.query_pos], row.query_pos, view.role, "query"), scope="row"),
            html.Td([*key, *more]),
            html.Td(_word(strongest), className="writes-word"),
            html.Td(percent(row.share), className="writes-figure"),
            html.Td(signed(row.push), className="writes-figure"),
        ],
        className=classes(is_best and "is-best"),
    )


def _n_more(row: WrittenRow) -> int:
    """Other looks of a row that are told by themselves."""
    return sum(look.weight >= TOLD_FROM for look in row.looks[1:])


def _word(look: Look) -> list[Component]:
    """The word that is pushed, and which way."""
    if look.target is None:
        return []
    is_up = (look.push or 0.0) >= 0
    spoken = html.Span("up: " if is_up else "down: ", className="visually-hidden")
    return [html.Span("↑ " if is_up else "↓ ", **aria(hidden=True)), spoken, html.Bdi(look.target.word)]


def _more(view: HeadView, rows: Sequence[WrittenRow]) -> html.Details:
    """All other rows in words, one element each."""
    summary = html.Summary(f"Show {plural(len(rows), 'more token')}", className="text-button")
    return html.Details([summary, html.Ol([html.Li(_in_words(view, row)) for row in rows], className="evidence-more")])


def _in_words(view: HeadView, row: WrittenRow) -> str:
    """Example: `to (13) → Peter (3) + 1 more: Peter, 88.8 %, +1.8`."""
    strongest, n_more = row.looks[0], _n_more(row)
    query, key = view.tokens[row.query_pos].word, view.tokens[strongest.key_pos].word
    more = f" + {n_more} more" if n_more else ""
    word = f"{isolated(strongest.target.word)}, " if strongest.target is not None else ""
    places = f"{isolated(query)} ({row.query_pos}) → {isolated(key)} ({strongest.key_pos}){more}"
    return f"{places}: {word}{percent(row.share, decimals=1)}, {signed(row.push)}"


def _score_lines(view: HeadView, best: WrittenRow | None) -> list[Component]:
    """The score as the sum of the looks of the best row, and its yardsticks."""
    level = view.levels.levels[view.role]
    parts = (
        [] if best is None or len(best.looks) < 2 else [("Looks from the best row", _sum_words(view, best), "is-sum")]
    )
    lines: list[tuple[str, Any, str]] = [
        *parts,
        ("Its score, the best row", _score(level), "is-score"),
        *((words, two_decimals(figure), "") for words, figure in _measure(view).yardsticks(view.reading, level.chance)),
    ]
    rows = [html.Div([html.Dt(words), html.Dd(figure)], className=name) for words, figure, name in lines]
    return [html.Dl(rows, className="evidence-sum")]


def _score(level: RoleLevel) -> str:
    return "" if level.score is None else f"{two_decimals(level.score)} = {percent(level.score, decimals=1)}"


def _sum_words(view: HeadView, row: WrittenRow) -> Words:
    """The looks of the best row, added up: "Peter (3) 54.1 % + Anna (1) 32.0 % + smaller looks 0.4 %"."""
    return _joined([[*_named(view.tokens[key], key), f" {percent(share, 1)}"] for key, share, _ in _told(row)], row)


def _parts(view: HeadView, row: WrittenRow) -> Words:
    """The same with what each look pushes, for the table."""
    if not row.looks:
        return ["–"]
    told = [
        [*_named(view.tokens[key], key), f" {percent(share, 1)}, {signed(push)}"] for key, share, push in _told(row)
    ]
    return _joined(told, row)


def _joined(told: list[Words], row: WrittenRow) -> Words:
    """Looks with a plus between them; all that is less than half a percent comes together at the end."""
    rest = row.share - sum(share for _key, share, _push in _told(row))
    parts = told + ([[f"smaller looks {percent(rest, 1)}"]] if len(told) < len(row.looks) else [])
    return [piece for at, part in enumerate(parts) for piece in ([" + "] if at else []) + part]


def _told(row: WrittenRow) -> list[tuple[int, float, float]]:
    """The looks that are told one by one: key, share, push; always the strongest."""
    return [
        (look.key_pos, look.weight, look.push or 0.0)
        for at, look in enumerate(row.looks)
        if not at or look.weight >= TOLD_FROM
    ]


def _named(token: Token, position: int) -> Words:
    return [html.Bdi(token.word), f" ({position})"]
