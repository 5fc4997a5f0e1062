"""What a head looks for: its QK circuit on the tokens of the text, alone or through an earlier head.

Tokens stand for themselves here, without position and context.
"""

from __future__ import annotations

import html as html_text
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from dash import html

from components.circuits.circuits_view import ALONE, THROUGH
from components.folded_table import folded_table
from components.numbers import plural
from components.switch import switch
from components.themed_graph import house_figure, role_colour, themed_graph
from components.token_chip import token_chip
from utils.circuits.own_token import Place, diagonal_share, looks_for_own_token, text_place
from utils.numbers_in_text import signed

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.circuits.circuits_view import CircuitsView
    from utils.circuits.token_circuits import TokenCircuits
    from utils.forward_pass import ForwardPass
    from utils.tokens import Token

LABEL_CHARACTERS = 9
LABEL_CHARACTER_PX = 7.5
BEST_SHOWN = 3


class Ids:
    looks = "circuits-looks"


def layout(view: CircuitsView, circuits: TokenCircuits, forward: ForwardPass) -> list[Component]:
    """The plot, what its diagonal says, and its table."""
    label = (
        f"What {view.head} looks for, on {plural(len(circuits.tokens), 'token')} of the text; the table holds the best."
    )
    figure = themed_graph("looks", looks_figure(circuits, view.jobs.main(view.head)), label)
    left_out = f"The first {len(circuits.tokens)} different tokens. " if circuits.n_left_out else ""
    each = "QK circuit on the tokens of your text, each by itself."
    caption = f"{left_out}{each} The stronger the colour, the better the match, before softmax."
    return [
        html.P(["Side: the token it stands on. Top: ", *_top_words(view, circuits)]),
        html.Div([figure, html.Div(_notes(view, circuits, forward), className="looks-notes")], className="looks-body"),
        html.P(caption, className="panel-note"),
        _table(circuits),
    ]


def looks_switch(view: CircuitsView) -> html.Div:
    """Alone, or through the best earlier head."""
    ways = {ALONE: "Alone", THROUGH: f"Through {view.through}"}
    chosen = ALONE if view.is_alone else THROUGH
    return switch(Ids.looks, ways, chosen, "What it looks for, alone or through an earlier head")


def looks_figure(circuits: TokenCircuits, role: str) -> go.Figure:
    """A row for each token that the head may stand on, coloured where it matches better than the row's average."""
    words = [_label(token) for token in circuits.tokens]
    axis = {
        "tickvals": list(range(len(words))),
        "ticktext": words,
        "tickfont": {"size": 13 if len(words) <= 14 else 11, "color": "var(--ink)"},
    }
    heatmap = go.Heatmap(
        z=np.asarray(circuits.looks_for, dtype=np.float32),
        zmin=0,
        zmax=max(float(circuits.looks_for.max()), 1e-6),
        xgap=2,
        ygap=2,
        colorscale=[[0, "var(--sunk)"], [1, role_colour(role)]],
        showscale=False,
        customdata=[[[row, column] for column in words] for row in words],
        hovertemplate="%{customdata[0]} for %{customdata[1]}: %{z:+.1f}<extra></extra>",
    )
    left = 14 + round(LABEL_CHARACTER_PX * max(len(word) for word in words))
    return house_figure(
        heatmap,
        margin=(left, 12, 62, 4),
        xaxis={**axis, "side": "top", "tickangle": -45},
        yaxis={**axis, "autorange": "reversed"},
    )


def _top_words(view: CircuitsView, circuits: TokenCircuits) -> list[Any]:
    if circuits.through is None:
        return ["the token it might look at."]
    if _looks_back(view):
        return ["the token ", html.Strong("before"), " the place it might look at."]
    return [f"the token that {circuits.through} found for the place it might look at."]


def _looks_back(view: CircuitsView) -> bool:
    """Whether the earlier head writes down the token before a place."""
    return view.through is not None and view.jobs.notes_token_before(view.through)


def _notes(view: CircuitsView, circuits: TokenCircuits, forward: ForwardPass) -> list[Component]:
    """What the diagonal says, only where it is there, with a place in the student's own text."""
    if not looks_for_own_token(circuits.looks_for):
        n, share = len(circuits.tokens), diagonal_share(circuits.looks_for)
        return [html.P(f"In {round(share * n)} of {n} rows the best match is the token itself.")]
    if circuits.through is None:
        return [html.P([html.Strong("The diagonal: "), "it looks for places that hold its own token."])]
    if not _looks_back(view):
        return [
            html.P([html.Strong("The diagonal: "), f"it looks for places where {circuits.through} found its token."])
        ]
    rule = html.P([html.Strong("The diagonal is induction. "), "It looks for a place that follows its own token."])
    place = text_place(forward)
    return [rule] if place is None else [rule, _place_sentence(view, place, forward.tokens)]


def _place_sentence(view: CircuitsView, place: Place, tokens: tuple[Token, ...]) -> html.P:
    role = view.jobs.main(view.head)
    before = place.key_pos - 1
    return html.P(
        [
            "At ",
            token_chip(tokens[place.query_pos], place.query_pos, role, "query"),
            " it looks for a place after ",
            token_chip(tokens[before], before, role, "copy"),
            ". In your text that is ",
            token_chip(tokens[place.key_pos], place.key_pos, role, "key"),
            ".",
        ]
    )


def _table(circuits: TokenCircuits) -> html.Details:
    """For each token the three that it matches best."""
    rows = []
    for token, scores in zip(circuits.tokens, circuits.looks_for, strict=True):
        best = np.argsort(-scores, kind="stable")[:BEST_SHOWN].tolist()
        cells = [[html.Bdi(circuits.tokens[key].word), f" {signed(float(scores[key]))}"] for key in best]
        rows.append([html.Bdi(token.word), *cells])
    return folded_table(("Token", "Looks most for", "2nd most", "3rd most"), rows)


def _label(token: Token) -> str:
    """A token as an axis label, escaped: Plotly reads its text as markup."""
    word = token.word
    return html_text.escape(word if len(word) <= LABEL_CHARACTERS else f"{word[: LABEL_CHARACTERS - 1]}…")
