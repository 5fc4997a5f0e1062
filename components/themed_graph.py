"""Plotly figures in one house layout that follow the theme: they name CSS variables, the browser puts in their values.

Write a colour as `var(--ink)`, or `var(--role-induction, var(--ink-2))` where the first may not exist. Text in a figure
is markup to Plotly: escape tokens. assets/figure-theme.js paints, again when the theme changes.
"""

from __future__ import annotations

import math
from typing import Any

import plotly.graph_objects as go
from dash import MATCH, ClientsideFunction, Dash, Input, Output, dcc, html

from components.markup import aria

FONT = {"family": "Atkinson Hyperlegible Next, system-ui, sans-serif", "size": 13, "color": "var(--ink)"}
AXIS = {
    "showgrid": False,
    "gridcolor": "var(--line)",
    "zeroline": False,
    "showline": False,
    "ticks": "",
    "fixedrange": True,
}
NOTHING_YET = {"data": [], "layout": {"xaxis": {"visible": False}, "yaxis": {"visible": False}}}
NO_TOOLS: Any = {"displayModeBar": False, "doubleClick": False}
N_TICKS = 5


class Ids:
    @staticmethod
    def graph(name: Any) -> dict[str, Any]:
        return {"type": "themed-graph", "name": name}

    @staticmethod
    def figure(name: Any) -> dict[str, Any]:
        return {"type": "themed-figure", "name": name}


def themed_graph(name: str, figure: go.Figure, label: str) -> html.Div:
    """The figure as one image.

    Args: name: of this graph, once on a page; its class `figure-NAME` can give it another size. label: what it shows,
    for a screen reader.
    """
    graph = dcc.Graph(id=Ids.graph(name), figure=NOTHING_YET, responsive=True, clear_on_unhover=True, config=NO_TOOLS)
    store = dcc.Store(id=Ids.figure(name), data=figure.to_plotly_json())
    return html.Div([graph, store], role="img", className=f"themed-graph figure-{name}", **aria(label=label))


def register(app: Dash) -> None:
    """One painter for all graphs of all pages."""
    app.clientside_callback(
        ClientsideFunction("headlightFigures", "paint"),
        Output(Ids.graph(MATCH), "figure"),
        Input(Ids.figure(MATCH), "data"),
    )


def house_figure(
    *traces: Any,
    margin: tuple[int, int, int, int] = (0, 0, 0, 0),
    xaxis: dict[str, Any],
    yaxis: dict[str, Any],
    **layout: Any,
) -> go.Figure:
    """A figure in the house layout. margin: left, right, top, bottom, in pixels. Axes have no grid unless they ask."""
    house = {
        "template": "none",
        "margin": dict(zip("lrtb", margin, strict=True)),
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": FONT,
        "hoverlabel": {"bgcolor": "var(--ink)", "bordercolor": "var(--ink)", "font": {"color": "var(--page)"}},
        "showlegend": False,
        "dragmode": False,
    }
    return go.Figure(list(traces), layout=house | {"xaxis": AXIS | xaxis, "yaxis": AXIS | yaxis} | layout)


def ticks(low: float, high: float) -> list[float]:
    """About five round values between two ends, for the marks of an axis."""
    rough = (high - low) / N_TICKS
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(step * number, 10) for number in range(first, last + 1)]


def role_colour(role: str) -> str:
    """The colour of a role; ink for a head without one."""
    return f"var(--role-{role}, var(--ink-2))"
