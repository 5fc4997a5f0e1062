"""An experiment on the page of one head: what it asks, a press that runs it, then the answer first and its evidence.

Nothing is computed before the press. Amber stays with the page's main experiment; these buttons are quiet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dash import Output, html

from components.markup import aria, classes
from components.token_chip import token_chip

if TYPE_CHECKING:
    from components.head.head_view import HeadView
    from utils.errors import UserError

Children = list[Any]


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


def card(ids: CardIds, title: str, lead: Children, press: str, class_name: str = "") -> html.Section:
    """The card before its press. Args: press: what the button says."""
    button = html.Button(press, id=ids.button, type="button", className="btn btn-quiet")
    return html.Section(
        [
            html.Div([html.H2(title, id=ids.title), button], className="experiment-head"),
            html.P(lead, className="section-lead"),
            *_places(ids),
        ],
        className=classes("surface panel experiment", class_name),
        **aria(labelledby=ids.title),
    )


def skeleton(ids: CardIds) -> html.Div:
    """The ids that callbacks name."""
    return html.Div([html.Button(id=ids.button), *_places(ids)])


def while_running(ids: CardIds, press: str) -> list[tuple[Output, str, str]]:
    """What the button says while the answer is awaited, for `running` of a callback."""
    return [(Output(ids.button, "children"), "Working …", press)]


def refused(refusal: UserError) -> str:
    """A refusal in place of the answer."""
    return f"{refusal.sentence} {refusal.hint}"


def chip_at(view: HeadView) -> html.Span:
    """The token whose next one is in question."""
    return token_chip(view.tokens[view.position], view.position)


def _places(ids: CardIds) -> Children:
    """Where answer and evidence appear; the answer is read out when it does."""
    return [
        html.P(id=ids.answer, role="status", className="experiment-answer"),
        html.Div(id=ids.result, className="experiment-result"),
    ]
