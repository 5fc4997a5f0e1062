"""The logit lens: what the model would say after each layer, at every token of the text.

A row for each layer, the embedding first, a column for each token. A cell has the first guess, and its probability as
a number and as a shade of ink. The last row is the model's own answer. A cell is one element, its probability written
by CSS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dash import ClientsideFunction, Dash, Input, Output, html

from components import run_line
from components.head import experiment_card
from components.head.experiment_card import Answer, CardIds, Children, chip_at
from components.markup import aria, classes, data
from components.numbers import percent
from components.plain import plain
from utils.experiments.runs import Kind

if TYPE_CHECKING:
    from components.head.head_view import HeadView
    from utils.experiments.logit_lens import LogitLens
    from utils.service import Headlight

Ids = CardIds("lens")
Line = run_line.RunIds("lens")
PRESS = "Read every layer"
MOST_COLUMNS = 40
CAUTION = (
    "The stronger the shade, the more probable. The embedding knows nothing but its own token. Early layers were never "
    "trained to be read like this, so a strange guess there is no fault."
)


@dataclass(frozen=True)
class Settling:
    """layer: after which the first guess is the final one and stays it, -1 for the embedding. prob: it has there."""

    layer: int
    prob: float


def layout(view: HeadView) -> html.Section:
    """The card before its press."""
    lead = [
        "What would the model say if it stopped after a layer? Each column asks its token for the next one; that of ",
        chip_at(view),
        " is marked.",
    ]
    line = run_line.layout(Line, run_line.question(Kind.LENS, view.question, view.search))
    return experiment_card.card(Ids, "The guess, layer by layer", lead, PRESS, line)


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div([experiment_card.skeleton(Ids), run_line.layout(Line)])


def register(app: Dash, service: Headlight) -> None:
    """One press, one pass; then the browser brings the marked column into view (assets/lens.js)."""

    def draw(view: HeadView, lens: LogitLens) -> Answer:
        return answer(view, lens), [strip(view, lens)]

    experiment_card.register_run(app, service, Ids, draw)
    app.clientside_callback(
        ClientsideFunction("headlightLens", "showChosen"),
        Output(Ids.result, "data-columns"),
        Input(Ids.result, "children"),
        prevent_initial_call=True,
    )


def settling(lens: LogitLens, position: int) -> Settling:
    """From which layer on the model's first guess after a token is its final one.

    Example: guesses "a", "river", "sea", "river", "river" after embedding and layers 0 to 3 settle after layer 2.
    """
    firsts = [step[position][0].id for step in lens.tokens]
    settled = len(firsts) - 1
    while settled > 0 and firsts[settled - 1] == firsts[-1]:
        settled -= 1
    return Settling(settled - 1, float(lens.final_probs[settled, position]))


def answer(view: HeadView, lens: LogitLens) -> Children:
    """When the guess after the chosen token is found, in one sentence."""
    where, final = settling(lens, view.position), lens.tokens[-1][view.position][0]
    n_layers = len(lens.tokens) - 1
    after = ["After ", chip_at(view), ", ", html.Bdi(final.word, className="guess-name"), " is the first guess "]
    if where.layer == n_layers - 1 and n_layers > 0:
        return [*after, f"only after the last layer, with {percent(where.prob)}."]
    if where.layer == -1:
        return [*after, "from the embedding on, before any head has looked."]
    return [*after, f"from layer {where.layer} on, with {percent(where.prob)} there."]


def columns(view: HeadView) -> range:
    """The positions that are shown: all of them, or those up to the chosen token and as many as there is room for."""
    n = len(view.tokens)
    end = min(n, max(view.position + 1, MOST_COLUMNS))
    return range(max(0, end - MOST_COLUMNS), end)


def strip(view: HeadView, lens: LogitLens) -> html.Div:
    """The table, in a box of its own that scrolls, and what to think of it."""
    shown = columns(view)
    heads = [_column_head(view, at) for at in shown]
    corner = html.Th(html.Span("After", className="visually-hidden"), scope="col")
    rows = [_row(view, lens, step, shown) for step in range(len(lens.tokens))]
    caption = html.Caption("First guess after each token, layer by layer", className="visually-hidden")
    table = html.Table(
        [caption, html.Thead(html.Tr([corner, *heads])), html.Tbody(plain(*rows))], className="lens-table"
    )
    box = html.Div(table, className="lens-box", tabIndex=0, role="region", **aria(labelledby=Ids.title))
    return html.Div([box, html.P(f"{CAUTION}{shown_words(view, shown)}", className="panel-note")])


def shown_words(view: HeadView, shown: range) -> str:
    """Which tokens have a column, and how to reach the others; empty where all have one."""
    if len(shown) == len(view.tokens):
        return ""
    return (
        f" Shown are tokens {shown[0]} to {shown[-1]} of {len(view.tokens)}. Choose another token above "
        "to see those before it."
    )


def _column_head(view: HeadView, at: int) -> html.Th:
    return html.Th(view.tokens[at].word, scope="col", className=_chosen(view, at), **data(at=at))


def _row(view: HeadView, lens: LogitLens, step: int, shown: range) -> html.Tr:
    n_layers = len(lens.tokens) - 1
    name = "embedding" if step == 0 else f"layer {step - 1}"
    note = [html.Span("the answer", className="lens-note")] if step == n_layers else []
    cells = [_cell(view, lens, step, at) for at in shown]
    head = html.Th([name, *note], scope="row")
    return html.Tr([head, *cells], className="lens-row--answer" if step == n_layers else "")


def _cell(view: HeadView, lens: LogitLens, step: int, at: int) -> html.Td:
    guess, prob = lens.tokens[step][at][0], float(lens.probs[step, at, 0])
    return html.Td(
        guess.word,
        className=classes("lens-cell", _chosen(view, at)),
        style={"--share": f"{prob:.3f}"},
        title=f"{guess.word}: {percent(prob)}",
        **data(prob=percent(prob)),
    )


def _chosen(view: HeadView, at: int) -> str:
    return "is-chosen" if at == view.position else ""
