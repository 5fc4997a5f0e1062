"""The heads on a role's card: one row for each, with its state, its bar, and what it does in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import dcc, html

from components import evidence_sentence
from components.address import head_href, heads_href
from components.cause_words import rise
from components.lamp import state_mark
from components.markup import aria, data
from components.numbers import percent, plural
from components.score_bar import head_bar, two_decimals
from utils.demonstration import strongest_place
from utils.measures.states import State
from utils.reasons import how_lucky
from utils.roles import JOBS

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.roles.roles_view import RolesView
    from utils.heads import HeadId
    from utils.summary import HeadEntry, RoleSummary

HEADS_SHOWN = 3
ALL_FROM = 0.995  # of its attention, from which a head looks all the time
LEAST_CAUSE = 0.1  # nats; a smaller rise is not told on a card


def layout(view: RolesView, summary: RoleSummary) -> html.Div:
    """Three heads, those that do most on this text first; the rest behind one press, and the way to those that are not
    listed."""
    heads = summary.ranked
    rows: list[Component] = [_row(view, head) for head in heads[:HEADS_SHOWN]]
    rest = heads[HEADS_SHOWN:]
    if rest:
        words = f"Show {plural(len(rest), 'more head')}"
        rows.append(folded(view, summary.role, words, [_row(view, head) for head in rest]))
    if summary.n_having > len(heads):
        href = heads_href(view.question.model, view.question.prompt, role=summary.role)
        rows.append(dcc.Link(f"All {summary.n_having} in All heads", href=href, className="text-button all-of-job"))
    return html.Div(rows, className="head-rows")


def folded(view: RolesView, role: str, words: str, rows: list[Component]) -> html.Details:
    """Rows behind one press; the address keeps whether they are open (assets/page.js)."""
    inside = [html.Summary(words, className="text-button"), *rows]
    return html.Details(inside, open=role in view.unfolded, className="more-heads", **data(fold=role))


def jobs_line(entry: HeadEntry) -> str:
    """The head's other jobs: "also previous token", or "mainly induction" on a card that is not its main one."""
    if not entry.is_main:
        return f"mainly {JOBS[entry.main_role].display_name.lower()}"
    names = [JOBS[key].display_name.lower() for key in entry.also if key in JOBS]
    return f"also {', '.join(names)}" if names else ""


def cause_line(entry: HeadEntry) -> str:
    """What breaks without it: "without it a repeat costs 4.9 ± 0.2 nats more"; empty where that is little, or cannot be
    told from chance."""
    cause = entry.cause
    if cause is None or not cause.is_sure or abs(cause.second_copy_nats) < LEAST_CAUSE:
        return ""
    more = "more" if cause.second_copy_nats > 0 else "less"
    return f"without it a repeat costs {rise(abs(cause.second_copy_nats), cause.standard_error)} nats {more}"


def looks_line(entry: HeadEntry) -> str:
    """How much of its attention is no rest: "looks 61 % of the time"; empty where that cannot be said."""
    if entry.look is None:
        return ""
    return "looks all the time" if entry.look >= ALL_FROM else f"looks {percent(entry.look)} of the time"


def writes_line(entry: HeadEntry) -> list[Any]:
    """What its strongest look writes: "adds +1.8 to Peter", a sign in quotes; empty for a job of looking, and where
    that is nothing."""
    look = entry.evidence[0] if entry.evidence else None
    does = "" if look is None else evidence_sentence.push(look)
    if not does or look is None or look.target is None:
        return []
    word = html.Bdi(look.target.word)
    is_sign = not any(map(str.isalnum, look.target.word))
    return [f"{does} ", *(["“", word, "”"] if is_sign else [word])]


def row_link(view: RolesView, head: HeadId, cells: list[Any]) -> dcc.Link:
    """A row, which leads to the page of its head."""
    return dcc.Link(cells, href=head_href(view.question.model, view.question.prompt, *head), className="head-row")


def _row(view: RolesView, entry: HeadEntry) -> dcc.Link:
    """One head: mark, name, bar, score, and below them what it writes or how much it looks, its other jobs and its
    strongest place."""
    status = None if entry.state is None else entry.state.value
    score = html.Span(two_decimals(entry.bar_score), className="head-score", **aria(hidden=True))
    mark = state_mark(status, entry.role)
    cells: list[Any] = [mark, html.Span(str(entry.id), className="head-name"), head_bar(entry), score]
    note = ", ".join(part for part in (looks_line(entry), jobs_line(entry), cause_line(entry)) if part)
    written = writes_line(entry)
    if note or written:
        cells.append(html.Span([*written, ", " if note and written else "", note], className="head-jobs"))
    place = _place(view, entry)
    if place:
        cells.append(html.Span(place, className="head-jobs head-place"))
    return row_link(view, entry.id, cells)


def _place(view: RolesView, entry: HeadEntry) -> list[Any]:
    """Where a head does it that does it here and there, or at a place that may be luck; nothing for any other."""
    look = strongest_place(view.analysis, entry) if entry.state in (State.HERE_AND_THERE, State.CANNOT_TELL) else None
    if look is None:
        return []
    words = evidence_sentence.place(look, entry.role, view.analysis.forward.tokens)
    if entry.state is State.HERE_AND_THERE:
        return words
    return [*words, ". ", how_lucky(entry.chances or 0, entry.hits or 0, 1.0 if entry.luck is None else entry.luck)]
