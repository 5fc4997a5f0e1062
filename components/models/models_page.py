"""The Models page: what is analyzed or fetched now, which models are on this computer, which are known but not here.

Presses that only change what is shown write the address. Presses that do something (analyze, get, stop, remove, undo)
ask the service, and the page is drawn again from what the service then says; while something runs, a clock keeps its
card up to date. What brings files or takes them away is done only at the computer that runs Headlight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update, set_props

from components import frame, messages, toast
from components.address import MODELS_PATH, Question
from components.address import Ids as AddressIds
from components.models import models_fetching, models_running, models_table, models_terms
from components.models.models_details import Ids as DetailsIds
from components.models.models_running import Ids as RunningIds
from components.models.models_view import (
    ANALYSIS,
    FETCH,
    ModelsView,
    asked_from_this_computer,
    models_view,
    refuse_elsewhere,
)
from components.models.models_words import title
from components.numbers import plural
from utils.catalogue.file import catalogues_as_json
from utils.errors import UserError
from utils.model_config import display_name_of

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.service import Headlight

TICK_MS = 1000
LEAD = (
    "A model is ready when its weights are on this computer and its heads are catalogued: tested once, so that we "
    "know their usual levels."
)
ASKS = {"ask": "remove", "terms": "terms"}  # what an address asks, by the press that leads to it
ONLY_HERE = {
    "remove": "Models can be removed",
    "get": "Models can be fetched",
    "get-again": "Models can be fetched",
    "stop-fetch": "A fetch can be stopped",
    "accept": "Terms can be accepted",
}
WHO_LOADS = "Only models of this list, or folders that whoever runs Headlight has added, can be loaded."


class Ids:
    body = "models-body"
    tick = "models-tick"
    drawn = "models-drawn"
    json = "models-json"


def layout(service: Headlight, question: Question, search: str) -> html.Div:
    """The page for one address. Raises UserError when a catalogue file is damaged."""
    view = models_view(service, question, search)
    return html.Div(
        [
            html.Div(body(view), id=Ids.body),
            dcc.Interval(id=Ids.tick, interval=TICK_MS, disabled=not view.works),
            dcc.Download(id=Ids.json),
        ],
        className="models-page",
    )


def skeleton() -> html.Div:
    """The ids that callbacks name, before any question is asked."""
    return html.Div(
        [
            html.Div(
                [
                    html.Div(id=RunningIds.progress),
                    html.Div(id=models_fetching.Ids.progress),
                    dcc.Store(id=Ids.drawn),
                ],
                id=Ids.body,
            ),
            dcc.Interval(id=Ids.tick, disabled=True),
            dcc.Download(id=Ids.json),
        ]
    )


def body(view: ModelsView, refusal: UserError | None = None) -> list[Component]:
    """Everything that changes: headline, messages, what runs, both tables."""
    other = models_table.not_here(view)
    outcomes = [*models_fetching.outcome(view), *models_running.outcome(view)]
    return [
        html.H1(title(view), id="headline", tabIndex=-1),
        html.P(LEAD, className="lead"),
        *([messages.refused(refusal)] if refusal is not None else outcomes),
        models_fetching.layout(view),
        models_running.layout(view),
        dcc.Store(id=Ids.drawn, data=view.works),
        models_table.here(view),
        *([other] if other is not None else []),
        html.P(WHO_LOADS, className="models-facts models-foot"),
    ]


def register(app: Dash, service: Headlight) -> None:
    """Presses that change the address, presses that do something, and the clock."""
    _change_address(app)
    _do_what_is_pressed(app, service)
    _undo_removal(app, service)
    _follow_work(app, service)
    models_terms.register(app, service)
    _download_catalogue(app, service)


def _view_after_press(service: Headlight, search: str | None) -> ModelsView:
    """The page as it is once something was done; a question that was open is answered by that."""
    question = Question.from_search(search, service.settings.default_model)
    return models_view(service, question, search or "", keeps_asking=False)


def _change_address(app: Dash) -> None:
    @app.callback(
        Output(AddressIds.location, "search", allow_duplicate=True),
        Input(RunningIds.go(ALL, ALL), "n_clicks"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def change_view(_presses: Any, search: str | None) -> Any:
        if not _is_press():
            return no_update
        return pressed_search(ctx.triggered_id["action"], ctx.triggered_id["name"], search or "")


def _do_what_is_pressed(app: Dash, service: Headlight) -> None:
    @app.callback(
        Output(Ids.body, "children"),
        Output(Ids.tick, "disabled"),
        Output(toast.Ids.told, "data"),
        Input(RunningIds.act(ALL, ALL), "n_clicks"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def act(_presses: Any, search: str | None) -> Any:
        if not _is_press():
            return [no_update] * 3
        action, name = ctx.triggered_id["action"], ctx.triggered_id["name"]
        refusal, words = None, ""
        try:
            words = do(service, action, name, Question.from_search(search, service.settings.default_model).model)
        except UserError as error:
            refusal = error
        view = _view_after_press(service, search)
        told = toast.told(words, undoes=name if action == "remove" else None) if words else no_update
        return body(view, refusal), not view.works, told


def _undo_removal(app: Dash, service: Headlight) -> None:
    """Undo can be pressed wherever somebody went meanwhile; the page is drawn again only if it is still there."""

    @app.callback(
        Input(toast.Ids.undone, "data"),
        State(AddressIds.location, "pathname"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def undo(removed: str | None, path: str | None, search: str | None) -> None:
        if not removed or not asked_from_this_computer():
            return
        service.undo_removal(removed)
        if path == MODELS_PATH:
            set_props(Ids.body, {"children": body(_view_after_press(service, search))})


def _follow_work(app: Dash, service: Headlight) -> None:
    """The clock: cards of what runs are kept up to date; when something has ended, the whole page is drawn again."""

    @app.callback(
        Output(RunningIds.progress, "children"),
        Output(models_fetching.Ids.progress, "children"),
        Output(Ids.body, "children", allow_duplicate=True),
        Output(Ids.tick, "disabled", allow_duplicate=True),
        Input(Ids.tick, "n_intervals"),
        State(Ids.drawn, "data"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def follow(_ticks: int, drawn: list[str] | None, search: str | None) -> Any:
        analysis, fetch = service.catalogue_job_status(), service.fetch_status()
        is_analyzing, is_fetching = (status is not None and status.is_running for status in (analysis, fetch))
        now = [name for name, runs in ((ANALYSIS, is_analyzing), (FETCH, is_fetching)) if runs]
        if now and now == drawn:
            analyzed = models_running.progress(analysis) if analysis is not None and is_analyzing else no_update
            fetched = models_fetching.progress(fetch) if fetch is not None and is_fetching else no_update
            return analyzed, fetched, no_update, False
        view = _view_after_press(service, search)
        told = [sentence for name, sentence in _ended(view) if name in (drawn or ())]
        if told:
            set_props(frame.Ids.announcer, {"children": " ".join(told)})
        return no_update, no_update, body(view), not view.works


def _ended(view: ModelsView) -> list[tuple[str, str]]:
    """How the last analysis and the last fetch ended, unless they still run."""
    told = []
    if view.status is not None and not view.status.is_running:
        told.append((ANALYSIS, models_running.outcome_sentence(view.status)))
    if view.fetch is not None and not view.fetch.is_running:
        told.append((FETCH, models_fetching.outcome_sentence(view.fetch)))
    return told


def _download_catalogue(app: Dash, service: Headlight) -> None:
    @app.callback(
        Output(Ids.json, "data"),
        Input(DetailsIds.json(ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    def download(_presses: Any) -> Any:
        return provenance_file(service, ctx.triggered_id["name"]) if _is_press() else no_update


def do(service: Headlight, action: str, name: str, in_use: str) -> str:
    """Do what a button says; the words of the toast, empty where the page itself shows it.

    Args: in_use: the model that whoever asks is looking at. Raises: UserError when it is refused.
    """
    if action in ONLY_HERE and not asked_from_this_computer():
        raise refuse_elsewhere(ONLY_HERE[action])
    if action in ("analyze", "again"):
        service.start_catalogue_job(name)
    elif action == "stop":
        service.stop_catalogue_job(name)
    elif action == "remove":
        service.remove_model(name, in_use)
        return f"{display_name_of(name)} was removed."
    elif action in ("get", "get-again"):
        service.start_fetch(name)
    elif action == "stop-fetch":
        service.stop_fetch(name)
    elif action == "accept":
        service.accept_terms(name)
        service.start_fetch(name)
    elif action in ("look", "look-row"):
        return _looked(service, name)
    return ""


def pressed_search(action: str, name: str, search: str) -> str:
    """The address after a press: one row is open at a time, and a second press closes it."""
    parameters = dict(parse_qsl(search.lstrip("?"), keep_blank_values=True))
    asked = parameters.pop("ask", None)
    if action == "all":
        parameters["show"] = "all"
    elif action == "keep" or (action == "open" and parameters.get("open") == name and not asked):
        parameters.pop("open", None)
    else:
        parameters["open"] = name
    if action in ASKS:
        parameters["ask"] = ASKS[action]
    return f"?{urlencode(parameters)}"


def provenance_file(service: Headlight, name: str) -> Any:
    """A model's whole catalogue as it stands in the file, to download."""
    entry = next((entry for entry in service.model_entries() if entry.name == name), None)
    if entry is None or entry.catalogue is None:
        return no_update
    file_name = f"headlight-{name.rsplit('/', 1)[-1]}.json"
    return {"content": catalogues_as_json({name: entry.catalogue.catalogue}), "filename": file_name}


def _looked(service: Headlight, name: str) -> str:
    entry = next((entry for entry in service.model_entries() if entry.name == name), None)
    if entry is not None and entry.is_here:
        return f"{entry.display_name} is here now."
    n_missing = len(entry.missing) if entry is not None else 0
    return f"Still missing: {plural(n_missing, 'file')}." if n_missing else "Nothing new was found."


def _is_press() -> bool:
    """Buttons that have only just appeared trigger a callback too; nobody pressed those."""
    return bool(ctx.triggered_id and ctx.triggered[0]["value"])
