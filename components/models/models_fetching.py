"""The fetch that runs: how far it is, how long it will take, Stop; and how the last one ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import dcc, html

from components import messages
from components.address import roles_href
from components.markup import aria
from components.models.models_running import Ids as RunningIds
from components.models.models_view import ModelsView
from components.models.models_words import to_fetch
from components.progress_bar import bar, spoken
from utils.model_config import display_name_of
from utils.models.fetching import FetchState, FetchStatus

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.models.listing import ModelEntry

UNFORESEEN = "It could not be fetched, for a reason that nobody foresaw.", "The log of Headlight has the details."


class Ids:
    """progress is always on the page, empty while nothing is fetched."""

    progress = "models-fetch-progress"


def layout(view: ModelsView) -> html.Section:
    """The card of the running fetch; only the empty place for its progress when none runs."""
    status, entry = view.fetching, view.fetched_entry
    if status is None or entry is None:
        return html.Section(html.Div(id=Ids.progress), hidden=True)
    facts = [to_fetch(entry.offer), entry.licence]
    title = [
        html.H2(f"Getting {entry.display_name}", id="models-fetching-title"),
        html.Span(", ".join(fact for fact in facts if fact), className="models-facts"),
    ]
    stop = html.Button("Stop", id=RunningIds.act("stop-fetch", entry.name), type="button", className="btn btn-quiet")
    leave = html.Span("You can leave this page.", className="models-facts")
    return html.Section(
        [
            html.Div(title, className="models-running-title"),
            html.Div(progress(status), id=Ids.progress, className="models-progress"),
            html.Div([*([stop] if view.is_operator else []), leave], className="models-stop"),
        ],
        className="surface panel models-running models-fetching",
        **aria(labelledby="models-fetching-title"),
    )


def progress(status: FetchStatus) -> list[Component]:
    """The bar and the words below it."""
    done = html.Span([html.Strong(f"{int(100 * status.share)} %"), f" {status.step}"])
    words = html.Div([done, html.Strong(status.remaining)], className="models-bar-words")
    label = f"Getting {display_name_of(status.model)}"
    shown = html.Div([bar(status.share, label, status.remaining), words], className="models-bar-part")
    return [shown, spoken(status.share, "fetched")]


def outcome(view: ModelsView) -> list[Component]:
    """How the last fetch ended, with a button where one helps; nothing once that is no longer so, or while one runs."""
    status, entry = view.fetch, view.fetched_entry
    is_done = status is not None and status.state is FetchState.DONE
    if status is None or status.is_running or entry is None or is_done != entry.is_here:
        return []
    if is_done:
        return [messages.message("info", outcome_sentence(status), "", _use(view, entry), role="status")]
    is_failure = status.state is FetchState.FAILED
    told = messages.message(
        "warning" if is_failure else "info",
        outcome_sentence(status),
        _hint(status) if is_failure else "",
        _again(status) if view.is_operator else None,
        is_error=is_failure,
        role="status",
    )
    return [told]


def _use(view: ModelsView, entry: ModelEntry) -> Component | None:
    if view.is_in_use(entry):
        return None
    return dcc.Link("Use it", href=roles_href(entry.name, view.question.prompt), className="btn btn-quiet")


def outcome_sentence(status: FetchStatus) -> str:
    """Example: "SmolLM2 135M Instruct is here."."""
    if status.state is FetchState.DONE:
        return f"{display_name_of(status.model)} is here."
    if status.state is FetchState.STOPPED:
        return "Stopped. Nothing was kept."
    return status.problem.sentence if status.problem is not None else UNFORESEEN[0]


def _hint(status: FetchStatus) -> str:
    return status.problem.hint if status.problem is not None else UNFORESEEN[1]


def _again(status: FetchStatus) -> html.Button:
    words = "Try again" if status.state is FetchState.FAILED else "Start again"
    return html.Button(words, id=RunningIds.act("get-again", status.model), type="button", className="btn btn-quiet")
