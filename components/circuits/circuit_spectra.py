"""How many directions a head's circuits use, and how the head looks by position alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from dash import html

from components.numbers import plural
from components.themed_graph import house_figure, themed_graph

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.circuits.head_circuits import HeadCircuits

LINE_AXIS = {"showgrid": True, "tickfont": {"size": 11, "color": "var(--ink-3)"}, "nticks": 5}
MARGIN = (38, 8, 6, 26)


def layout(circuits: HeadCircuits) -> list[Component]:
    """Effective ranks, the singular values folded away, and the kernel where there is one; all of it to be opened."""
    n = len(circuits.qk_singular_values)
    ranks = (("QK, what it looks for", circuits.qk_effective_rank), ("OV, what it writes", circuits.ov_effective_rank))
    figures = [(name, f"{rank:.1f} of {n}") for name, rank in ranks]
    values = html.Details(
        [
            html.Summary("Show singular values", className="text-button"),
            themed_graph("singular", singular_figure(circuits), f"Singular values of {circuits.head}"),
            html.P("Largest first, as a share of the largest. Solid: QK. Dotted: OV.", className="panel-note"),
        ]
    )
    parts: list[Component] = [
        html.H4("How many directions", className="sub-title"),
        html.P("Effective rank: how many directions a circuit really uses."),
        html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in figures], className="rank-list"),
        values,
        *_kernel(circuits),
    ]
    summary = "How many directions" if circuits.positional_kernel is None else "How many directions, and position alone"
    return [html.Details([html.Summary(summary, className="text-button"), *parts])]


def singular_figure(circuits: HeadCircuits) -> go.Figure:
    """Both circuits' singular values, each divided by its largest."""
    lines = [
        _line(values / max(float(values.max()), 1e-12), f"{name} %{{x}}: %{{y:.2f}}", dash)
        for name, values, dash in (
            ("QK", circuits.qk_singular_values, "solid"),
            ("OV", circuits.ov_singular_values, "dot"),
        )
    ]
    return house_figure(*lines, margin=MARGIN, xaxis=LINE_AXIS, yaxis={**LINE_AXIS, "range": [0, 1.05]})


def _kernel(circuits: HeadCircuits) -> list[Component]:
    """The score by distance alone; nothing where positions are not learned."""
    kernel = circuits.positional_kernel
    if kernel is None:
        return []
    best = int(np.argmax(kernel))
    where = "at its own place" if best == 0 else f"{plural(best, 'token')} back"
    figure = house_figure(
        _line(np.asarray(kernel), "%{x} back: %{y:.1f}", "solid"), margin=MARGIN, xaxis=LINE_AXIS, yaxis=LINE_AXIS
    )
    caption = f"Across: tokens back. Up: attention score from the positions by themselves. Highest {where}. "
    return [
        html.H4("By position alone", className="sub-title"),
        themed_graph("kernel", figure, f"By position alone it looks most {where}."),
        html.P(caption + circuits.position_note, className="panel-note"),
    ]


def _line(values: np.ndarray, hover: str, dash: str) -> go.Scatter:
    line: dict[str, Any] = {"color": "var(--ink)", "width": 2, "dash": dash}
    return go.Scatter(y=values, mode="lines", line=line, hovertemplate=f"{hover}<extra></extra>")
