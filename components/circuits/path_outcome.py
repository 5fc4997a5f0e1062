"""What the path test found: each reader's score with all heads on, with the writer off, and with other heads off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from dash import html

from components.circuits.circuits_view import role_name
from components.folded_table import folded_table
from components.markup import aria
from components.numbers import plural
from components.score_bar import two_decimals
from components.themed_graph import house_figure, role_colour, themed_graph
from utils.heads import HeadId

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.circuits.circuits_view import CircuitsView
    from utils.circuits.composition import Fit
    from utils.experiments.later_patterns import LaterPatterns

READERS_SHOWN = 6
LEAST_SCORE = 0.2  # below it, with all heads on, there is hardly a job to lose
LEAST_DROP = 0.1
LITTLE = 4  # a random head changes little if none takes more than one part in so many
STRIPES = ("previous_token", "induction", "duplicate_token", "current_token")  # jobs that show as a diagonal stripe


@dataclass(frozen=True, eq=False)
class PathExperiment:
    """What switching one head off did to the heads that read it.

    role: the job that is scored. before, after: [reader] scores in [0, 1] with all heads on, and with the writer off;
    controls: [draw, reader], with one of `control_names` off instead. same_layer: all control heads are in the writer's
    layer.
    """

    writer: HeadId
    role: str
    readers: tuple[HeadId, ...]
    before: np.ndarray
    after: np.ndarray
    controls: np.ndarray
    control_names: tuple[str, ...]
    same_layer: bool = True

    @property
    def drop(self) -> float:
        """What the readers lose on average with the writer off."""
        return float((self.before - self.after).mean())

    @property
    def control_drops(self) -> np.ndarray:
        """[draw], the same with each control head off."""
        return np.asarray((self.before - self.controls).mean(axis=-1))

    @property
    def is_clear(self) -> bool:
        """Whether the readers lose more than without any control head, and enough to see."""
        return self.drop >= LEAST_DROP and bool((self.drop > self.control_drops).all())


def path_experiment(result: LaterPatterns, role: str, readers: list[Fit]) -> PathExperiment:
    """The figures of the readers with the best fits. readers: at least one, best first."""
    heads = tuple(fit.reader for fit in readers[:READERS_SHOWN])
    (writer,) = result.after.heads

    def scores(matrix: np.ndarray) -> np.ndarray:
        return np.array([matrix[head] for head in heads])

    controls = np.array([scores(control.scores[role]) for control in result.controls]).reshape(-1, len(heads))
    return PathExperiment(
        writer=writer,
        role=role,
        readers=heads,
        before=scores(result.before_scores[role]),
        after=scores(result.after.scores[role]),
        controls=controls,
        control_names=tuple(" and ".join(map(str, control.heads)) for control in result.controls),
        same_layer=all(head.layer == writer.layer for control in result.controls for head in control.heads),
    )


def verdict(test: PathExperiment) -> str:
    """One sentence, and only as much as was measured on this text."""
    readers = f"{role_name(test.role)} heads"
    shape = "stripe" if test.role in STRIPES else "score"
    n_controls = len(test.controls)
    if test.before.mean() < LEAST_SCORE:
        return f"On this text the {readers} hardly do their job even with all heads on, so nothing can be said."
    if not n_controls:
        fall = f"Without {test.writer} their average score falls by {test.drop:.2f}"
        return f"{fall}, but there is no other head to compare with."
    if test.is_clear:
        others = plural(n_controls, "other head")
        if test.after.mean() > test.before.mean() / 2:
            return f"Without {test.writer} the {readers} lose some of their {shape}, more than without any of {others}."
        lost = f"Without {test.writer} the {readers} lose most of their {shape}"
        if test.control_drops.max() <= test.drop / LITTLE:
            return f"{lost}; a random head changes little."
        return f"{lost}; none of {others} takes as much. {_strongest_control(test)}"
    if test.drop >= LEAST_DROP:
        n_as_much = int((test.control_drops >= test.drop).sum())
        return (
            f"Without {test.writer} the {readers} lose part of their {shape}, "
            f"but {n_as_much} of {plural(n_controls, 'other head')} {'takes' if n_as_much == 1 else 'take'} as much."
        )
    return f"{test.writer} hardly matters here. Other heads may do its work."


def _strongest_control(test: PathExperiment) -> str:
    """How much of the readers' average score the strongest control head takes, beside the writer."""
    most = int(test.control_drops.argmax())
    taken = f"{test.control_names[most]}, takes {test.control_drops[most]:.2f} of {test.before.mean():.2f}"
    return f"The strongest of them, {taken} on average; {test.writer} takes {test.drop:.2f}."


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
    where = f"of layer {test.writer.layer}" if test.same_layer else "of all layers"
    legend = html.P(
        [
            html.Span([html.Span(className="key-line", **aria(hidden=True)), "all heads on"]),
            html.Span([html.Span(className=f"key-dot role-{test.role}", **aria(hidden=True)), f"{test.writer} off"]),
            html.Span(
                [
                    html.Span(className="key-dot is-grey", **aria(hidden=True)),
                    f"one of {plural(len(test.controls), 'other head')} {where} off",
                ]
            ),
        ],
        className="legend",
    )
    n_readers = len(view.readers)
    some = f" These {len(test.readers)} of {n_readers} fit best." if n_readers > len(test.readers) else ""
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
