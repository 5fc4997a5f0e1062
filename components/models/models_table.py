"""The two tables of the Models page: what is on this computer, and what is known but not here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import dcc, html

from components.address import roles_href
from components.lamp import sign
from components.markup import aria, classes
from components.model_words import megabytes
from components.models import models_details
from components.models.models_running import Ids as RunningIds
from components.models.models_view import ASK, FIRST_NOT_HERE, ModelsView
from components.models.models_words import origin_line, readiness_words, space_used, weights
from utils.models.listing import ModelEntry, Readiness

if TYPE_CHECKING:
    from dash.development.base_component import Component

COLUMNS = ("Model", "Layers and heads", "On disk", "Licence", "Catalogue of heads", "")
SIGNS = {Readiness.CATALOGUED: "check", Readiness.NEEDS_PERMISSION: "lock", Readiness.OBTAINABLE: "download"}
EVERY = "every"


def here(view: ModelsView) -> html.Section:
    """Models with files on this computer."""
    if not view.here:
        return html.Section(
            [html.H2("On this computer"), html.P("No model is here yet.")],
            className="surface panel models-section",
            **aria(label="On this computer"),
        )
    return _section("On this computer", space_used(view), view, view.here)


def not_here(view: ModelsView) -> html.Section | None:
    """The registry's other models, the first few unless all are asked for; None when all are here."""
    entries = view.not_here
    if not entries:
        return None
    shown = [
        entry
        for number, entry in enumerate(entries)
        if view.shows_all or number < FIRST_NOT_HERE or entry.name == view.opened
    ]
    section = _section("Known, but not here", f"{len(shown)} of {len(entries)} shown", view, shown)
    n_more = len(entries) - len(shown)
    if n_more:
        more = f"Show {n_more} more {'model' if n_more == 1 else 'models'}"
        section.children.append(
            html.Button(more, id=RunningIds.go("all", EVERY), type="button", className="btn btn-quiet")
        )
    return section


def _section(name: str, note: str, view: ModelsView, entries: list[ModelEntry]) -> html.Section:
    head = html.Thead(html.Tr([html.Th(column, scope="col") for column in COLUMNS]))
    rows = [row for entry in entries for row in _rows(view, entry)]
    heading = html.Div([html.H2(name), html.Span(note, className="models-facts")], className="models-heading")
    return html.Section(
        [heading, html.Table([head, html.Tbody(rows)], className="models-table")],
        className="surface panel models-section",
        **aria(label=name),
    )


def _rows(view: ModelsView, entry: ModelEntry) -> list[html.Tr]:
    is_open = view.opened == entry.name
    cells = [
        html.Th(_name(view, entry, is_open), scope="row"),
        html.Td(_shape(entry)),
        html.Td(megabytes(entry.n_bytes) if entry.folder is not None else "–", className="models-size"),
        html.Td(entry.licence or "not stated"),
        html.Td(_status(view, entry)),
        html.Td(html.Div(_actions(view, entry, is_open), className="models-actions")),
    ]
    rows = [html.Tr(cells, className=classes("models-row", is_open and "is-open"))]
    if is_open:
        rows.append(html.Tr(html.Td(models_details.layout(view, entry), colSpan=len(COLUMNS)), className="models-open"))
    return rows


def _name(view: ModelsView, entry: ModelEntry, is_open: bool) -> list[Component]:
    """The name opens and closes the row."""
    button = html.Button(
        [entry.display_name, sign("chevron-up" if is_open else "chevron-down")],
        id=RunningIds.go("open", entry.name),
        type="button",
        className="models-name",
        **aria(expanded=is_open),
    )
    badge = [html.Span("default", className="models-badge")] if entry.name == view.default_model else []
    return [html.Div([button, *badge]), html.Div(origin_line(entry), className="models-note")]


def _shape(entry: ModelEntry) -> list[Component]:
    layers = f"{entry.n_layers} × {entry.n_heads}" if entry.n_layers and entry.n_heads else "–"
    return [html.Div(layers), html.Div(weights(entry.n_parameters), className="models-note")]


def _status(view: ModelsView, entry: ModelEntry) -> html.Div:
    words, sentence = readiness_words(view, entry)
    name = SIGNS.get(entry.readiness)
    mark = html.Span(
        [sign(name)] if name else [], className=f"ready ready--{entry.readiness.value}", **aria(hidden=True)
    )
    return html.Div(
        [mark, html.Div([html.Div(words, className="models-status"), html.Div(sentence, className="models-note")])],
        className="models-readiness",
    )


def _actions(view: ModelsView, entry: ModelEntry, is_open: bool) -> list[Component]:
    if entry.is_here:
        buttons = [_use(view, entry), *_analyze(view, entry)]
    elif entry.folder is not None:
        buttons = [_button("Look again", RunningIds.act("look-row", entry.name))]
        buttons += _bring(view, entry, is_open) if view.is_operator and entry.can_be_fetched else []
    else:
        buttons = _bring(view, entry, is_open)
    return [*buttons, *_remove(view, entry)]


def _bring(view: ModelsView, entry: ModelEntry, is_open: bool) -> list[Component]:
    """What can be done about a model that is not here, or not all of it; only whoever runs Headlight can do it."""
    if view.is_being_fetched(entry):
        return []
    if not view.is_operator:
        return [html.Span(ASK, className="models-note")]
    if not entry.can_be_fetched:
        words = "How to ask" if entry.readiness is Readiness.NEEDS_PERMISSION else "How to add it"
        return [] if is_open else [_button(words, RunningIds.go("how", entry.name))]
    if is_open and view.terms_to_accept(entry) is not None:
        return []
    has_terms = entry.offer is not None and entry.offer.terms is not None
    press = RunningIds.go("terms", entry.name) if has_terms else RunningIds.act("get", entry.name)
    return [_button("Get it", press, disabled=view.fetching is not None)]


def _use(view: ModelsView, entry: ModelEntry) -> Component:
    if view.is_in_use(entry):
        return html.Span("In use", className="models-in-use")
    href = roles_href(entry.name, view.question.prompt)
    return dcc.Link("Use", href=href, className="btn btn-quiet", title=f"Use {entry.display_name}")


def _analyze(view: ModelsView, entry: ModelEntry) -> list[Component]:
    """Offered for a model without a catalogue that fits; disabled while another model's job runs."""
    is_wanted = entry.readiness in (Readiness.NOT_ANALYZED, Readiness.STALE)
    if not is_wanted or view.is_being_analyzed(entry):
        return []
    return [_button("Analyze", RunningIds.act("analyze", entry.name), disabled=view.running is not None)]


def _remove(view: ModelsView, entry: ModelEntry) -> list[Component]:
    if entry.name not in view.removals:
        return []
    button = html.Button(
        sign("trash"),
        id=RunningIds.go("ask", entry.name),
        type="button",
        className="btn btn-quiet models-trash",
        title="Remove",
        **aria(label=f"Remove {entry.display_name}"),
    )
    return [button]


def _button(words: str, button_id: dict[str, str], disabled: bool = False) -> html.Button:
    return html.Button(words, id=button_id, type="button", disabled=disabled, className="btn btn-quiet")
