"""Two models along their training: a solid line for two layers, a dashed one for one layer, no colours of roles.

The shaded steps are the measured phase change (`utils.toy.dynamics.phase_change`), never drawn by eye.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from components.themed_graph import house_figure, ticks

LEFT, RIGHT, TOP, BOTTOM = 40, 24, 26, 44
SOLID = {"color": "var(--ink)", "width": 2.5}
DASHED = {"color": "var(--off)", "width": 2, "dash": "5px,3px"}
LABEL_AWAY = 15  # pixels from a line's end to its name


@dataclass(frozen=True)
class Line:
    """One model's values at the kept steps. is_main: the model with two layers, drawn solid."""

    name: str
    values: np.ndarray
    is_main: bool

    @property
    def last(self) -> float:
        return float(self.values[-1])


def training_figure(
    lines: Sequence[Line],
    steps: Sequence[int],
    top: float,
    *,
    change: tuple[int, int] | None,
    chance: float | None = None,
    name_below: bool = False,
) -> go.Figure:
    """Two lines along the training steps.

    Args: top: of the value axis. change: the steps to shade, first and last. chance: the score of an even head.
    name_below: the name of the higher line stands below it.
    """
    title = {"text": "training step", "standoff": 6}
    return house_figure(
        *(_trace(line, steps) for line in sorted(lines, key=lambda line: line.is_main)),
        margin=(LEFT, RIGHT, TOP, BOTTOM),
        hovermode="x",
        xaxis={"range": [steps[0], steps[-1]], "title": title, **_step_ticks(steps)},
        yaxis={"range": [0, top], "showgrid": True, "nticks": 6},
        shapes=[*_band(change), *_chance_line(chance)],
        annotations=[*_band_name(change), *_names(lines, steps, name_below), *_chance_name(chance, steps)],
    )


def _step_ticks(steps: Sequence[int]) -> dict[str, Any]:
    places = ticks(steps[0], steps[-1])
    return {"tickvals": places, "ticktext": [f"{place:,.0f}" for place in places]}


def _trace(line: Line, steps: Sequence[int]) -> go.Scatter:
    return go.Scatter(
        x=np.asarray(steps),
        y=line.values,
        name=line.name,
        mode="lines",
        line=SOLID if line.is_main else DASHED,
        hovertemplate=f"{line.name}: %{{y:.2f}}<extra></extra>",
        cliponaxis=False,
    )


def _band(change: tuple[int, int] | None) -> list[dict[str, Any]]:
    if change is None:
        return []
    ends = {"x0": change[0], "x1": change[1], "xref": "x", "yref": "paper", "y0": 0, "y1": 1}
    return [{"type": "rect", **ends, "fillcolor": "var(--track)", "line": {"width": 0}, "layer": "below"}]


def _band_name(change: tuple[int, int] | None) -> list[dict[str, Any]]:
    if change is None:
        return []
    at = {"x": (change[0] + change[1]) / 2, "y": 1, "yref": "paper", "yanchor": "bottom"}
    return [{**at, "text": "<b>phase change</b>", "showarrow": False}]


def _chance_line(chance: float | None) -> list[dict[str, Any]]:
    if chance is None:
        return []
    ends = {"x0": 0, "x1": 1, "xref": "paper", "y0": chance, "y1": chance, "layer": "below"}
    return [{"type": "line", **ends, "line": {"color": "var(--ink)", "width": 1}}]


def _chance_name(chance: float | None, steps: Sequence[int]) -> list[dict[str, Any]]:
    if chance is None:
        return []
    at = {"x": steps[0], "y": chance, "xanchor": "left", "yanchor": "bottom", "xshift": 4}
    return [{**at, "text": "chance", "showarrow": False, "font": {"size": 12}}]


def _names(lines: Sequence[Line], steps: Sequence[int], name_below: bool) -> list[dict[str, Any]]:
    """The name of each line at its end, with its last value."""
    highest = max(line.last for line in lines)
    return [
        {
            "x": steps[-1],
            "y": line.last,
            "text": f"<b>{line.name}: {line.last:.2f}</b>" if line.is_main else f"{line.name}: {line.last:.2f}",
            "showarrow": False,
            "xanchor": "right",
            "yshift": -LABEL_AWAY if name_below and line.last == highest else LABEL_AWAY,
            "font": {"color": "var(--ink)" if line.is_main else "var(--ink-2)"},
        }
        for line in lines
    ]
