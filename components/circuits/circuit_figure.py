"""The plots of the circuits page: one house layout around what `themed_graph.py` paints in the theme's colours."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from dash import html

from components.themed_graph import FONT, themed_graph
from utils.roles import OTHER

HIDDEN_AXIS = {
    "showgrid": False,
    "zeroline": False,
    "showline": False,
    "ticks": "",
    "showticklabels": False,
    "fixedrange": True,
}


def drawn(name: str, figure: go.Figure, label: str) -> html.Div:
    """A plot on the page. name: the class `figure-NAME` gives it its size; label: what it shows, in one sentence."""
    return html.Div(themed_graph(name, figure, label), className=f"circuit-figure figure-{name}")


def house_figure(*traces: Any, margin: tuple[int, int, int, int] = (0, 0, 0, 0), **layout: Any) -> go.Figure:
    """A figure in the house layout. margin: left, right, top, bottom, in pixels."""
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
    return go.Figure(list(traces), layout=house | layout)


def role_colour(role: str) -> str:
    """The colour of a role; ink for a head without one."""
    return f"var(--role-{role}, var(--ink-2))" if role != OTHER else "var(--ink-2)"
