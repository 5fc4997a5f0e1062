"""The dot plot of an experiment: one line with all heads on, one point with the heads off, and grey points for control.

The axis runs along what is measured; height means nothing, points that would cover each other are stacked. Random
heads that change as much are seen at once, as grey points as far from the line.
"""

from __future__ import annotations

import html as html_text
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from components.numbers import percent, with_minus
from components.themed_graph import house_figure, role_colour, ticks

POINT_WIDTH = 0.03  # of the axis: points closer than this are stacked
PILE_TOP, POINT_AT, POINT_LABEL_AT, LINE_TOP, LINE_LABEL_AT, TOP = 5.2, 6.6, 7.9, 8.9, 9.4, 10.2
EDGE_SHARE = 0.22  # labels this close to an end are written away from it
MARGIN_SHARE = 0.08


@dataclass(frozen=True)
class DotPlot:
    """What is drawn.

    Args: before, after: with all heads on, and with the chosen ones off. controls: name and value of each draw. role:
    gives the colour. off_name: the chosen heads, as `L2H3`. title: of the axis. is_share: values are shares of 1,
    written as percents; others are written with two decimals. least_span: the axis shows at least so much, or chance
    differences would look large.
    """

    before: float
    after: float
    controls: tuple[tuple[str, float], ...]
    role: str
    off_name: str
    title: str
    is_share: bool
    least_span: float

    def figure_text(self, value: float) -> str:
        """A value as the plot writes it: `58 %`, `0.42`."""
        return percent(value) if self.is_share else with_minus(f"{value:.2f}")


def dot_plot_figure(plot: DotPlot) -> go.Figure:
    """The figure; its colours are CSS variables."""
    low, high = axis_range(plot)
    colour = role_colour(plot.role)
    return house_figure(
        _control_points(plot, high - low),
        _point(plot, colour),
        margin=(16, 16, 4, 48),
        xaxis=_axis(plot, low, high),
        yaxis={"visible": False, "range": [0, TOP]},
        shapes=[_line(plot.before)],
        annotations=[*_arrow(plot, colour, high - low), *_labels(plot, low, high)],
    )


def axis_range(plot: DotPlot) -> tuple[float, float]:
    """Where the axis begins and ends: all points with some room, at least `least_span`, no share outside 0 to 1."""
    values = (plot.before, plot.after, *(value for _name, value in plot.controls))
    low, high = min(values), max(values)
    room = max(MARGIN_SHARE * (high - low), (plot.least_span - (high - low)) / 2)
    low, high = low - room, high + room
    if not plot.is_share:
        return low, high
    low = max(low, 0.0)
    high = min(max(high, low + plot.least_span), 1.0)
    return min(low, high - plot.least_span), high


def stacked(values: Sequence[float], width: float) -> list[int]:
    """The level, from 0, at which each point lies so that none covers another on its level.

    Args: width: of a point, in the unit of the values. Example: two equal values lie on levels 0 and 1.
    """
    levels = [0] * len(values)
    last: list[float] = []  # the last value on each level
    for index in sorted(range(len(values)), key=lambda each: values[each]):
        free = (level for level, value in enumerate(last) if values[index] - value >= width)
        level = next(free, len(last))
        last[level : level + 1] = [values[index]]
        levels[index] = level
    return levels


def _control_points(plot: DotPlot, span: float) -> go.Scatter:
    values = [value for _name, value in plot.controls]
    levels = stacked(values, POINT_WIDTH * span)
    step = min(1.0, PILE_TOP / (1 + max(levels, default=0)))
    return go.Scatter(
        x=values,
        y=[0.6 + step * level for level in levels],
        mode="markers",
        marker={"size": 11, "color": "var(--off)", "line": {"width": 1, "color": "var(--surface)"}},
        hovertext=[f"{name} off: {plot.figure_text(value)}" for name, value in plot.controls],
        hoverinfo="text",
        cliponaxis=False,
    )


def _point(plot: DotPlot, colour: str) -> go.Scatter:
    return go.Scatter(
        x=[plot.after],
        y=[POINT_AT],
        mode="markers",
        marker={"size": 17, "color": colour},
        hovertext=[f"{plot.off_name} off: {plot.figure_text(plot.after)}"],
        hoverinfo="text",
        cliponaxis=False,
    )


def _axis(plot: DotPlot, low: float, high: float) -> dict[str, Any]:
    places = ticks(low, high)
    decimals = 0 if high - low > 0.04 else 1
    texts = [percent(place, decimals) if plot.is_share else with_minus(f"{place:g}") for place in places]
    return {
        "range": [low, high],
        "tickvals": places,
        "ticktext": texts,
        "title": {"text": html_text.escape(plot.title), "font": {"size": 13, "color": "var(--ink-2)"}, "standoff": 8},
        "showgrid": True,
        "tickfont": {"color": "var(--ink-2)"},
        "ticklabeloverflow": "allow",
    }


def _line(before: float) -> dict[str, Any]:
    line = {"color": "var(--ink)", "width": 2}
    return {"type": "line", "x0": before, "x1": before, "y0": 0, "y1": LINE_TOP, "line": line, "layer": "below"}


def _arrow(plot: DotPlot, colour: str, span: float) -> list[dict[str, Any]]:
    """From the line to the point, where they are far enough apart for one."""
    if abs(plot.after - plot.before) < 2 * POINT_WIDTH * span:
        return []
    towards_line = POINT_WIDTH * span * (1 if plot.before > plot.after else -1)
    ends = {"x": plot.after + towards_line, "y": POINT_AT, "ax": plot.before, "ay": POINT_AT}
    axes = {"xref": "x", "yref": "y", "axref": "x", "ayref": "y"}
    return [{**ends, **axes, "text": "", "showarrow": True, "arrowhead": 2, "arrowwidth": 2, "arrowcolor": colour}]


def _labels(plot: DotPlot, low: float, high: float) -> list[dict[str, Any]]:
    texts = (
        (plot.after, POINT_LABEL_AT, f"{plot.off_name} off: {plot.figure_text(plot.after)}"),
        (plot.before, LINE_LABEL_AT, f"all heads on: {plot.figure_text(plot.before)}"),
    )
    return [
        {
            "x": value,
            "y": height,
            "text": f"<b>{html_text.escape(text)}</b>",
            "showarrow": False,
            "xanchor": _anchor((value - low) / (high - low)),
            "bgcolor": "var(--surface)",
            "borderpad": 1,
        }
        for value, height, text in texts
    ]


def _anchor(share: float) -> str:
    """Which end of a label stands at its point, so that it stays inside the plot."""
    return "left" if share < EDGE_SHARE else "right" if share > 1 - EDGE_SHARE else "center"
