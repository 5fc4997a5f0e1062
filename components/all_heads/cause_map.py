"""The other side of the large map: not where heads look, but what breaks without them.

Ink in five steps, by the root of a head's share of the largest rise, so that one head hides no other. A head without
which the model does better is outlined and has a minus; one whose rise cannot be told from chance stays empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import dcc, html

from components import head_map_grid
from components.address import head_href
from components.cause_words import spoken_rise
from components.head_map_grid import PAGE, is_deep
from components.markup import aria, classes, data
from components.numbers import with_minus

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.all_heads.all_heads_view import HeadsView
    from utils.catalogue.causes import HeadCause
    from utils.levels import HeadLevels

STEPS = (75, 50, 25, 10)  # percent of ink, the darkest first
NUMBER_FROM = 25


def layout(view: HeadsView) -> html.Div:
    """The map. The view has causes (`view.has_causes`)."""
    largest = largest_rise(view)
    cells = {entry.id: _cell(view, entry, largest) for entry in view.levels}
    return head_map_grid.grid(
        cells, "What breaks without each head", f"causes {view.question.model} {view.role}", "cause-map", keeps=True
    )


def legend(view: HeadsView) -> html.P:
    """What the steps stand for, in nats per token."""
    largest = largest_rise(view)
    steps = [
        html.Span(
            [html.Span(className=f"cause-key ink-{step}", **aria(hidden=True)), f"from {largest * share(step):.2g}"]
        )
        for step in reversed(STEPS)
    ]
    outlined = html.Span([_key("is-negative", "−"), "better without it"])
    return html.P(
        [
            *steps,
            outlined,
            html.Span("nats per token dearer without it; empty: less, or too little to tell from chance"),
        ],
        className="legend",
    )


def _key(kind: str, text: str = "") -> html.Span:
    return html.Span(text, className=f"cause-key {kind}", **aria(hidden=True))


def strongest(view: HeadsView) -> str:
    """The title's answer: "A text said twice breaks most without L16H0." """
    best = max((entry for entry in view.levels if entry.cause), key=_nats)
    if best.cause is None or not best.cause.is_sure or _nats(best) <= 0:
        return "No head alone is needed to say a text twice"
    return f"A text said twice breaks most without {best.id}"


def largest_rise(view: HeadsView) -> float:
    """The largest rise or fall that can be told from chance; 0 where there is none."""
    return max((abs(_nats(entry)) for entry in view.levels if entry.cause and entry.cause.is_sure), default=0.0)


def share(ink: int) -> float:
    """The share of the largest rise from which a cell has so much ink, in percent."""
    return (ink / 100) ** 2


def ink(cause: HeadCause | None, largest: float) -> int:
    """A cell's ink, 0, 10, 25, 50 or 75 percent."""
    if cause is None or not cause.is_sure or not largest:
        return 0
    size = abs(cause.second_copy_nats) / largest
    return next((step for step in STEPS if size >= share(step)), 0)


def number(cause: HeadCause | None, largest: float) -> str:
    """What stands in a cell: `5.1` from 25 percent of ink on, a lone minus where a fall is smaller, else nothing."""
    if cause is None or not cause.is_sure:
        return ""
    if ink(cause, largest) >= NUMBER_FROM:
        return with_minus(f"{cause.second_copy_nats:.1f}")
    return "−" if cause.second_copy_nats < 0 else ""


def _cell(view: HeadsView, entry: HeadLevels, largest: float) -> Component:
    cause, darkness = entry.cause, ink(entry.cause, largest)
    href = head_href(view.question.model, view.question.prompt, *entry.id)
    label = html.Span(f"{entry.id}, {spoken_rise(cause)}", className="visually-hidden")
    shown = html.Span(number(cause, largest), className="cause-number", **aria(hidden=True))
    is_negative = cause is not None and cause.is_sure and cause.second_copy_nats < 0
    return html.Div(
        dcc.Link([label, shown], href=href, className="head-cell-link"),
        role="gridcell",
        className=classes(
            "head-cell cause-cell",
            f"ink-{darkness}" if darkness else "head-cell--none",
            is_negative and "is-negative",
            view.role is not None and not entry.has_job(view.role) and "is-dimmed",
        ),
        **data(head=str(entry.id), **({"page": entry.id.layer // PAGE} if _is_deep(view) else {})),
    )


def _is_deep(view: HeadsView) -> bool:
    return is_deep(1 + view.levels[-1].id.layer)


def _nats(entry: HeadLevels) -> float:
    return entry.cause.second_copy_nats if entry.cause is not None else 0.0
