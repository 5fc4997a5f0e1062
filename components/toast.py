"""The toast: says what just happened, with a way back; never the only place of a message.

The frame has one, which assets/page.js opens and closes, and the Models page one of its own, since what is undone there
happens on the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dash_bootstrap_components as dbc
from dash import html

if TYPE_CHECKING:
    from dash.development.base_component import Component


@dataclass(frozen=True)
class ToastIds:
    """The ids of one toast, all beginning with its name."""

    name: str

    @property
    def toast(self) -> str:
        return self.name

    @property
    def text(self) -> str:
        return f"{self.name}-text"

    @property
    def undo(self) -> str:
        return f"{self.name}-undo"


def layout(ids: ToastIds, undo: Component, **timing: Any) -> dbc.Toast:
    """The toast, closed. Args: undo: its way back, with the id `ids.undo`. timing: `duration` in milliseconds for one
    that closes by itself."""
    return dbc.Toast([html.Span(id=ids.text), undo], id=ids.toast, is_open=False, className="toast-ink", **timing)
