"""From one layer into another: the fit of every head of an earlier layer with every head of a later one.

Told from the weights alone. The scale runs from random to the best fit of the two layers; numbers stand in cells from
twice random up and in those of the lit lines. A press on a cell chooses the pair everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dash_bootstrap_components as dbc
import numpy as np
import plotly.graph_objects as go
from dash import ClientsideFunction, Dash, Input, Output, dcc, html

from components.circuits.circuits_words import WEIGHTS_ALONE
from components.lamp import role_sign
from components.markup import aria, classes
from components.numbers import times
from components.switch import switch
from components.themed_graph import Ids as GraphIds
from components.themed_graph import house_figure, role_colour, themed_graph
from utils.circuits.pair_products import KINDS
from utils.circuits.readers import multiples_between
from utils.heads import HeadId
from utils.roles import OTHER

if TYPE_CHECKING:
    from components.circuits.circuits_view import CircuitsView
    from utils.circuits.composition import Composition

FIGURE = "composition-map"
NUMBERS_FROM = 2.0
MANY_HEADS = 17  # heads from which only every fourth, and those with a job, has its name on the axes
READ_OUT = "Point at a cell, or use the arrow keys, to read it out. A press, or Enter, chooses the pair."


class Ids:
    kind = "circuits-kind"
    from_layer = "circuits-from"
    to_layer = "circuits-to"
    box = "composition-map-box"
    readout = "composition-map-readout"
    cells = "composition-map-cells"


def layout(view: CircuitsView, fits: Composition) -> html.Section:
    """The card."""
    from_layer, to_layer = view.layers
    figure = themed_graph(FIGURE, map_figure(view, fits), f"Fits of layer {from_layer} into layer {to_layer}")
    box = html.Div(
        [
            html.Div(_names(view, to_layer, view.head.layer == to_layer), className="map-names map-names--top"),
            html.Div(_names(view, from_layer, True), className="map-names map-names--side"),
            figure,
            html.Div(className="map-cursor", hidden=True),
        ],
        id=Ids.box,
        className=classes("composition-map", view.shape.n_heads >= MANY_HEADS and "is-dense"),
        tabIndex=0,
        role="application",
        style={"--heads": str(view.shape.n_heads)},
        **aria(label="Fits of two layers. Arrow keys move from cell to cell, Enter chooses.", describedby=Ids.readout),
    )
    return html.Section(
        [
            html.Div([html.H2("From one layer into another"), _kind_switch(view)], className="card-head"),
            _layer_line(view),
            box,
            _scale(view, fits),
            html.P(WEIGHTS_ALONE, className="panel-note"),
            html.P(READ_OUT, id=Ids.readout, className="grid-readout", **aria(live="polite")),
            dcc.Store(id=Ids.cells, data=cell_data(view, fits)),
        ],
        className="surface panel",
        **aria(label="From one layer into another"),
    )


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div(
        [
            dbc.RadioItems(id=Ids.kind),
            dbc.Select(id=Ids.from_layer),
            dbc.Select(id=Ids.to_layer),
            html.P(id=Ids.readout),
            dcc.Store(id=Ids.cells),
            themed_graph(FIGURE, go.Figure(), ""),
        ]
    )


def register(app: Dash) -> None:
    """The browser reads out the cell under the pointer."""
    app.clientside_callback(
        ClientsideFunction("headlightCircuits", "readCell"),
        Output(Ids.readout, "children"),
        Input(GraphIds.graph(FIGURE), "hoverData"),
        Input(Ids.cells, "data"),
    )


def map_figure(view: CircuitsView, fits: Composition) -> go.Figure:
    """The heatmap: writers down the side, readers along the top, multiples of random; the lit lines are ringed."""
    multiples = multiples_between(fits, *view.layers)
    n = len(multiples)
    ringed = _ringed(view)
    numbers = [
        [
            f"{value:.1f}" if value >= NUMBERS_FROM or (row, column) in ringed else ""
            for column, value in enumerate(line)
        ]
        for row, line in enumerate(multiples.tolist())
    ]
    heatmap = go.Heatmap(
        z=multiples.astype(np.float32),
        text=numbers,
        texttemplate="%{text}" if n < MANY_HEADS else "",
        textfont={"size": 13 if n <= 12 else 10},
        zmin=1,
        zmax=most(view, fits),
        xgap=2,
        ygap=2,
        colorscale=[[0, "var(--sunk)"], [1, "var(--ink)"]],
        showscale=False,
        hoverinfo="none",
    )
    axis = {"visible": False, "range": [-0.5, n - 0.5]}
    rings = [_ring(row, column, colour) for (row, column), colour in ringed.items()]
    return house_figure(heatmap, xaxis=axis, yaxis={**axis, "range": [n - 0.5, -0.5]}, shapes=rings)


def cell_data(view: CircuitsView, fits: Composition) -> dict[str, Any]:
    """What the browser needs to read out a cell: the two layers and every fit, to one decimal."""
    multiples = multiples_between(fits, *view.layers)
    return {
        "layers": list(view.layers),
        "multiples": [[round(value, 1) for value in row] for row in multiples.tolist()],
    }


def pressed_pair(view: CircuitsView, click: dict[str, Any]) -> dict[str, str | None]:
    """The choices after a press on a cell. click: what Plotly tells of it."""
    point = click["points"][0]
    from_layer, to_layer = view.layers
    writer, reader = HeadId(from_layer, int(point["y"])), HeadId(to_layer, int(point["x"]))
    return {"writer": writer.dotted, "head": reader.dotted, "test": None}


def most(view: CircuitsView, fits: Composition) -> float:
    """The best fit of the two layers, the dark end of the scale; a little above random at least."""
    return max(float(multiples_between(fits, *view.layers).max()), 1.1)


def _ringed(view: CircuitsView) -> dict[tuple[int, int], str]:
    """Cells [writer, reader] of the lit lines, in the reader's colour, and of the chosen pair."""
    from_layer, to_layer = view.layers
    pairs = {link.pair: role_colour(view.jobs.main(link.reader)) for link in view.lit}
    if view.writer is not None and view.writer.layer < view.head.layer:
        pairs.setdefault((view.writer, view.head), role_colour(view.jobs.main(view.head)))
    return {
        (writer.head, reader.head): colour
        for (writer, reader), colour in pairs.items()
        if (writer.layer, reader.layer) == (from_layer, to_layer)
    }


def _ring(row: int, column: int, colour: str) -> dict[str, Any]:
    corners = {"x0": column - 0.47, "x1": column + 0.47, "y0": row - 0.47, "y1": row + 0.47}
    return {"type": "rect", **corners, "line": {"color": colour, "width": 3}}


def _names(view: CircuitsView, layer: int, is_marked: bool) -> list[html.Span]:
    """The heads of a layer along an axis: their signs, the chosen ones in bold."""
    chosen = {view.writer, *((view.head,) if is_marked else ())}
    lit = {link.reader for link in view.lit}
    names = []
    for index in range(view.shape.n_heads):
        head = HeadId(layer, index)
        role = view.jobs.main(head)
        is_shown = view.shape.n_heads < MANY_HEADS or index % 4 == 0 or role != OTHER
        disc = [html.Span(role_sign(role), className=f"circuit-disc role-{role}")] if role != OTHER else []
        words = html.Span(f"H{index}" if is_shown else "")
        names.append(html.Span([*disc, words], className=classes("map-name", head in chosen | lit and "is-lit")))
    return names


def _kind_switch(view: CircuitsView) -> html.Div:
    kinds = {kind: kind for kind in KINDS}
    return switch(Ids.kind, kinds, view.kind, "Where the later head uses the note: Q, K or V")


def _layer_line(view: CircuitsView) -> html.Div:
    """Two menus; layers that cannot come later are not offered."""
    n_layers = view.shape.n_layers
    from_layer, to_layer = view.layers
    return html.Div(
        [
            html.Label("From", htmlFor=Ids.from_layer),
            _layer_menu(Ids.from_layer, range(n_layers - 1), from_layer),
            html.Label("down the side, into", htmlFor=Ids.to_layer),
            _layer_menu(Ids.to_layer, range(from_layer + 1, n_layers), to_layer),
            html.Span("along the top."),
        ],
        className="layer-line",
    )


def _layer_menu(name: str, layers: range, value: int) -> dbc.Select:
    options: Any = [{"label": f"layer {layer}", "value": str(layer)} for layer in layers]
    return dbc.Select(id=name, options=options, value=str(value), class_name="quiet-select")


def _scale(view: CircuitsView, fits: Composition) -> html.P:
    bar = html.Span(className="scale-bar", **aria(hidden=True))
    return html.P(
        [
            html.Span(["random", bar, f"{times(most(view, fits))} random"]),
            html.Span(f"numbers from {NUMBERS_FROM:.1f} on, and on the lit lines"),
        ],
        className="map-scale",
    )
