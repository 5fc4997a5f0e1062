"""Switch it off: what becomes of the next token without some heads, beside the same for random other heads.

A press writes heads and method into the address, and an address that has them asks for the experiment, so that a
result can be sent as a link. A press that changes nothing asks once more. A result whose choices have changed since
fades and says what it is for. Two further questions about the same heads stand in a card below (`switch_off_more.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, dcc, html, no_update

from components import messages, run_line
from components.address import Ids as AddressIds
from components.head import head_set, second_text, switch_off_more
from components.head.experiment_card import bad_link, run_button
from components.head.head_view import METHOD_NAMES, HeadView, view_of_search
from components.head.switch_off_result import content, first_words, quoting
from components.head.switch_off_words import heads_name
from components.markup import aria
from components.switch import radio_buttons
from utils.experiments.questions import Method
from utils.experiments.runs import Kind

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.experiments.switch_off import SwitchOff
    from utils.service import Headlight

Line = run_line.RunIds("switch-off")
INVITATION = (
    "Where a head looks is no proof that it matters. Switch it off, and compare: the model reads the text again "
    "without it, and without random other heads."
)


class Ids:
    method = "switch-off-method"
    run = "switch-off-run"
    again = "switch-off-again"
    result = "switch-off-result"
    said = "switch-off-said"
    more = "switch-off-more"
    old = "switch-off-old"


def layout(view: HeadView) -> html.Section:
    """The card: its choices, and the place of the result."""
    runs = view.asks_off and not view.bad
    head = html.Div(
        [html.H2("Switch it off", id="off-title"), _run_button("Run again" if runs else "Switch it off")],
        className="card-head",
    )
    waiting = bad_link(view, "at", "off", "method") or (_placeholder() if runs else [html.P(INVITATION)])
    return html.Section(
        [
            head,
            html.Div(
                [head_set.layout(view), _method(view.method), second_text.layout(view)],
                className="off-choices",
            ),
            html.P(id=Ids.old, role="status", className="off-old"),
            html.P(id=Ids.said, role="status", className="off-answer"),
            html.Div(waiting, id=Ids.result, className="off-result"),
            run_line.layout(Line, asked(view) if runs else None),
            dcc.Store(id=Ids.again),
        ],
        className="surface panel asks",
        **aria(labelledby="off-title"),
    )


def more() -> html.Div:
    """The place of the further questions, which come with a result."""
    return html.Div(id=Ids.more)


def old_words(view: HeadView, choice: str, picked: list[str] | None, method: str, second: str | None = "") -> str:
    """What the shown result is for, where the choices are no longer those of the address; empty where they are."""
    chosen = head_set.heads_of_choice(view, choice, picked), method, second_text.typed(method, second)
    if not view.asks_off or view.bad or chosen == (view.off, view.method, view.second):
        return ""
    name = heads_name(view.off, head_set.chosen_role(view)) if view.off else "no head"
    by = second_text.NAME if view.second else METHOD_NAMES[view.method]
    return f"This is for {name}, replaced by {by}. Run again."


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div(
        [
            head_set.skeleton(),
            switch_off_more.skeleton(),
            _run_button(""),
            _method(Method.MEAN),
            second_text.skeleton(),
            html.P(id=Ids.old),
            html.P(id=Ids.said),
            more(),
            html.Div(id=Ids.result),
            run_line.layout(Line),
            dcc.Store(id=Ids.again),
        ]
    )


def register(app: Dash, service: Headlight) -> None:
    """A press writes the address; a result follows from it, and from another press on the same address."""
    head_set.register(app)
    second_text.register(app, Ids.method)
    switch_off_more.register(app, service)

    @app.callback(
        Output(AddressIds.location, "href", allow_duplicate=True),
        Output(Ids.again, "data"),
        Input(Ids.run, "n_clicks"),
        State(head_set.Ids.choice, "value"),
        State(head_set.Ids.map, "value"),
        State(Ids.method, "value"),
        State(second_text.Ids.text, "value"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def press(
        presses: int | None, choice: str, picked: list[str], method: str, second: str | None, search: str | None
    ) -> Any:
        if not presses:
            return no_update, no_update
        view = view_of_search(service, search)
        off = head_set.heads_of_choice(view, choice, picked)
        asked = view.href(off=off, method=method, second=second_text.typed(method, second))
        return (no_update, presses) if asked == view.href() and not view.bad else (asked, no_update)

    def draw(search: str, result: SwitchOff) -> tuple[Any, ...]:
        view = view_of_search(service, search)
        return quoting(first_words(view, result)), content(view, result), switch_off_more.layout(view)

    run_line.register(
        app,
        service,
        Line,
        Input(Ids.again, "data"),
        (Output(Ids.said, "children"), Output(Ids.result, "children"), Output(Ids.more, "children")),
        draw,
        lambda search, refusal: ([], [messages.error(refusal, view_of_search(service, search).question)], []),
        starts_by_itself=True,
    )

    @app.callback(
        Output(Ids.old, "children"),
        Input(head_set.Ids.choice, "value"),
        Input(head_set.Ids.map, "value"),
        Input(Ids.method, "value"),
        Input(second_text.Ids.text, "value"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def note_change(choice: str, picked: list[str] | None, method: str, second: str | None, search: str | None) -> str:
        return old_words(view_of_search(service, search), choice, picked, method, second)


def asked(view: HeadView) -> dict[str, Any]:
    """What the address asks, for the browser to keep."""
    return run_line.question(
        Kind.SWITCH_OFF,
        view.question,
        view.search,
        method=view.method.value,
        position=view.position,
        heads=tuple(map(tuple, view.off)),
        role=head_set.chosen_role(view),
        second=view.second,
    )


def _run_button(words: str) -> html.Button:
    return run_button(Ids.run, words, "btn amber-button")


def _method(method: Method) -> html.Div:
    return html.Div(
        [html.Span("Replace its output by", id="off-method-label"), radio_buttons(Ids.method, METHOD_NAMES, method)],
        role="group",
        className="off-method",
        **aria(labelledby="off-method-label"),
    )


def _placeholder() -> list[Component]:
    return [dbc.Placeholder(xs=width, className="skeleton-line part-line") for width in (10, 12, 12, 12, 8)]
