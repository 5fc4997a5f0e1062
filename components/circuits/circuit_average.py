"""Where a head looks on average over the catalogue's texts, measured after the page is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from dash import Dash, Input, Output, dcc, html

from components.numbers import plural
from components.themed_graph import house_figure, themed_graph
from utils.errors import UserError
from utils.heads import HeadId

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.circuits.circuits_view import CircuitsView
    from utils.service import Headlight

POSITION_STEP = 5


class Ids:
    ask = "circuits-average-ask"
    answer = "circuits-average"


def layout(view: CircuitsView) -> list[Component]:
    """A place for the pattern."""
    waiting = html.P("Reading the catalogue’s texts …", className="waiting")
    return [
        dcc.Store(id=Ids.ask, data={"model": view.question.model, "head": str(view.head)}),
        html.Div(waiting, id=Ids.answer, className="average-body"),
    ]


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div([dcc.Store(id=Ids.ask), html.Div(id=Ids.answer)])


def register(app: Dash, service: Headlight) -> None:
    """Fill the place."""

    @app.callback(Output(Ids.answer, "children"), Input(Ids.ask, "data"))
    def measure(asked: dict[str, str] | None) -> Any:
        return answer(service, asked["model"], HeadId.parse(asked["head"])) if asked else None


def answer(service: Headlight, model: str, head: HeadId) -> list[Component]:
    """The pattern as a small heatmap, or the sentence that says why there is none."""
    try:
        average = service.circuits.average_pattern(model, head)
    except UserError as refusal:
        return [html.P(f"{refusal.sentence} {refusal.hint}")]
    n = len(average.pattern)
    figure = average_figure(average.pattern)
    start = " Position 0 is the start mark." if average.has_start_mark else ""
    caption = (
        f"The mean over {plural(average.n_texts, 'text')}, 0 to 100 % of its attention. Side: the position that reads."
    )
    return [
        themed_graph("average", figure, f"Mean attention of {head} at the first {n} positions"),
        html.P(caption + start, className="panel-note"),
    ]


def average_figure(pattern: np.ndarray) -> go.Figure:
    """A heatmap of a causal pattern [query_pos, key_pos], 0 to 1; the half that cannot be seen stays empty."""
    n = len(pattern)
    seen = np.where(np.tri(n, dtype=bool), pattern, np.nan).astype(np.float32)
    axis = {"tickvals": list(range(0, n, POSITION_STEP))}
    heatmap = go.Heatmap(
        z=seen,
        zmin=0,
        zmax=1,
        xgap=1,
        ygap=1,
        colorscale=[[0, "var(--sunk)"], [1, "var(--ink)"]],
        showscale=False,
        hoverongaps=False,
        hovertemplate="position %{y} at position %{x}: %{z:.0%}<extra></extra>",
    )
    return house_figure(
        heatmap, margin=(30, 8, 26, 4), xaxis={**axis, "side": "top"}, yaxis={**axis, "autorange": "reversed"}
    )
