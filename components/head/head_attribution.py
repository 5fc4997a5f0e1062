"""Which tokens the guess leans on: each token of the text with what it adds to the first guess.

Two treatments of ink and no colour: filled makes the guess likelier, outlined less likely; the shade is the size.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from dash import Dash, html

from components import run_line
from components.folded_table import folded_table
from components.head import experiment_card
from components.head.experiment_card import Answer, CardIds, Children, chip_at
from components.head.head_evidence import isolated
from components.markup import aria, classes, data
from components.numbers import percent, with_minus
from components.token_chip import token_chip
from utils.experiments.runs import Kind

if TYPE_CHECKING:
    from components.head.head_view import HeadView
    from utils.experiments.token_attribution import TokenAttribution
    from utils.service import Headlight

Ids = CardIds("attribution")
Line = run_line.RunIds("attribution")
MOST_ROWS = 24
PRESS = "Trace the guess"
CARELESS_ERROR = 0.05  # share of all contributions from which the numbers are only a hint
BASELINE = (
    "Compared with the same text made of average tokens: each typed token is replaced by the mean of all the model’s "
    "embeddings. Another comparison would give other numbers."
)
UNIT = "One nat makes the guess 2.7 times likelier."


def layout(view: HeadView) -> html.Section:
    """The card before its press."""
    lead = ["How much does each token add to the first guess after ", chip_at(view), ", through all heads together?"]
    asked = run_line.question(Kind.ATTRIBUTION, view.question, view.search, position=view.position)
    return experiment_card.card(Ids, "Which tokens the guess leans on", lead, PRESS, run_line.layout(Line, asked))


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div([experiment_card.skeleton(Ids), run_line.layout(Line)])


def register(app: Dash, service: Headlight) -> None:
    """One press; it takes about as long as reading the text a hundred times."""

    def draw(view: HeadView, result: TokenAttribution) -> Answer:
        return answer(view, result), evidence(view, result)

    experiment_card.register_run(app, service, Ids, draw)


def answer(view: HeadView, result: TokenAttribution) -> Children:
    """The token that adds most, and what all add together."""
    best = int(result.contributions.argmax())
    guess = html.Bdi(result.first_guess.token.word, className="guess-name")
    if result.contributions[best] <= 0:
        return ["No token makes ", guess, " likelier than average tokens would."]
    most = [token_chip(view.tokens[best], best), " adds most to ", guess, f": {nats(result.contributions[best])}. "]
    return [*most, f"After all tokens together ({nats(result.gain)}) it is {times(result.gain)} after average tokens."]


def nats(value: float) -> str:
    """Example: `+3.81 nats`; a true minus sign."""
    return with_minus(f"{value:+.2f} nats")


def times(gain: float) -> str:
    """A gain in nats as a factor: 8.07 gives "3,200 times likelier than", -0.7 "2.0 times less likely than"."""
    if abs(gain) < math.log(1.05):
        return "about as likely as"
    words = "likelier than" if gain > 0 else "less likely than"
    if abs(gain) > math.log(1e6):
        return f"over a million times {words}"
    factor = math.exp(abs(gain))
    digits = 1 if factor < 10 else 0
    rounded = factor if factor < 100 else round(factor, 1 - int(math.log10(factor)))
    return f"{rounded:,.{digits}f} times {words}"


def completeness(result: TokenAttribution) -> str:
    """Whether the parts add up to the whole, in words and numbers."""
    total = float(result.contributions.sum())
    sums = f"The tokens’ shares add up to {nats(total)}; the whole text really gains {nats(result.gain)}."
    size = f"{abs(result.completeness_error):.2f} nats, {percent(result.relative_error, decimals=1)} of all shares"
    if result.relative_error > CARELESS_ERROR:
        return f"{sums} They miss by {size}, even in {result.n_steps} steps, so on this text they settle nothing."
    return f"{sums} What is lost by counting in {result.n_steps} steps: {size}."


def evidence(view: HeadView, result: TokenAttribution) -> Children:
    """The text in chips, how to read them, and all numbers as a table."""
    largest = float(np.abs(result.contributions).max()) or 1.0
    chips = [_chip(view, at, float(value), largest) for at, value in enumerate(result.contributions)]
    legend = [
        html.Span([html.Span(className="share-key share-key--up", **aria(hidden=True)), "makes it likelier"]),
        html.Span([html.Span(className="share-key share-key--down", **aria(hidden=True)), "makes it less likely"]),
    ]
    return [
        html.Ol(chips, className="share-chips"),
        html.P(legend, className="legend"),
        html.P(_method(view), className="panel-note"),
        html.P(completeness(result), className="panel-note"),
        _table(view, result),
    ]


def _method(view: HeadView) -> str:
    start = " The start mark stays as it is, so it gets nothing." if view.tokens[0].is_start else ""
    return f"{BASELINE}{start} Integrated gradients of the log-probability. {UNIT}"


def _chip(view: HeadView, at: int, value: float, largest: float) -> html.Li:
    kind = "share-chip--none" if value == 0 else "share-chip--up" if value > 0 else "share-chip--down"
    return html.Li(
        view.tokens[at].word,
        className=classes("share-chip", kind, abs(value) > largest / 2 and "is-strong"),
        style={"--share": f"{abs(value) / largest:.3f}"},
        title=nats(value),
        **data(at=at),
    )


def _table(view: HeadView, result: TokenAttribution) -> html.Details:
    """The tokens that weigh most, strongest first; with hundreds of rows Dash would stop the browser for seconds."""
    order = np.argsort(-np.abs(result.contributions), kind="stable").tolist()[:MOST_ROWS]
    rows = [(f"{isolated(view.tokens[at].word)} ({at})", nats(float(result.contributions[at]))) for at in order]
    n = len(result.contributions)
    summary = "Show as table" if n <= MOST_ROWS else f"Show the {MOST_ROWS} that weigh most as a table"
    return folded_table(("Token", "Adds to the guess"), rows, summary=summary)
