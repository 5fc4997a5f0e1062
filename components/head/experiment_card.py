"""An experiment on the page of one head: what it asks, a press that runs it, then the answer first and its evidence.

Nothing is computed before the press. Amber stays with the page's main experiment; these buttons are quiet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dash import Dash, Input, Output, State, dcc, html, no_update

from components import messages, run_line
from components.address import Ids as AddressIds
from components.head.head_view import METHOD_NAMES, HeadView, view_of_search
from components.markup import aria
from components.token_chip import token_chip
from utils.errors import UserError
from utils.experiments.questions import Method

if TYPE_CHECKING:
    from utils.service import Headlight

Children = list[Any]
Answer = tuple[Children | str, Children]  # in words, and its evidence


@dataclass(frozen=True)
class CardIds:
    """The ids of one experiment, all beginning with its name."""

    name: str

    @property
    def title(self) -> str:
        return f"{self.name}-title"

    @property
    def button(self) -> str:
        return f"{self.name}-run"

    @property
    def answer(self) -> str:
        return f"{self.name}-answer"

    @property
    def result(self) -> str:
        return f"{self.name}-result"


def card(
    ids: CardIds, title: str, lead: Children, press: str, *stores: Any, choices: Iterable[Any] = ()
) -> html.Section:
    """The card before its press. Args: press: what the button says; stores: what it keeps in the browser; choices: what
    is chosen before a press."""
    button = run_button(ids.button, press, "btn btn-quiet")
    return html.Section(
        [
            html.Div([html.H2(title, id=ids.title), button], className="card-head"),
            html.P(lead, className="section-lead"),
            *choices,
            *_places(ids),
            *stores,
        ],
        className="surface panel experiment asks",
        **aria(labelledby=ids.title),
    )


def run_button(name: str, words: str, class_name: str) -> html.Button:
    """Says that it runs while a result beside it, in the nearest `asks`, is awaited (assets/head-experiments.css).

    Dash marks what it waits for, and unlike `running` of a callback that does no harm on a page that is left meanwhile.
    """
    labels = [html.Span(words, className="run-idle"), html.Span("Running …", className="run-busy", **aria(hidden=True))]
    return html.Button(labels, id=name, type="button", className=f"run {class_name}")


def skeleton(ids: CardIds) -> html.Div:
    """The ids that callbacks name."""
    return html.Div([html.Button(id=ids.button), *_places(ids)])


def register(
    app: Dash, service: Headlight, ids: CardIds, find: Callable[[HeadView, Any], Answer], by: Input | None = None
) -> None:
    """A press asks about the page's address. Args: find: the answer, from the page and the value of `by`; by: what
    brings the question, by default the button."""

    @app.callback(
        Output(ids.answer, "children"),
        Output(ids.result, "children"),
        by or Input(ids.button, "n_clicks"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def fill(asked: Any, search: str | None) -> Any:
        if not asked:
            return no_update, no_update
        try:
            return find(view_of_search(service, search), asked)
        except UserError as refusal:
            return refused(refusal), []


def register_run(
    app: Dash, service: Headlight, ids: CardIds, draw: Callable[[HeadView, Any], Answer], steps: str = ""
) -> None:
    """A press asks, and what takes long is followed. Args: draw: the answer, from the page and the result; steps: as
    `run_line.register` has it."""
    outputs = Output(ids.answer, "children"), Output(ids.result, "children")
    run_line.register(
        app,
        service,
        run_line.RunIds(ids.name),
        Input(ids.button, "n_clicks"),
        outputs,
        lambda search, result: draw(view_of_search(service, search), result),
        lambda _search, refusal: (refused(refusal), []),
        steps,
    )


def refused(refusal: UserError) -> str:
    """A refusal in place of the answer."""
    return f"{refusal.sentence} {refusal.hint}"


def bad_link(view: HeadView, *names: str) -> Children:
    """What is wrong with these parts of the address, and a button that asks for what is usual instead."""
    ways = {
        "at": ("Show the last token", view.href(position=len(view.tokens) - 1)),
        "off": (f"Show {view.head} alone", view.href(off=[view.head])),
        "method": (f"Show with {METHOD_NAMES[Method.MEAN]}", view.href(method=Method.MEAN)),
    }
    parts: Children = []
    for name in names:
        if name in view.bad:
            words, href = ways[name]
            parts += [
                messages.error(view.bad[name], view.question),
                dcc.Link(words, href=href, className="btn btn-quiet"),
            ]
    return [html.Div(parts, className="bad-link")] if parts else []


def chip_at(view: HeadView) -> html.Span:
    """The token whose next one is in question."""
    return token_chip(view.tokens[view.position], view.position)


def _places(ids: CardIds) -> Children:
    """Where answer and evidence appear; the answer is read out when it does."""
    return [
        html.P(id=ids.answer, role="status", className="experiment-answer"),
        html.Div(id=ids.result, className="experiment-result"),
    ]
