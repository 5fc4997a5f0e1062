"""Something to know before reading on, with the button that changes it."""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash import html

from components.lamp import sign


def notice(sentence: str, hint: str, button: str, href: str) -> dbc.Alert:
    """The notice. button: what its link says; href: where that leads."""
    link = dbc.Button(button, href=href, className="btn-quiet")
    words = [html.P(sentence, className="message-sentence"), html.P(hint, className="message-hint"), link]
    return dbc.Alert([sign("info"), html.Div(words)], className="message", color="")
