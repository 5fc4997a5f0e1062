"""A Plotly figure that follows the theme: it names CSS variables, and the browser puts in their values.

Write a colour as `var(--ink)`, or `var(--role-induction, var(--ink-2))` where the first may not exist. Text in a figure
is markup to Plotly: escape tokens. assets/figure-theme.js paints, again when the theme changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import MATCH, ClientsideFunction, Dash, Input, Output, dcc, html

from components.markup import aria

if TYPE_CHECKING:
    import plotly.graph_objects as go

FONT: dict[str, Any] = {
    "family": "Atkinson Hyperlegible Next, system-ui, sans-serif",
    "size": 13,
    "color": "var(--ink)",
}
NO_TOOLS: Any = {"displayModeBar": False, "doubleClick": False}


class Ids:
    @staticmethod
    def graph(name: Any) -> dict[str, Any]:
        return {"type": "themed-graph", "name": name}

    @staticmethod
    def figure(name: Any) -> dict[str, Any]:
        return {"type": "themed-figure", "name": name}


def themed_graph(name: str, figure: go.Figure, label: str) -> html.Div:
    """The figure as one image. Args: name: of this graph, once on a page; label: what it shows, for a screen reader."""
    nothing_yet = {"data": [], "layout": {"xaxis": {"visible": False}, "yaxis": {"visible": False}}}
    graph = dcc.Graph(
        id=Ids.graph(name), figure=nothing_yet, responsive=True, config=NO_TOOLS, className="themed-graph"
    )
    return html.Div(
        [
            html.Div(graph, role="img", className="themed-graph-box", **aria(label=label)),
            dcc.Store(id=Ids.figure(name), data=figure.to_plotly_json()),
        ]
    )


def register(app: Dash) -> None:
    """One painter for all graphs of a page."""
    app.clientside_callback(
        ClientsideFunction("headlightFigures", "paint"),
        Output(Ids.graph(MATCH), "figure"),
        Input(Ids.figure(MATCH), "data"),
    )
