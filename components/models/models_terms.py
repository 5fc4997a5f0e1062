"""Terms that have to be read and accepted before a model is fetched, in their own words.

They may have to be fetched first, so the row opens at once and a callback brings the words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import MATCH, Dash, Input, Output, html

from components import messages
from components.markup import aria
from components.models.models_running import Ids as RunningIds
from components.models.models_view import asked_from_this_computer, refuse_elsewhere
from utils.errors import UserError

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.models.listing import ModelEntry
    from utils.service import Headlight


class Ids:
    @staticmethod
    def words(name: Any) -> dict[str, Any]:
        return {"type": "models-terms", "name": name}


def layout(entry: ModelEntry, terms: str) -> html.Div:
    """The card of an open row. Args: terms: what they are called."""
    return html.Div(
        [
            html.H3(f"Before {entry.display_name} is fetched: {terms}"),
            html.P("Who uses it has to keep these terms. You accept them for all who use Headlight here."),
            html.Div(html.P("Getting the terms …", role="status"), id=Ids.words(entry.name)),
        ],
        className="models-card models-card--edge",
    )


def register(app: Dash, service: Headlight) -> None:
    """The words are brought when the row opens."""

    @app.callback(Output(Ids.words(MATCH), "children"), Input(Ids.words(MATCH), "id"))
    def bring(place: dict[str, str]) -> list[Component]:
        return words(service, place["name"])


def words(service: Headlight, name: str) -> list[Component]:
    """The terms as text in a box that scrolls, and what to answer; or why they cannot be shown."""
    try:
        if not asked_from_this_computer():
            raise refuse_elsewhere("Terms can be accepted")
        text = service.terms(name)
    except UserError as refusal:
        again = html.A("Try again", href="", className="btn btn-quiet on-models-card")
        return [
            messages.refused(refusal),
            html.Div([again, _not_now(name)], className="models-actions"),
        ]
    accept = html.Button(
        "I have read and accept them",
        id=RunningIds.act("accept", name),
        type="button",
        className="btn btn-quiet on-models-card",
    )
    box = html.Div(
        [html.P(line) for line in text.splitlines() if line.strip()],
        role="region",
        tabIndex=0,
        className="models-terms",
        **aria(label="The terms"),
    )
    return [box, html.Div([accept, _not_now(name)], className="models-actions")]


def _not_now(name: str) -> html.Button:
    return html.Button(
        "Not now", id=RunningIds.go("keep", name), type="button", className="btn btn-quiet on-models-card"
    )
