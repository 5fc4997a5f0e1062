"""The line that says a model is being loaded, on every page, for as long as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import Dash, Input, Output, dcc, html

from components.address import Ids as AddressIds
from components.address import Question

if TYPE_CHECKING:
    from utils.service import Headlight

TICK_MS = 1000
MOST_TICKS = 300


class Ids:
    line = "loading-line"
    tick = "loading-tick"


def layout() -> html.Div:
    """Empty, and asking once a second until the model is in memory, though not for ever where it never will be."""
    return html.Div(
        [
            html.P(id=Ids.line, role="status", className="loading-line"),
            dcc.Interval(id=Ids.tick, interval=TICK_MS, max_intervals=MOST_TICKS),
        ]
    )


def register(app: Dash, service: Headlight) -> None:
    """Each new question is followed until its model is in memory."""

    @app.callback(
        Output(Ids.line, "children"),
        Output(Ids.tick, "disabled"),
        Input(Ids.tick, "n_intervals"),
        Input(AddressIds.location, "search"),
    )
    def follow(_ticks: int | None, search: str | None) -> Any:
        return said(service, Question.from_search(search, service.settings.default_model))


def said(service: Headlight, question: Question) -> tuple[str, bool]:
    """The line's words, and whether to stop asking."""
    loading = service.loading(question.model)
    return (loading.sentence, False) if loading is not None else ("", not service.has_to_load(question.model))
