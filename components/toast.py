"""The toast: says what just happened, with a way back; never the only place of a message.

assets/page.js opens and closes it, so that each toast has its whole time, also when it follows another. The way back is
an address, or something that the server undoes: a callback writes `told(…, undoes=…)` into `Ids.told`, and another
reads `undoes` from `Ids.undone` once Undo was pressed, on whatever page that was.
"""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Dash, Input, dcc, html


class Ids:
    toast = "toast"
    text = "toast-text"
    undo = "toast-undo"
    told = "toast-told"
    undone = "toast-undone"


def layout() -> html.Div:
    """The toast, closed."""
    undo = dbc.Button("Undo", id=Ids.undo, href="/", className="toast-undo")
    return html.Div(
        [
            dbc.Toast([html.Span(id=Ids.text), undo], id=Ids.toast, is_open=False, className="toast-ink"),
            dcc.Store(id=Ids.told),
            dcc.Store(id=Ids.undone),
        ]
    )


def told(text: str, undoes: str | None = None) -> dict[str, Any]:
    """What to write into `Ids.told` to open the toast. Args: undoes: what Undo is for; without it there is no Undo."""
    return {"text": text, "undoes": undoes}


def register(app: Dash) -> None:
    """What is told on the server is shown."""
    app.clientside_callback(ClientsideFunction("headlight", "tell"), Input(Ids.told, "data"), prevent_initial_call=True)
