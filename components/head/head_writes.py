"""What a head writes: the tokens that it makes likelier and less likely by itself, before later parts react.

The figures are those of `utils/experiments/direct_logits.py`, asked for once the page stands.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, dcc, html, no_update

from components import messages
from components.head.experiment_card import bad_link
from components.head.head_view import HeadView, view_of_search
from components.markup import aria, classes
from components.numbers import percent
from components.token_chip import token_chip
from utils.errors import UserError
from utils.numbers_in_text import signed

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.experiments.direct_logits import DirectLogits, Push
    from utils.service import Headlight

SMALLEST_BOUND = 1e-6


class Ids:
    asked = "head-writes-asked"
    content = "head-writes-content"


def layout(view: HeadView) -> html.Section:
    """The card, its figures still to come."""
    return html.Section(
        [
            html.H2("What it writes", id="writes-title"),
            html.Div(bad_link(view, "at") or placeholder(), id=Ids.content, className="writes-content"),
            dcc.Store(id=Ids.asked, data=None if "at" in view.bad else view.search),
        ],
        className="surface panel",
        **aria(labelledby="writes-title"),
    )


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div([html.Div(id=Ids.content), dcc.Store(id=Ids.asked)])


def register(app: Dash, service: Headlight) -> None:
    """The figures follow the page."""

    @app.callback(Output(Ids.content, "children"), Input(Ids.asked, "data"))
    def fill(search: str | None) -> Any:
        if search is None:
            return no_update
        view = view_of_search(service, search)
        try:
            result = service.experiments.direct_logits(
                view.question.model, view.question.prompt, view.head, view.position
            )
        except UserError as refusal:
            return [messages.error(refusal, view.question)]
        return content(view, result)


def placeholder() -> list[Component]:
    """Lines in place of a result that is late."""
    return [dbc.Placeholder(xs=width, className="skeleton-line part-line") for width in (11, 8, 9, 6, 7)]


def content(view: HeadView, result: DirectLogits) -> list[Component]:
    """Sentence, both lists, what it does with the token it looks at, and the check."""
    row = view.pattern[view.position]
    key_pos = int(row.argmax())
    key = token_chip(view.tokens[key_pos], key_pos, view.levels.main_job, "key")
    share = html.Span(percent(float(row[key_pos])), className="text-nowrap")
    largest = max(abs(push.logit) for push in (*result.up, *result.down))
    looked_at = view.tokens[key_pos].id
    lists = [_pushes(title, pushes, largest, looked_at) for title, pushes in (("up", result.up), ("down", result.down))]
    guess = result.first_guess
    return [
        html.P(
            ["Looking most at ", key, " (", share, " of its attention), it changes the next token’s scores directly:"]
        ),
        html.Div(lists, className="push-lists"),
        html.P(copy_words(view, result)),
        html.P(
            [
                "The model’s own first guess, ",
                html.Strong(html.Bdi(guess.token.word)),
                f", gets {signed(guess.logit)} from it.",
            ]
        ),
        html.P(
            f"Units: logits, above this head’s mean over all tokens. Later parts can still change the result. "
            f"{identity_words(result.identity_error)}",
            className="panel-note",
        ),
    ]


def copy_words(view: HeadView, result: DirectLogits) -> list[Any]:
    """Whether the token that the head looks at most is among those that it pushes up, by its id."""
    looked_at = view.tokens[int(view.pattern[view.position].argmax())]
    if looked_at.is_start:
        return ["It looks at the start mark, which nobody typed, so there is nothing to copy."]
    if any(push.token.id == looked_at.id for push in result.up):
        return ["It copies: it pushes up ", html.Strong(html.Bdi(looked_at.word)), ", the very token it looks at."]
    if any(push.token.id == looked_at.id for push in result.down):
        return [
            "It holds back: it pushes down ",
            html.Strong(html.Bdi(looked_at.word)),
            ", the very token it looks at.",
        ]
    return ["The token it looks at is not among those it pushes up most, so here it does not copy."]


def identity_words(error: float) -> str:
    """The check of the figures, its error rounded up: "within 0.0001"."""
    bound = 10.0 ** math.ceil(math.log10(max(error, SMALLEST_BOUND)))
    return f"All parts of the model add up to its scores within {bound:.6f}".rstrip("0") + "."


def _pushes(title: str, pushes: Sequence[Push], largest: float, looked_at: int) -> html.Div:
    heading = html.H3(f"Pushes {title}", id=f"pushes-{title}")
    rows = [_push(push, largest, push.token.id == looked_at) for push in pushes]
    return html.Div([heading, html.Ol(rows, className="push-list", **aria(labelledby=f"pushes-{title}"))])


def _push(push: Push, largest: float, is_looked_at: bool) -> html.Li:
    bar = html.Span(
        html.Span(className="push-fill", style={"--share": f"{abs(push.logit) / (largest or 1):.4f}"}),
        className="push-bar",
        **aria(hidden=True),
    )
    figure = html.Span(signed(push.logit), className="push-logit")
    row = [html.Bdi(push.token.word, className="push-token"), bar, figure]
    return html.Li(row, className=classes("push", is_looked_at and "is-looked-at"))
