"""Ordinary text without this head: whether the model misses it where nothing is said twice. Measured on a press."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import Dash, html

from components import run_line
from components.cause_words import rise
from components.head import experiment_card
from components.head.experiment_card import Answer, CardIds, Children
from utils.experiments.runs import Kind

if TYPE_CHECKING:
    from components.head.head_view import HeadView
    from utils.experiments.natural_rise import NaturalRise
    from utils.service import Headlight

Ids = CardIds("natural")
Line = run_line.RunIds("natural")
PRESS = "Try ordinary text"
CAUTION = (
    "One head at a time: what another head can stand in for looks unimportant, and so few sentences cannot tell a "
    "small rise from chance."
)


def layout(view: HeadView) -> html.Section:
    """The card before its press."""
    lead: Children = [
        f"Does the model miss {view.head} on ordinary sentences? It reads its test sentences with this head on, and "
        "again with the head replaced by its average. Your text plays no part."
    ]
    asked = run_line.question(Kind.NATURAL, view.question, view.search, heads=(tuple(view.head),))
    return experiment_card.card(Ids, "Ordinary text without it", lead, PRESS, run_line.layout(Line, asked))


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div([experiment_card.skeleton(Ids), run_line.layout(Line)])


def register(app: Dash, service: Headlight) -> None:
    """One press; it takes as long as reading all test sentences a few times."""

    def draw(_view: HeadView, result: NaturalRise) -> Answer:
        return answer(result), evidence(result)

    experiment_card.register_run(app, service, Ids, draw)


def answer(result: NaturalRise) -> Children:
    """The rise with its error where it can be told from chance, else that it cannot."""
    if not result.is_sure:
        return [f"Without {result.head} no change of the loss on ordinary text can be told from chance."]
    verb = "rises" if result.rise > 0 else "falls"
    return [
        f"Without {result.head} the loss on ordinary text {verb} by {rise(abs(result.rise), result.standard_error)} "
        "nats per token."
    ]


def evidence(result: NaturalRise) -> Children:
    """What was read, and how far the answer goes."""
    read = (
        f"{result.n_texts} test sentences, {result.n_tokens:,} tokens to foresee. With all heads on a token costs "
        f"{result.before:.2f} nats."
    )
    return [html.P(read, className="panel-note"), html.P(CAUTION, className="panel-note")]
