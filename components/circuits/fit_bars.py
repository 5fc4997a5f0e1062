"""How well the chosen head fits each head that could read it, by weights: a bar each, two random heads as the line.

For pairs of which nothing is measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import html

from components.circuits.circuits_view import role_name
from components.circuits.circuits_words import NO_READER, NO_WRITER, WEIGHTS_ALONE, pair_caption, rank_words
from components.lamp import role_sign
from components.markup import aria
from components.numbers import plural, times

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.circuits.circuits_view import CircuitsView
    from utils.circuits.composition import Composition, Fit

SHOWN = 6
ROOM = 1.15  # the track is a little longer than the longest bar


def layout(view: CircuitsView, fits: Composition) -> html.Section:
    """The card. Where no later head fits there is nothing to compare, and a sentence says why."""
    readers = [fits.fit(*link.pair) for link in view.readers]
    if not readers:
        parts: list[Component] = [html.P(NO_READER if view.writer is not None else NO_WRITER)]
    else:
        parts = _bars(view, fits, readers)
    return html.Section([html.H2(_title(view)), *parts], className="surface panel", **aria(label="Fits as bars"))


def _title(view: CircuitsView) -> str:
    if view.writer is None:
        return "What it reads"
    if view.reader_role is None:
        return f"How well {view.writer} fits later heads"
    which = "each later" if len(view.readers) > 1 else "the one later"
    return f"How well {view.writer} fits {which} {role_name(view.reader_role)} head"


def _bars(view: CircuitsView, fits: Composition, readers: list[Fit]) -> list[Component]:
    end = ROOM * max(1.0, *(fit.multiple for fit in readers))
    rows = [_row(view, fits, fit, end) for fit in readers]
    more = rows[SHOWN:]
    rest = html.Details(
        [
            html.Summary(f"Show {plural(len(more), 'more head')}", className="text-button"),
            html.Ul(more, className="fit-rows"),
        ]
    )
    caption = html.P(
        [html.Abbr(f"{view.kind}-composition", title=KIND_TITLES[view.kind]), pair_caption(view)],
        className="panel-note",
    )
    return [
        html.P(
            f"{WEIGHTS_ALONE} Line: two random heads of the same size ({fits.baseline:.3f}). "
            "Right: this head's rank among all heads in earlier layers.",
        ),
        html.Ul(rows[:SHOWN], className="fit-rows"),
        *([rest] if more else []),
        caption,
    ]


KIND_TITLES = {
    "Q": "The later head uses the note in what it asks: |W_OV · W_QK| over |W_OV| |W_QK|",
    "K": "The later head uses the note in what it can find: |W_OV · W_QKᵀ| over |W_OV| |W_QK|",
    "V": "The later head passes the note on: |W_OV · W_OV'| over |W_OV| |W_OV'|",
}


def _row(view: CircuitsView, fits: Composition, fit: Fit, end: float) -> html.Li:
    role = view.jobs.main(fit.reader)
    rank = rank_words(*fits.rank_of(fit.writer, fit.reader))
    name = html.A(
        str(fit.reader),
        href=view.href(head=fit.reader.dotted, **{"from": None, "to": None}),
        className="in-place",
        id=f"fit-{fit.reader}",
    )
    bar = html.Span(
        html.Span(className="fit-fill"),
        className="fit-bar",
        style={"--fit": f"{fit.multiple / end:.4f}", "--random": f"{1 / end:.4f}"},
        **aria(hidden=True),
    )
    breadth = html.Span(f"{plural(round(fit.breadth), 'kind')} of note", className="fit-narrow")
    return html.Li(
        [
            html.Span(role_sign(role), className="circuit-disc"),
            html.Span([name, breadth]),
            bar,
            html.Strong(times(fit.multiple)),
            html.Span(rank, className="fit-rank"),
        ],
        className=f"fit-row role-{role}",
    )
