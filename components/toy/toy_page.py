"""The toy page: one layer and two layers side by side, the moment one of them learns, why, and simple detectors.

It is always about the toy pair, whatever model the address names; the address carries that model on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from dash import Dash, dcc, html
from flask import redirect, request

from components import circuits_tabs, messages, prompt_bar
from components.address import TOY_PATH, TOY_PROMPT, Question, circuits_href, toy_href
from components.chip import DOUBLED, said_twice, suggestion_chip
from components.lamp import sign
from components.toy import detector_lists, toy_card, training_plot, why_two_layers
from components.toy.toy_view import ToyView, toy_view
from utils.errors import UserError
from utils.toy.pair import INDUCTION, missing_models

if TYPE_CHECKING:
    from dash.development.base_component import Component
    from werkzeug.wrappers import Response

    from utils.service import Headlight

TITLE = "One layer cannot grow an induction head. Two can."
LEAD = (
    "Induction takes two steps: leave a note, then read it. Heads of one layer all read at the same time, before any "
    "of them has written."
)
NOT_GROWN = "The two-layer model of this pair has not grown one: two layers make it possible, not certain."
SAME = "Both models have the same width, data and training steps. Only the number of layers differs."
NEXT_MODEL = "gpt2"


def layout(service: Headlight, question: Question, _search: str = "") -> html.Div:
    """The page for one text. Raises UserError as `service.analyze` does; a missing pair is told on the page."""
    missing = missing_models(service.settings)
    if missing:
        return _page(question, [html.P(LEAD, className="lead"), messages.error(not_here(missing), question)])
    view = toy_view(service, question)
    return _page(
        question,
        [
            prompt_bar.read_size(view.two.analysis, view.max_tokens),
            html.P(lead(view), className="lead"),
            *(messages.notice(notice, question) for notice in view.two.analysis.notices),
            *_say_it_twice(view),
            html.Div([toy_card.layout(view, model) for model in view.models], className="toy-cards"),
            training_plot.layout(view),
            why_two_layers.layout(view),
            detector_lists.layout(view),
            _foot(question),
        ],
    )


def skeleton() -> html.Div:
    """The ids that callbacks name, before any question is asked."""
    return html.Div([training_plot.skeleton(), why_two_layers.skeleton(), detector_lists.skeleton()])


def register(app: Dash, service: Headlight) -> None:
    """The slider moves in the browser; fit and detectors are asked for. An address without a text gets the example."""

    @app.server.before_request
    def open_on_the_example() -> Response | None:
        if request.path != TOY_PATH or "prompt" in request.args:
            return None
        asked = urlencode(request.args.to_dict() | {"prompt": TOY_PROMPT})
        return redirect(f"{TOY_PATH}?{asked}")

    training_plot.register(app)
    why_two_layers.register(app, service)
    detector_lists.register(app, service)


def lead(view: ToyView) -> str:
    """Why it takes two layers; and, if this pair does not show it, that."""
    catalogue = view.two.catalogue
    has_grown = catalogue is None or bool(catalogue.heads_of(INDUCTION))
    return LEAD if has_grown else f"{LEAD} {NOT_GROWN}"


def not_here(missing: list[str]) -> UserError:
    """What to do about models of the pair that are not on this computer."""
    folders = " and ".join(f"models/{name}" for name in missing)
    return UserError("The toy pair is not complete on this computer.", f"It comes with Headlight: put back {folders}.")


def _page(question: Question, parts: list[Component]) -> html.Div:
    head = [circuits_tabs.layout(question, TOY_PATH), html.H1(TITLE, id="headline", tabIndex=-1)]
    return html.Div([*head, *parts], className="toy-page")


def _say_it_twice(view: ToyView) -> list[Component]:
    """Where induction cannot show: a press that may give both models something to find."""
    n_tokens = len(view.two.analysis.forward.tokens)
    if view.query_pos is not None or 2 * n_tokens > view.max_tokens:
        return []
    twice = toy_href(view.question.model, said_twice(view.question.prompt))
    chip = suggestion_chip("Say it twice", "Repeats your own text", twice, DOUBLED)
    return [html.Div(chip, className="chips")]


def _foot(question: Question) -> html.Div:
    following = dcc.Link(
        ["Next: find this circuit in GPT-2", sign("chevron-right")],
        href=circuits_href(NEXT_MODEL, question.prompt),
        className="toy-next-link",
    )
    return html.Div([html.P(SAME), following], className="page-foot")
