"""The All heads page: every head of the model, as a table or as a map, sortable, filterable, to download.

Buttons write the address, and the page follows from that: a link shows everyone the same rows in the same order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import dash_bootstrap_components as dbc
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update

from components import csv_download, head_map, messages, prompt_bar, right_now
from components.address import Ids as AddressIds
from components.address import Question, head_href
from components.all_heads import cause_map, heads_csv, heads_map_card, heads_table
from components.all_heads.all_heads_view import (
    BREAKS,
    DOES,
    MAP,
    TABLE,
    WITHOUT,
    HeadsView,
    Sort,
    filters,
    heads_view,
    lead,
    title,
)
from components.cause_words import UNIT
from components.lamp import role_sign, sign
from components.literature_badge import NOTE
from components.markup import aria, classes
from components.numbers import in_words, plural
from components.switch import switch
from utils.errors import UserError
from utils.heads import HeadId
from utils.roles import OTHER, ROLES

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.levels import HeadLevels
    from utils.service import Headlight

CSV = "heads"
ALL_HEADS, ALL_AGAIN = "all", "all-again"
CAUSE_NOTE = (
    "Random words said twice, with one head at a time replaced by its average. A head that another can stand in for "
    "looks unimportant here, and heads for other things than repeating do too."
)
VIEW_PARAMETERS = ("role", "tab", "sort", "rows", "rest", "shows")


class Ids:
    tab = "heads-tab"
    shows = "heads-shows"
    find = "heads-find"
    find_answer = "heads-find-answer"
    chosen = "heads-chosen"
    card = "heads-card"

    @staticmethod
    def filter(role: Any) -> dict[str, Any]:
        return {"type": "heads-filter", "role": role}

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
            *(_map_tab(view) if view.tab == MAP else _table_tab(view)),
            *([right_now.layout(view.analysis)] if view.analysis is not None else []),
        ],
        className="heads-page",
    )


def skeleton() -> html.Div:
    """The ids that callbacks name, before any question is asked."""
    return html.Div(
        [
            _tab_switch(TABLE),
            _shows_switch(DOES),
            _find_box(),
            *csv_download.parts(CSV),
            dcc.Store(id=Ids.chosen),
            html.Div(id=Ids.card),
            head_map.skeleton(),
        ]
    )


def register(app: Dash, service: Headlight) -> None:
    """Presses change the address; the search box leads to a head; the download is made when it is asked for."""

    @app.callback(
        Output(AddressIds.location, "search", allow_duplicate=True),
        Input(heads_table.Ids.sort(ALL), "n_clicks"),
        Input(Ids.filter(ALL), "n_clicks"),
        Input(Ids.rows(ALL), "n_clicks"),
        Input(Ids.tab, "value"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def change_view(_sorts: Any, _filters: Any, _rows: Any, _tab: Any, search: str | None) -> Any:
        changed = pressed_search(ctx.triggered_id, ctx.triggered[0]["value"], search or "")
        return no_update if changed == search else changed

    @app.callback(
        Output(AddressIds.location, "search", allow_duplicate=True),
        Input(Ids.shows, "value"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def change_map(shows: str | None, search: str | None) -> Any:
        changed = pressed_search(Ids.shows, shows, search or "")
        return no_update if changed == search else changed

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
    if pressed["type"] == "heads-rows":
        return _with(parameters, rows=pressed["rows"])
    if pressed["type"] == "heads-sort":
        return _with(parameters, sort=str(Sort.parse(parameters.get("sort")).pressed(pressed["column"])))
    role = pressed["role"]
    is_on = parameters.get("role") == role
    return _with(parameters, role=None if is_on or role not in filters() else role)


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


def _shows_switch(shows: str) -> html.Div:
    ways = {DOES: "What it does", BREAKS: "What breaks without it"}
    return switch(Ids.shows, ways, shows, "Each cell shows")


def _find_box() -> html.Div:
    """Where a head's name is typed; Enter opens its page."""
    hint = "Head, e.g. L2H3"
    box = dbc.Input(id=Ids.find, placeholder=hint, class_name="find-input", autocomplete="off", maxlength=12)
    label = html.Label("Find a head", htmlFor=Ids.find, className="visually-hidden")
    answer = html.Span(id=Ids.find_answer, role="status", className="find-answer")
    return html.Div([sign("search"), label, box, answer], className="find-box")


def _table_tab(view: HeadsView) -> list[Component]:
    body: list[Component] = [heads_table.layout(view), _below_table(view)]
    if not view.filtered:
        show_all = _filter_button(ALL_AGAIN, f"Show all {len(view.levels)}", None, False)
        body = [html.Div([html.P("No head of this model does this job."), show_all], className="filter-empty")]
    job_filters = [_filters(view)] if view.catalogue is not None else []
    note = [html.P(NOTE, className="papers-note")] if heads_table.has_papers(view) else []
    table = html.Section([*job_filters, *body], className="surface heads-surface", **aria(label="All heads"))
    return [table, _legend(view), *note]


def _filters(view: HeadsView) -> html.Div:
    """One pressed button per role with its count; a status line says the number to a screen reader."""
    buttons = [_filter_button(ALL_HEADS, "All", len(view.levels), view.role is None)]
    for role in filters():
        name = ROLES[role].display_name if role != OTHER else "None"
        buttons.append(_filter_button(role, name, view.count(role), view.role == role))
    shown = html.Span(plural(len(view.filtered), "head"), role="status", className="visually-hidden")
    return html.Div(
        [*buttons, shown], role="group", className="heads-filters", **aria(label="Show heads with this job")
    )


def _filter_button(role: str, name: str, count: int | None, is_on: bool) -> html.Button:
    icon = [html.Span(role_sign(role), className=f"filter-sign role-{role}")] if role in ROLES else []
    number = [html.Span(count, className="filter-count")] if count is not None else []
    return html.Button(
        [*icon, html.Span(name), *number],
        id=Ids.filter(role),
        type="button",
        className=classes("filter", is_on and "is-on"),
        **aria(pressed=is_on),
    )


def _below_table(view: HeadsView) -> html.Div:
    n_shown, n_all = len(view.rows), len(view.filtered)
    names = {"head": "layer and head", "main": "main job", WITHOUT: "what breaks without the head"}
    name = names.get(view.sort.column)
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
    marks = (
        ("active", "active on your text"),
        ("below", "below its usual level"),
        ("chance", "chance"),
        ("notch", "active from here"),
        ("usual", "usual level"),
    )
    entries = [
        html.Span([html.Span(className=f"glyph glyph--{kind}", **aria(hidden=True)), words], className="legend-entry")
        for kind, words in marks
    ]
    entries.append(html.Span("grey bar: not a job of this head"))
    if view.has_causes:
        entries.append(html.Span(f"without it: by how much dearer, in {UNIT}; ≈ 0: too little to tell from chance"))
    return html.P(entries, className="legend heads-legend")


def _map_tab(view: HeadsView) -> list[Component]:
    deep = head_map.is_deep_map(view.levels)
    map_section = html.Section(
        _cause_map(view) if view.shows == BREAKS else _jobs_map(view),
        className="surface panel heads-map-panel",
        **aria(label="Map of all heads"),
    )
    chosen = heads_map_card.opening_head(view)
    card = html.Section(
        heads_map_card.layout(view, chosen) if chosen is not None else [],
        id=Ids.card,
        className="surface panel map-card",
        **aria(label="The head in focus", live="polite"),
    )
    jobs = [_jobs(view)] if view.catalogue is not None else []
    return [
        html.Div(
            [map_section, html.Div([dcc.Store(id=Ids.chosen), card, *jobs], className="map-side")],
            className=classes("heads-map-tab", deep and "is-deep"),
        )
    ]


def _jobs_map(view: HeadsView) -> list[Component]:
    """What every head does on the text."""
    question, deep = view.question, head_map.is_deep_map(view.levels)
    rest: list[Component] = [head_map.rest_switch(head_map.shows_rest(view.with_rest, view.role))] if deep else []
    shown = head_map.map_of(
        view.levels, question.model, question.prompt, view.role, keeps=True, with_rest=view.with_rest
    )
    return [
        _map_head(view, _flow(view.levels), heads_map_card.where_jobs_sit(view), rest),
        shown,
        head_map.legend(view.levels, heads_table.has_papers(view)),
    ]


def _cause_map(view: HeadsView) -> list[Component]:
    """What breaks without each head."""
    return [_map_head(view, cause_map.strongest(view), CAUSE_NOTE, []), cause_map.layout(view), cause_map.legend(view)]


def _map_head(view: HeadsView, title: str, words: str, more: list[Component]) -> html.Div:
    """Title and lead of a map, and its switches."""
    switches = [*([_shows_switch(view.shows)] if view.has_causes else []), *more]
    told = html.Div([html.H2(title), html.P(words)])
    return html.Div([told, html.Div(switches, className="map-switches")], className="card-head") if switches else told


def _flow(levels: list[HeadLevels]) -> str:
    """Which way text goes through the map."""
    if not levels or levels[-1].id.layer == 0:
        return "This model has one layer"
    start, end = ("on the left", "on the right") if head_map.is_deep_map(levels) else ("at the top", "at the bottom")
    return f"Text enters {start} and leaves {end}"


def _jobs(view: HeadsView) -> html.Section:
    """Every job with the number of its heads; a press dims the rest of the map."""
    rows = [
        html.Button(
            [
                heads_map_card.job_lamp(role, view.count(role)),
                html.Span(
                    ROLES[role].display_name if role != OTHER else f"None of the {in_words(len(ROLES))}",
                    className="job-word",
                ),
                html.Span(view.count(role), className="filter-count"),
            ],
            id=Ids.filter(role),
            type="button",
            className=classes("job-row", view.role == role and "is-on"),
            **aria(pressed=view.role == role),
        )
        for role in filters()
    ]
    return html.Section(
        [
            html.H2("Jobs in this model"),
            html.P("Press one to dim the rest. A head with two jobs counts twice.", className="panel-note"),
            html.Div(rows, className="job-rows"),
            *heads_map_card.why_so_common(view),
        ],
        className="surface panel",
    )
