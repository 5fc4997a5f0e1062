"""The All heads page: every head of the model, as a table or as a map, sortable, filterable, to download.

Buttons write the address, and the page follows from that: a link shows everyone the same rows in the same order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import dash_bootstrap_components as dbc
from dash import ALL, Dash, Input, Output, State, ctx, html, no_update

from components import csv_download, messages, prompt_bar, right_now
from components.address import Ids as AddressIds
from components.address import Question, head_href
from components.all_heads import heads_csv, heads_filters, heads_map_card, heads_map_tab, heads_table
from components.all_heads.all_heads_view import (
    DOES,
    LOOKING,
    MAP,
    PLAIN,
    STATE,
    TABLE,
    WITHOUT,
    WRITING,
    HeadsView,
    Sort,
    filters,
    heads_view,
    kind_of,
    kind_shown,
    lead,
    title,
)
from components.cause_words import UNIT
from components.lamp import sign
from components.literature_badge import NOTE
from components.markup import aria
from components.switch import switch
from utils.errors import UserError
from utils.heads import HeadId
from utils.roles import ROLES

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.service import Headlight

CSV = "heads"
COLUMN_NAMES = {
    "head": "layer and head",
    "main": "main job",
    STATE: "what heads do on your text",
    PLAIN: "plain score",
    WITHOUT: "what breaks without the head",
}
LOOKING_BARS = "bars: the score when a head looks; what it does not look at these places lies on the first token"
WRITING_BARS = "bars: the share of its look that goes to tokens it would write so, where that is most"
VIEW_PARAMETERS = ("role", "state", "tab", "sort", "rows", "rest", "shows", "jobs")


class Ids(heads_map_tab.Ids):
    tab = "heads-tab"
    jobs = "heads-jobs"
    find = "heads-find"
    find_answer = "heads-find-answer"

    @staticmethod
    def rows(number: Any) -> dict[str, Any]:
        return {"type": "heads-rows", "rows": number}


def layout(service: Headlight, question: Question, search: str) -> html.Div:
    """The page for one address. Raises UserError when nothing at all is known of the model."""
    view = _view(service, search)
    refusal = [messages.error(view.refusal, question)] if view.refusal is not None else []
    read_size = [prompt_bar.read_size(view.analysis, service.settings.max_tokens)] if view.analysis else []
    notices = [messages.notice(notice, question) for notice in view.analysis.notices] if view.analysis else []
    return html.Div(
        [
            *read_size,
            html.H1(title(view), id="headline", tabIndex=-1),
            html.P(lead(view), className="lead"),
            *refusal,
            *notices,
            _toolbar(view),
            *(heads_map_tab.layout(view) if view.tab == MAP else _table_tab(view)),
            *([right_now.layout(view.analysis)] if view.analysis is not None else []),
        ],
        className="heads-page",
    )


def skeleton() -> html.Div:
    """The ids that callbacks name, before any question is asked."""
    return html.Div(
        [
            _tab_switch(TABLE),
            _jobs_switch(LOOKING),
            _find_box(),
            *csv_download.parts(CSV),
            *heads_map_tab.skeleton(),
        ]
    )


def register(app: Dash, service: Headlight) -> None:
    """Presses change the address; the search box leads to a head; the download is made when it is asked for."""

    @app.callback(
        Output(AddressIds.location, "search", allow_duplicate=True),
        Input(heads_table.Ids.sort(ALL), "n_clicks"),
        Input(heads_filters.Ids.filter(ALL), "n_clicks"),
        Input(heads_filters.Ids.state(ALL), "n_clicks"),
        Input(Ids.rows(ALL), "n_clicks"),
        Input(Ids.tab, "value"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def change_view(_sorts: Any, _filters: Any, _states: Any, _rows: Any, _tab: Any, search: str | None) -> Any:
        changed = pressed_search(ctx.triggered_id, ctx.triggered[0]["value"], search or "")
        return no_update if changed == search else changed

    for control in (Ids.shows, Ids.jobs):
        _follow(app, control)

    @app.callback(
        Output(AddressIds.location, "href", allow_duplicate=True),
        Output(Ids.find_answer, "children"),
        Input(Ids.find, "n_submit"),
        State(Ids.find, "value"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def find_head(presses: int | None, text: str | None, search: str | None) -> tuple[Any, str]:
        if not presses or not (text or "").strip():
            return no_update, ""
        return found_head(_view(service, search or ""), text or "")

    def all_scores(search: str) -> tuple[str, str]:
        view = _view(service, search)
        return heads_csv.heads_csv(view.levels), csv_download.file_name(view.question.model, "heads")

    csv_download.register(app, CSV, all_scores)

    @app.callback(
        Output(Ids.card, "children"),
        Input(Ids.chosen, "data"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def show_card(head: str | None, search: str | None) -> Any:
        return heads_map_card.layout(_view(service, search or ""), HeadId.parse(head)) if head else no_update


def _follow(app: Dash, control: str) -> None:
    """A switch that only one tab has writes the address."""

    @app.callback(
        Output(AddressIds.location, "search", allow_duplicate=True),
        Input(control, "value"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def change(value: str | None, search: str | None) -> Any:
        changed = pressed_search(control, value, search or "")
        return no_update if changed == search else changed


def pressed_search(pressed: Any, value: Any, search: str) -> str:
    """The address after a press on a column, a filter, a tab or "Show all".

    Args: pressed: the id of what was pressed; value: its new value, None when it has only just appeared.
    """
    if not value:
        return search
    parameters = dict(parse_qsl(search.lstrip("?"), keep_blank_values=True))
    if pressed == Ids.tab:
        return search if value == parameters.get("tab", TABLE) else _with(parameters, tab=value)
    if pressed == Ids.shows:
        return search if value == parameters.get("shows", DOES) else _with(parameters, shows=value)
    if pressed == Ids.jobs:
        return search if value == _kind(parameters) else _showing(parameters, value)
    if pressed["type"] == "heads-rows":
        return _with(parameters, rows=pressed["rows"])
    if pressed["type"] == "heads-sort":
        sort = str(Sort.parse(parameters.get("sort")).pressed(pressed["column"]))
        return _showing(parameters | {"sort": sort}, _kind(parameters))
    if pressed["type"] == "heads-state":
        return _with(parameters, state=None if parameters.get("state") == pressed["state"] else pressed["state"])
    role = pressed["role"]
    if role == heads_filters.ALL_AGAIN:
        return _with(parameters, role=None, state=None)
    if parameters.get("role") == role or role not in filters():
        return _with(parameters, role=None)
    return _showing(parameters | {"role": role}, kind_of(role) if role in ROLES else _kind(parameters))


def found_head(view: HeadsView, text: str) -> tuple[Any, str]:
    """Where the search box leads, and what it answers when there is no such head."""
    try:
        head = view.find(text)
    except UserError as refusal:
        return no_update, refusal.sentence
    return head_href(view.question.model, view.question.prompt, *head), ""


def _with(parameters: dict[str, str], **changes: str | None) -> str:
    changed = parameters | changes
    return "?" + urlencode({key: value for key, value in changed.items() if value is not None})


def _showing(parameters: dict[str, str], kind: str) -> str:
    """The address that shows the scores of one kind of jobs; it says so only where that does not follow anyway."""
    without = {key: value for key, value in parameters.items() if key != "jobs"}
    return _with(without, jobs=None if _kind(without) == kind else kind)


def _kind(parameters: dict[str, str]) -> str:
    """Which kind of jobs an address shows the scores of."""
    return kind_shown(parameters.get("jobs"), Sort.parse(parameters.get("sort")).column, parameters.get("role"))


def _view(service: Headlight, search: str) -> HeadsView:
    question = Question.from_search(search, service.settings.default_model)
    parameters = dict(parse_qsl(search.lstrip("?")))
    return heads_view(service, question, **{key: parameters.get(key) for key in VIEW_PARAMETERS})


def _toolbar(view: HeadsView) -> html.Div:
    download = csv_download.parts(CSV, [sign("download"), "Download (CSV)"], "btn btn-quiet")
    return html.Div(
        [
            _tab_switch(view.tab),
            html.Div([_find_box(), *download], className="heads-tools"),
        ],
        className="heads-toolbar",
    )


def _tab_switch(tab: str) -> html.Div:
    return switch(Ids.tab, {TABLE: "Table", MAP: "Map"}, tab, "Show the heads as")


def _jobs_switch(kind: str) -> html.Div:
    return switch(Ids.jobs, {LOOKING: "Looking", WRITING: "Writing"}, kind, "Show the scores of jobs of")


def _find_box() -> html.Div:
    """Where a head's name is typed; Enter opens its page."""
    hint = "Head, e.g. L2H3"
    box = dbc.Input(id=Ids.find, placeholder=hint, class_name="find-input", autocomplete="off", maxlength=12)
    label = html.Label("Find a head", htmlFor=Ids.find, className="visually-hidden")
    answer = html.Span(id=Ids.find_answer, role="status", className="find-answer")
    return html.Div([sign("search"), label, box, answer], className="find-box")


def _table_tab(view: HeadsView) -> list[Component]:
    name = html.Span("Scores for jobs of:", className="filters-name")
    scores = html.Div([name, _jobs_switch(view.kind_of_jobs)], className="heads-kind")
    body: list[Component] = [scores, heads_table.layout(view), _below_table(view)]
    if not view.filtered:
        body = [heads_filters.nothing_left(view)]
    job_filters = heads_filters.layout(view) if view.catalogue is not None else []
    note = [html.P(NOTE, className="papers-note")] if heads_table.has_papers(view) else []
    table = html.Section([*job_filters, *body], className="surface heads-surface", **aria(label="All heads"))
    return [table, _legend(view), *note]


def _below_table(view: HeadsView) -> html.Div:
    n_shown, n_all = len(view.rows), len(view.filtered)
    name = COLUMN_NAMES.get(view.sort.column)
    by = (
        name or f"{ROLES[view.sort.column].display_name.lower()}{' on your text' if view.analysis else ', usual level'}"
    )
    is_short = n_shown < n_all
    more = html.Button(
        f"Show all {n_all} rows", id=Ids.rows("all"), type="button", className="btn btn-quiet", hidden=not is_short
    )
    return html.Div([more, html.P(f"{n_shown} shown, sorted by {by}")], className="heads-below")


def _legend(view: HeadsView) -> html.P:
    """The marks of the table in one line."""
    marks = (("chance", "chance"), ("notch", "active from here"), ("usual", "usual level"))
    entries = [
        html.Span([html.Span(className=f"glyph glyph--{kind}", **aria(hidden=True)), words], className="legend-entry")
        for kind, words in marks
    ]
    entries.append(html.Span("grey bar: not a job of this head"))
    entries.append(html.Span(WRITING_BARS if view.kind_of_jobs == WRITING else LOOKING_BARS))
    if view.has_causes:
        entries.append(html.Span(f"without it: by how much dearer, in {UNIT}; ≈ 0: too little to tell from chance"))
    return html.P(entries, className="legend heads-legend")
