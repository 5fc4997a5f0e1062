"""The simplest detectors, on the student's own text: heads whose plain mean weight is over a threshold.

Three lists for both models side by side, kept apart from Headlight's own scores (`utils/toy/detectors.py` says why).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html

from components.address import Ids as AddressIds
from components.address import Question, head_href
from components.markup import aria
from components.score_bar import two_decimals
from components.toy.toy_view import ToyView, toy_view
from utils.toy.detectors import CURRENT, FIRST, PREVIOUS, detect, raw_detector_scores
from utils.toy.pair import ToyModel

if TYPE_CHECKING:
    from utils.service import Headlight

START_THRESHOLD = 0.4
STEP = 0.05
ROWS = {
    PREVIOUS: ("Previous token", "mean of the cells one left of the diagonal"),
    CURRENT: ("Current token", "mean of the diagonal"),
    FIRST: ("First token", "mean of the first column"),
}


class Ids:
    threshold = "detector-threshold"
    said = "detector-threshold-said"
    lists = "detector-lists"


def layout(view: ToyView) -> html.Section:
    """The lists at the threshold that ARENA's detectors use."""
    return html.Section(
        [
            html.H2("Detectors in one line", id="detectors-title"),
            html.P(
                "A first notebook finds heads like this: take the plain mean of some cells, list the heads above a "
                "threshold. Move it, and see how much of the list was the threshold.",
                className="section-lead",
            ),
            html.Div(
                [html.Div([html.Label("Threshold", htmlFor=Ids.threshold), html.Span(id=Ids.said)]), _slider()],
                className="toy-time",
            ),
            html.Div(id=Ids.lists, className="detector-box", **aria(live="polite")),
            html.P(why_apart(len(view.two.analysis.forward.tokens)), className="panel-note"),
        ],
        className="surface panel toy-detectors",
        **aria(labelledby="detectors-title"),
    )


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div([html.Span(id=Ids.said), _slider(), html.Div(id=Ids.lists)])


def register(app: Dash, service: Headlight) -> None:
    """The lists follow the threshold, which the browser says (assets/toy.js)."""
    app.clientside_callback(
        ClientsideFunction("headlightToy", "sayThreshold"),
        Output(Ids.said, "children"),
        Input(Ids.threshold, "value"),
    )

    @app.callback(
        Output(Ids.lists, "children"),
        Input(Ids.threshold, "value"),
        State(AddressIds.location, "search"),
    )
    def list_heads(threshold: float | str, search: str | None) -> html.Table:
        view = toy_view(service, Question.from_search(search, service.settings.default_model))
        return lists(view, float(threshold))


def lists(view: ToyView, threshold: float) -> html.Table:
    """One row for each detector, one column for each model."""
    found = [_found(model, threshold) for model in view.models]
    names = [html.Th("Detector", scope="col"), *(html.Th(model.title, scope="col") for model in view.models)]
    rows = [
        html.Tr(
            [
                html.Th([html.Span(title), html.Span(formula, className="detector-formula")], scope="row"),
                *(
                    _cell(view, model, scores[name], heads[name])
                    for model, (scores, heads) in zip(view.models, found, strict=True)
                ),
            ]
        )
        for name, (title, formula) in ROWS.items()
    ]
    return html.Table([html.Thead(html.Tr(names)), html.Tbody(rows)], className="detector-table")


def why_apart(n_tokens: int) -> str:
    """Why these lists are not Headlight's scores. Args: n_tokens: on this text."""
    return (
        "Headlight's own scores are kept apart from these means. Row 0 counts here, where the first token can look at "
        f"nothing but itself: of {n_tokens} tokens that alone gives every head {1 / n_tokens:.2f} for current and for "
        "first token, so a short text makes every head look like a first-token head; a plain mean knows no chance "
        "level; and what a head leaves on the first token counts against it here, where our scores ask only where it "
        "looks when it looks."
    )


def _found(model: ToyModel, threshold: float) -> tuple[dict[str, Any], dict[str, Any]]:
    scores = raw_detector_scores(model.analysis.forward.patterns)
    return scores, detect(scores, threshold)


def _cell(view: ToyView, model: ToyModel, scores: Any, heads: list[Any]) -> html.Td:
    if not heads:
        return html.Td("none", className="detector-none")
    links = [
        dcc.Link(
            [html.Strong(str(head)), f" {two_decimals(float(scores[head]))}"],
            href=head_href(model.name, view.question.prompt, *head),
            className="detector-head",
        )
        for head in heads
    ]
    return html.Td(html.Div(links, className="detector-heads"))


def _slider() -> dbc.Input:
    return dbc.Input(
        id=Ids.threshold, type="range", min=0, max=1, step=STEP, value=START_THRESHOLD, className="toy-slider"
    )
