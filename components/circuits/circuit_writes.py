"""What a head writes: its OV circuit on the tokens of the text, and both its copying scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import numpy as np
import plotly.graph_objects as go
from dash import dcc, html

from components.address import head_href
from components.folded_table import folded_table
from components.numbers import with_minus
from components.themed_graph import house_figure, role_colour, themed_graph
from components.token_chip import token_chip
from utils.circuits.copying import TIED, Copying, is_copied, judge_copying
from utils.circuits.jobs import CATALOGUE
from utils.circuits.own_token import text_place
from utils.heads import HeadId, Shape
from utils.measures.written import Write
from utils.numbers_in_text import signed
from utils.roles import ROLES, writing_roles

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.circuits.circuits_view import CircuitsView
    from utils.circuits.token_circuits import TokenCircuits
    from utils.experiments.direct_logits import Push
    from utils.forward_pass import ForwardPass

N_BINS = 41
PUSHES_IN_TABLE = 3
COPYING_WORDS = {
    Copying.COPIES: "mostly copies what it looks at.",
    Copying.OPPOSITE: "mostly writes the opposite of what it looks at.",
    Copying.NEITHER: "neither copies nor writes the opposite.",
}


def copying_part(
    view: CircuitsView, scores: np.ndarray, through: float | None, is_tied: bool = False
) -> list[Component]:
    """The dot plot of all copying scores, and both scores of this head. Where the model's embeddings are tied, no score
    is a verdict, and the job of copying has the word.

    Args: scores: [layer, head] in [-1, 1], of the OV circuits alone. through: that of this head from token to logits,
    None where that is not known.
    """
    own, role = float(scores[view.head]), view.jobs.main(view.head)
    rank = 1 + int((scores > own).sum())
    what = with_minus(f"{view.head} has {own:.2f}, number {rank} of {scores.size}.")
    ends = [html.Span("writes the opposite of what it sees"), html.Span("writes what it sees")]
    return [
        html.H4(f"Copying score of all {scores.size} heads", className="sub-title"),
        themed_graph("copying-scores", copying_figure(scores, view.head, role), f"Copying scores. {what}"),
        html.P(ends, className="axis-ends"),
        html.P(f"OV circuit alone. Each dot is one head. {what}", className="panel-note"),
        *(_both_scores(own, through) if through is not None else []),
        *(_tied(view) if is_tied and through is not None else [_verdict(scores, view.head, through)]),
    ]


def _verdict(scores: np.ndarray, head: HeadId, through: float | None) -> html.P:
    return html.P(copying_words(scores, head, through), className="copying-verdict")


def _tied(view: CircuitsView) -> list[Component]:
    """That a score from token to logits is no job here, and what the job itself says of this head."""
    role = next(key for key, measure in writing_roles().items() if measure.write is Write.COPY)
    href = f"{head_href(view.question.model, view.question.prompt, *view.head)}&{urlencode({'role': role})}"
    return [
        html.P(TIED, className="panel-note"),
        html.P([f"{job_words(view, role)} ", dcc.Link("See the job", href=href)], className="copying-verdict"),
    ]


def job_words(view: CircuitsView, role: str) -> str:
    """Whether a head holds a job, as the catalogue has it: "It holds the job Copying."."""
    name = ROLES[role].display_name
    if view.jobs.source != CATALOGUE:
        return f"Whether it holds the job {name} is not known yet."
    return f"It holds the job {name}." if view.jobs.has(view.head, role) else f"It does not hold the job {name}."


def copying_words(scores: np.ndarray, head: HeadId, through: float | None = None) -> str:
    """What the copying scores say of a head, in a sentence. Args: as `judge_copying`."""
    told = judge_copying(scores, head, through)
    if told is Copying.COPIES_AS_MANY:
        return "It copies, but so do many heads. What sets it apart is where it looks."
    return f"{'It' if through is None else 'Over all tokens, it'} {COPYING_WORDS[told]}"


def _both_scores(alone: float, through: float) -> list[Component]:
    """The head's two copying scores beside each other, and why they differ."""
    figures = (("Alone", alone), ("From token to logits", through))
    return [
        html.H4("Its two copying scores", className="sub-title"),
        html.Dl(
            [html.Div([html.Dt(name), html.Dd(with_minus(f"{score:.2f}"))]) for name, score in figures],
            className="rank-list",
        ),
        html.P(
            "Alone counts the head’s own directions, from stream to stream. From token to logits has embedding and "
            "unembedding around it, so only directions that stand for tokens count.",
            className="panel-note",
        ),
    ]


def pushes_part(view: CircuitsView, circuits: TokenCircuits, forward: ForwardPass) -> list[Component]:
    """What looking at one token of the text pushes up, and the same for every token."""
    place, role = text_place(forward), view.jobs.main(view.head)
    index = len(circuits.tokens) - 1
    chip = html.Span(html.Bdi(circuits.tokens[index].word), className="token-chip token-chip--key")
    ids = [token.id for token in circuits.tokens]
    if place is not None and forward.token_ids[place.key_pos] in ids:
        index = ids.index(forward.token_ids[place.key_pos])
        chip = token_chip(forward.tokens[place.key_pos], place.key_pos, role, "key")
    pushes = circuits.writes.get(index, ())
    copied = is_copied(circuits.tokens[index], pushes)
    rows = [
        [html.Bdi(circuits.tokens[source].word), *(_push(push) for push in pushed[:PUSHES_IN_TABLE])]
        for source, pushed in circuits.writes.items()
    ]
    return [
        html.P([f"{'A copy, at this token: looking' if copied else 'Looking'} at ", chip, ", it pushes up"]),
        html.Div([html.Span(_push(push), className="push-chip") for push in pushes], className="push-chips"),
        html.P(
            "In logits, before the scale of the final norm: compare them with one another only.", className="panel-note"
        ),
        folded_table(("Looking at", "pushes up", "2nd", "3rd"), rows, summary="Show all tokens"),
    ]


def copying_figure(scores: np.ndarray, head: HeadId, role: str) -> go.Figure:
    """A dot for each head by its score, -1 to 1, equal ones stacked; the head's own in its colour with its value."""
    own = Shape(*scores.shape).index(head)
    x, y = stacked(scores.ravel())
    is_own = np.arange(scores.size) == own
    top, colour = float(y.max()) + 2.2, role_colour(role)
    stalk = go.Scatter(
        x=[x[own]] * 2, y=[y[own], top], mode="lines", line={"color": colour, "width": 2}, hoverinfo="skip"
    )
    own_dot = {"color": colour, "size": 12, "line": {"color": "var(--surface)", "width": 2}}
    return house_figure(
        _dots(scores, x, y, ~is_own, {"color": "var(--off)", "size": 7, "opacity": 0.8}),
        stalk,
        _dots(scores, x, y, is_own, own_dot),
        margin=(8, 8, 26, 26),
        xaxis={"range": [-1.08, 1.08], "tickvals": [-1, 0, 1], "ticktext": ["−1", "0", "1"]},
        yaxis={"range": [-0.8, top + 1.2], "visible": False},
        annotations=[_own_label(float(x[own]), top, with_minus(f"<b>{head}: {scores[head]:.2f}</b>"))],
    )


def stacked(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of a dot plot: each value, in [-1, 1], at the middle of its bin, the n-th of a bin at height n - 1."""
    bins = np.clip(np.round((values + 1) / 2 * (N_BINS - 1)), 0, N_BINS - 1).astype(int)
    heights = np.array([int((bins[:index] == place).sum()) for index, place in enumerate(bins)])
    return bins / (N_BINS - 1) * 2 - 1, heights


def _dots(scores: np.ndarray, x: np.ndarray, y: np.ndarray, shown: np.ndarray, marker: dict[str, Any]) -> go.Scatter:
    heads = [head for head, is_shown in zip(Shape(*scores.shape).all(), shown, strict=True) if is_shown]
    return go.Scatter(
        x=x[shown],
        y=y[shown],
        customdata=[[str(head), float(scores[head])] for head in heads],
        mode="markers",
        marker=marker,
        hovertemplate="%{customdata[0]}: %{customdata[1]:.2f}<extra></extra>",
    )


def _own_label(x: float, y: float, text: str) -> dict[str, Any]:
    side = "right" if x > 0.6 else "left" if x < -0.6 else "center"
    font = {"color": "var(--ink)", "size": 14}
    return {"x": x, "y": y, "text": text, "showarrow": False, "yanchor": "bottom", "xanchor": side, "font": font}


def _push(push: Push) -> list[Any]:
    return [html.Bdi(push.token.word), f" {signed(push.logit)}"]
