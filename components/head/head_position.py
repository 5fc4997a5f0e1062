"""The token that the experiments on a head are about: a choice that several parts of the page share, by the address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, html, no_update

from components.address import Ids as AddressIds
from components.head.head_view import HeadView, view_of_search

if TYPE_CHECKING:
    from utils.service import Headlight


class Ids:
    position = "head-position"


def layout(view: HeadView) -> html.Div:
    """Every token of the text, the chosen one shown."""
    tokens = [
        {"label": f"{position}: {token.word}", "value": str(position)} for position, token in enumerate(view.tokens)
    ]
    return html.Div(
        [
            html.Label("The experiments ask what comes after", htmlFor=Ids.position),
            dbc.Select(id=Ids.position, options=tokens, value=str(view.position)),
        ],
        className="head-position",
    )


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div(dbc.Select(id=Ids.position))


def register(app: Dash, service: Headlight) -> None:
    """A choice writes the address."""

    @app.callback(
        Output(AddressIds.location, "href", allow_duplicate=True),
        Input(Ids.position, "value"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def change_position(position: str, search: str | None) -> Any:
        view = view_of_search(service, search)
        return no_update if position == str(view.position) else view.href(position=int(position))
