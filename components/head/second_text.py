"""The student's own second text: what heads write there stands in for them while they are off."""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, html

from components.head.head_view import HeadView
from utils.experiments.questions import Method

NAME = "your second text’s"
HINT = "At least as long as the first text: for example the same sentence with two names swapped."


class Ids:
    text = "second-text"
    box = "second-text-box"


def layout(view: HeadView) -> html.Div:
    """The field, in sight only beside the method that reads it."""
    return _box(view.second, is_asked=view.method is Method.RESAMPLE)


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return _box("", is_asked=False)


def register(app: Dash, method_id: str) -> None:
    """The field comes with its method. Args: method_id: of the choice of methods."""

    @app.callback(Output(Ids.box, "hidden"), Input(method_id, "value"), prevent_initial_call=True)
    def show(method: str) -> bool:
        return method != Method.RESAMPLE


def typed(method: str, text: str | None) -> str:
    """The second text that counts: none for other methods, and none for one that is blank."""
    return text if text and text.strip() and method == Method.RESAMPLE else ""


def _box(text: str, is_asked: bool) -> html.Div:
    return html.Div(
        [
            html.Label("Your own second text", htmlFor=Ids.text),
            dbc.Textarea(
                id=Ids.text,
                value=text,
                placeholder="Leave it empty for a text of Headlight’s own",
                rows=2,
                spellcheck=False,
                debounce=True,
                className="second-text",
            ),
            html.P(HINT, className="panel-note"),
        ],
        id=Ids.box,
        hidden=not is_asked,
        className="second-text-box",
    )
