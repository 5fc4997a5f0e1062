"""The frame of a map of all heads, whatever its cells show: names, rows, and on a narrow window pages of ten layers.

Up to eight layers the map stands upright: layers down, heads across. A deeper one lies on its side: layers left to
right, heads down, so that it fits a screen. Rows of the grid are rows on the screen either way, so arrow keys go where
they point (assets/heads-map.js).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import dash_bootstrap_components as dbc
from dash import dcc, html

from components.markup import aria, classes, data
from components.plain import plain
from components.switch import switch
from utils.heads import HeadId, Shape

if TYPE_CHECKING:
    from dash.development.base_component import Component

UPRIGHT_LAYERS = 8  # up to here layers stand below one another
SIGNLESS_FROM = 33  # layers from which cells are too narrow for a sign
LOW_FROM = 17  # heads per layer from which cells are low
PAGE = 10  # layers on one page of a narrow window
NAMED_STEP = 5  # of a map on its side every fifth layer is named, and the last


class Ids:
    map = "head-map"
    ready = "head-map-ready"
    page = "head-map-page"


def skeleton() -> html.Div:
    """The ids that callbacks name, before any question is asked."""
    return html.Div([html.Div(id=Ids.map), dcc.Store(id=Ids.ready), dbc.RadioItems(id=Ids.page)])


def is_deep(n_layers: int) -> bool:
    """Whether a model's map lies on its side."""
    return n_layers > UPRIGHT_LAYERS


def grid(
    cells: Mapping[HeadId, Component], words: str, state: str, *names: str | bool | None, keeps: bool = False
) -> html.Div:
    """The map in its box.

    Args: cells: one for each head of the model. words: what the map shows, for a screen reader. state: tells one map
    from another. names: more classes. keeps: a press chooses the head, and only Enter opens it.
    """
    shape = Shape(1 + max(head.layer for head in cells), 1 + max(head.head for head in cells)) if cells else Shape(0, 0)
    deep = is_deep(shape.n_layers)
    rows = _sideways(cells, shape) if deep else _upright(cells, shape)
    places = "layers left to right, heads down" if deep else "layers down, heads across"
    lines = html.Div(
        plain(*rows),
        id=Ids.map,
        className=classes(
            "head-map",
            deep and "head-map--sideways",
            deep and shape.n_layers >= SIGNLESS_FROM and "head-map--signless",
            shape.n_heads >= LOW_FROM and "head-map--dense",
            *names,
        ),
        style={"--heads": str(shape.n_heads), "--layers": str(shape.n_layers)},
        role="grid",
        **aria(label=f"{words}: {places}"),
        **data(keeps=int(keeps)),
    )
    pages = [_page_switch(shape.n_layers)] if deep else []
    return html.Div(
        [*pages, html.Div(lines, className="head-map-scroll"), dcc.Store(id=Ids.ready, data=state)],
        className="head-map-box",
    )


def page_names(n_layers: int) -> dict[str, str]:
    """The pages of a narrow window: `{"0": "Layers 0–9", "1": "10–19", "2": "20–29"}`."""
    names = {}
    for first in range(0, n_layers, PAGE):
        last = min(first + PAGE, n_layers) - 1
        names[str(first // PAGE)] = f"{first}–{last}" if last > first else str(first)
    return names | {"0": f"Layers {names['0']}"} if names else {}


def _page_switch(n_layers: int) -> html.Div:
    return html.Div(switch(Ids.page, page_names(n_layers), "0", "Layers on the map"), className="head-map-pages")


def _upright(cells: Mapping[HeadId, Component], shape: Shape) -> list[html.Div]:
    names = [html.Span(f"H{head}", role="columnheader", className="head-map-name") for head in range(shape.n_heads)]
    rows = [_row("", names)]
    for layer in range(shape.n_layers):
        rows.append(_row(f"L{layer}", [cells[HeadId(layer, head)] for head in range(shape.n_heads)]))
    return rows


def _sideways(cells: Mapping[HeadId, Component], shape: Shape) -> list[html.Div]:
    last = shape.n_layers - 1
    names = [
        html.Span(
            f"L{layer}",
            role="columnheader",
            className=classes("head-map-name", not is_named(layer, last) and "is-quiet"),
            **data(page=layer // PAGE),
        )
        for layer in range(shape.n_layers)
    ]
    rows = [_row("", names)]
    for head in range(shape.n_heads):
        rows.append(_row(f"H{head}", [cells[HeadId(layer, head)] for layer in range(shape.n_layers)]))
    return rows


def is_named(layer: int, last: int) -> bool:
    """Whether a layer's number stands in sight: every fifth, and the last, to which none stands too near."""
    return layer == last or (layer % NAMED_STEP == 0 and last - layer > 1)


def _row(name: str, cells: Sequence[Component]) -> html.Div:
    head = html.Span(name, role="rowheader" if name else "columnheader", className="head-map-name")
    return html.Div([head, *cells], role="row", className="head-map-row")
