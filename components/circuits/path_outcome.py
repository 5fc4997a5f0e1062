"""What the path test found: each reader's score with all heads on, with the writer off, and with other heads off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
from dash import html

from components.circuits.circuits_view import role_name
from components.folded_table import folded_table
from components.markup import aria
from components.numbers import plural
from components.score_bar import two_decimals
from components.themed_graph import house_figure, role_colour, themed_graph
from utils.experiments.path_experiment import PathExperiment, verdict

if TYPE_CHECKING:
    import numpy as np
    from dash.development.base_component import Component

    from components.circuits.circuits_view import CircuitsView


def dot_figure(test: PathExperiment) -> go.Figure:
    """A row per reader: a line with all heads on, a coloured dot with the writer off, grey dots for the controls."""
    rows = [str(head) for head in test.readers]
    colour = role_colour(test.role)
    grey = go.Scatter(
        x=test.controls.ravel(),
        y=rows * len(test.controls),
        mode="markers",
        marker={"color": "var(--off)", "size": 9, "opacity": 0.55},
        hovertemplate="%{y}: %{x:.2f} with another head off<extra></extra>",
    )
    full = go.Scatter(
        x=test.before,
        y=rows,
        mode="markers",
        marker={"symbol": "line-ns", "size": 22, "line": {"color": "var(--ink)", "width": 3}},
        hovertemplate="%{y}: %{x:.2f} with all heads on<extra></extra>",
    )
    off = go.Scatter(
        x=test.after,
        y=rows,
        mode="markers",
        marker={"color": colour, "size": 14, "line": {"color": "var(--surface)", "width": 2}},
        hovertemplate=f"%{{y}}: %{{x:.2f}} with {test.writer} off<extra></extra>",
    )
    return house_figure(
        grey,
        full,
        off,
        margin=(60, 16, 6, 34),
        xaxis={"range": [-0.03, 1.03], "dtick": 0.2, "showgrid": True, "tickfont": {"color": "var(--ink-3)"}},
        yaxis={"type": "category", "autorange": "reversed"},
    )


def outcome(test: PathExperiment, view: CircuitsView) -> list[Component]:
    """The verdict, the dot plot with its legend, and all of it as a table."""
    legend = html.P(
        [
            html.Span([html.Span(className="key-line", **aria(hidden=True)), "all heads on"]),
            html.Span([html.Span(className=f"key-dot role-{test.role}", **aria(hidden=True)), f"{test.writer} off"]),
            *([_control_key(test)] if len(test.controls) else []),
        ],
        className="legend",
    )
    n_readers = len(view.readers)
    some = f" These {len(test.readers)} of {n_readers} come first." if n_readers > len(test.readers) else ""
    note = (
        f"Across: the {role_name(test.role)} score of each reader on your text, 0 to 1.{some} "
        "Off: what the head writes is replaced by its average on other texts. One text is no law."
    )
    return [
        html.P(verdict(test), className="path-verdict"),
        themed_graph("path-test", dot_figure(test), verdict(test)),
        legend,
        html.P(note, className="panel-note"),
        _table(test),
        html.A(
            "Take the answer away", href=view.href(test=None), id="path-test-close", className="text-button in-place"
        ),
    ]


def _control_key(test: PathExperiment) -> html.Span:
    """What the grey dots are, and where those heads come from."""
    layers = test.control_layers
    words = f"one of {plural(len(test.controls), 'other head')} {layers.words} off"
    words += f", since {layers.reason}" if layers.reason else ""
    return html.Span([html.Span(className="key-dot is-grey", **aria(hidden=True)), words])


def _table(test: PathExperiment) -> html.Details:
    """The dot plot in numbers."""
    rows = [
        [str(head), two_decimals(before), two_decimals(after), _range(test.controls[:, place])]
        for place, (head, before, after) in enumerate(zip(test.readers, test.before, test.after, strict=True))
    ]
    return folded_table(("Reader", "All heads on", f"{test.writer} off", "Another head off"), rows)


def _range(scores: np.ndarray) -> str:
    if not len(scores):
        return "no other heads"
    return f"{two_decimals(float(scores.min()))} to {two_decimals(float(scores.max()))}"
